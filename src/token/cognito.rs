//! The user pool's access token: RS256 under a key of the configured pool, issued for the same app client as the ALB's.

use std::sync::Arc;

use super::{
    Clock, Malformation, TokenError, Verified,
    claims::{self, AccessClaims, AccessHeader, AccessPayload, Presence},
    jws::{Jws, Padding},
};
use crate::{
    config::{ClientId, Verification},
    keys::{KeyError, PoolKey, PoolKeyId, PoolKeys},
};

/// The keys that verify tokens of one issuer.
#[derive(Debug, Clone)]
pub struct IssuerKeys {
    /// The `iss` they belong to.
    pub issuer: String,
    /// The keys.
    pub keys: Arc<PoolKeys>,
}

/// Verifies `x-amzn-oidc-accesstoken` of a Cognito user pool.
#[derive(Debug)]
pub struct CognitoVerifier {
    clients: Vec<ClientId>,
    pub(super) issuers: Vec<String>,
    key_sets: Vec<IssuerKeys>,
    groups_claim: String,
    pub(super) leeway: u64,
}

/// A token of the right form, and the key for its signature. It says nothing until it is verified.
pub struct UnverifiedAccess<'t> {
    verifier: &'t CognitoVerifier,
    jws: Jws<'t>,
    payload: AccessPayload,
    groups: Vec<String>,
    key: Arc<PoolKey>,
}

impl UnverifiedAccess<'_> {
    /// The signature, some 15 µs of work without a wait, and then whom it was issued by and for, and its time.
    pub fn verify(self, client: &str, now: u64) -> Result<Verified<AccessClaims>, TokenError> {
        let Self { verifier, jws, payload, groups, key } = self;
        if !key.verifies(jws.signing_input, &jws.signature) {
            return Err(TokenError::BadSignature);
        }
        verifier.check_parties(&payload, client)?;
        Clock { leeway: verifier.leeway, now }.check(payload.exp)?;
        let expires_at = payload.exp.seconds();
        let claims = AccessClaims { subject: payload.sub.0, username: payload.username, groups, expires_at };
        Ok(Verified::assertion(claims, key.trust().clone()))
    }
}

impl std::fmt::Debug for UnverifiedAccess<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("UnverifiedAccess(…)")
    }
}

impl CognitoVerifier {
    /// Expects the parties of `expected`; groups are in `groups_claim`. The first of `key_sets` also serves issuers that
    /// none of them names; without any, every token is refused.
    #[must_use]
    pub fn new(expected: &Verification, key_sets: Vec<IssuerKeys>, groups_claim: String) -> Self {
        Self {
            clients: expected.client_ids.clone(),
            issuers: expected.issuers.clone(),
            key_sets,
            groups_claim,
            leeway: expected.leeway.as_secs(),
        }
    }

    /// Verifies `token` at `now` (seconds since 1970); it must have been issued to `client`, the ALB token's.
    pub async fn verify(&self, token: &[u8], client: &str, now: u64) -> Result<Verified<AccessClaims>, TokenError> {
        self.prepare(token).await?.verify(client, now)
    }

    /// What comes before the signature: the cheap part, and the one that may wait for a key.
    pub async fn prepare<'t>(&'t self, token: &'t [u8]) -> Result<UnverifiedAccess<'t>, TokenError> {
        let jws = Jws::parse(token, Padding::Refused).map_err(Malformation::from)?;
        let id = check_header(&jws.header)?;
        let payload: AccessPayload = claims::payload(&jws.payload)?;
        let groups = claims::groups(&jws.payload, &self.groups_claim)?;
        let key = self.keys_for(payload.iss.as_deref())?.key(&id).await?;
        Ok(UnverifiedAccess { verifier: self, jws, payload, groups, key })
    }

    /// The unverified issuer chooses among the configured key sets; it never makes an address.
    pub(super) fn keys_for(&self, issuer: Option<&str>) -> Result<&PoolKeys, KeyError> {
        let named = self.key_sets.iter().find(|set| Some(set.issuer.as_str()) == issuer);
        named.or_else(|| self.key_sets.first()).map(|set| &*set.keys).ok_or(KeyError::Unknown)
    }

    pub(super) fn check_parties(&self, payload: &AccessPayload, client: &str) -> Result<(), TokenError> {
        self.check_issuer(payload)?;
        check_use(payload)?;
        self.check_client(payload, client)
    }

    pub(super) fn check_issuer(&self, payload: &AccessPayload) -> Result<(), TokenError> {
        let accepted = payload.iss.as_ref().is_some_and(|issuer| self.issuers.contains(issuer));
        if accepted { Ok(()) } else { Err(TokenError::WrongIssuer) }
    }

    pub(super) fn check_client(&self, payload: &AccessPayload, client: &str) -> Result<(), TokenError> {
        let issued_to = payload.client_id.as_deref().unwrap_or_default();
        if issued_to != client || !self.clients.iter().any(|id| id.as_str() == issued_to) {
            return Err(TokenError::WrongClient);
        }
        Ok(())
    }
}

/// The pool's ID tokens are signed with keys of the same set.
pub(super) fn check_use(payload: &AccessPayload) -> Result<(), TokenError> {
    if payload.token_use.as_deref() == Some("access") { Ok(()) } else { Err(TokenError::WrongTokenUse) }
}

pub(super) fn check_header(json: &[u8]) -> Result<PoolKeyId, Malformation> {
    let header: AccessHeader = claims::header(json)?;
    if header.alg != "RS256" {
        return Err(Malformation::Algorithm);
    }
    if header.crit == Presence::Present {
        return Err(Malformation::CriticalExtension);
    }
    header.kid.as_deref().and_then(PoolKeyId::parse).ok_or(Malformation::KeyId)
}
