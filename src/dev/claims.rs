//! What stands in tokens, with its members in the order of the real ones.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Serialize)]
pub(super) struct AlbHeader<'a> {
    pub(super) typ: &'a str,
    pub(super) kid: &'a str,
    pub(super) alg: &'a str,
    pub(super) iss: &'a str,
    pub(super) client: &'a str,
    pub(super) signer: &'a str,
    pub(super) exp: u64,
}

#[derive(Serialize)]
pub(super) struct AlbPayload<'a> {
    pub(super) sub: &'a str,
    pub(super) email_verified: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) given_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) family_name: Option<&'a str>,
    pub(super) email: &'a str,
    pub(super) username: &'a str,
    #[serde(flatten)]
    pub(super) groups: BTreeMap<&'a str, &'a [String]>,
    pub(super) exp: u64,
    pub(super) iss: &'a str,
}

#[derive(Serialize)]
pub(super) struct AccessHeader<'a> {
    pub(super) kid: &'a str,
    pub(super) alg: &'a str,
}

#[derive(Serialize)]
pub(super) struct AccessPayload<'a> {
    pub(super) sub: &'a str,
    #[serde(flatten)]
    pub(super) groups: BTreeMap<&'a str, &'a [String]>,
    pub(super) iss: &'a str,
    pub(super) version: u8,
    pub(super) client_id: &'a str,
    pub(super) origin_jti: &'a str,
    pub(super) token_use: &'a str,
    pub(super) scope: &'a str,
    pub(super) auth_time: u64,
    pub(super) exp: u64,
    pub(super) iat: u64,
    pub(super) jti: &'a str,
    pub(super) username: &'a str,
}

/// Absent, not empty, for a user without groups.
pub(super) fn groups_claim<'a>(claim: &'a str, groups: &'a [String]) -> BTreeMap<&'a str, &'a [String]> {
    if groups.is_empty() { BTreeMap::new() } else { BTreeMap::from([(claim, groups)]) }
}

#[expect(clippy::expect_used, reason = "these types have string keys and nothing that can fail")]
pub(super) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("JSON text")
}
