//! Reads a JWK set (RFC 7517) and keeps only what can verify RS256 with 2048 bits or more.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::Arc,
};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use super::{FetchError, PoolKeyId, Trust};

/// An RSA public key of a user pool.
pub struct PoolKey {
    key: ParsedPublicKey,
    trust: Trust,
}

impl PoolKey {
    /// Whether `signature` is the RS256 signature of `message` under this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }

    /// How long what it verified is believed.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    fn from_components(modulus: &str, exponent: &str) -> Option<Self> {
        let [n, e] = [modulus, exponent].map(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
        let (n, e) = (n?, e?);
        let components = RsaPublicKeyComponents { n: without_zeros(&n), e: without_zeros(&e) };
        let bits = components.n.len() * 8 - components.n.first()?.leading_zeros() as usize;
        // With the exponent 1 a signature is the message; an even one belongs to no RSA key.
        let odd_above_one = components.e != [1] && components.e.last().is_some_and(|byte| byte % 2 == 1);
        if !((2048..=8192).contains(&bits) && odd_above_one) {
            return None;
        }
        let key = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
        Some(Self { key, trust: Trust::begin() })
    }
}

impl fmt::Debug for PoolKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PoolKey(…)")
    }
}

/// Some encoders write the sign byte of a big integer.
fn without_zeros(mut bytes: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// The usable keys of a set, by id.
pub(super) type KeySet = HashMap<PoolKeyId, Arc<PoolKey>>;

/// What becomes of the keys of `former` when `next` takes its place: a key that is in both goes on, and one that is gone,
/// or another key under its id, takes all that it verified along.
pub(super) fn succeed(former: &KeySet, next: &mut KeySet) {
    for (id, key) in former {
        match next.get_mut(id).and_then(Arc::get_mut) {
            Some(same) if same.key.as_ref() == key.key.as_ref() => same.trust = key.trust.renewed(),
            Some(_) | None => key.trust.withdraw(),
        }
    }
}

/// Parses a set. Keys of other kinds and sizes are passed over; of two keys with one id the first counts.
///
/// A set without a usable key is refused: it would only take away the keys we have.
pub(super) fn parse(body: &[u8]) -> Result<KeySet, FetchError> {
    let set: RawSet = serde_json::from_slice(body).map_err(|_| FetchError::NotAKeySet)?;
    let mut keys = KeySet::new();
    for value in set.keys {
        let Some((id, key)) = Jwk::deserialize(value).ok().and_then(Jwk::usable) else { continue };
        if let Entry::Vacant(entry) = keys.entry(id) {
            entry.insert(Arc::new(key));
        }
    }
    if keys.is_empty() { Err(FetchError::NotAKeySet) } else { Ok(keys) }
}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    n: String,
    e: String,
}

impl Jwk {
    fn usable(self) -> Option<(PoolKeyId, PoolKey)> {
        let signs = self.usage.is_none_or(|usage| usage == "sig");
        let rs256 = self.kty == "RSA" && self.alg.is_none_or(|algorithm| algorithm == "RS256");
        if !(signs && rs256) {
            return None;
        }
        Some((PoolKeyId::parse(&self.kid)?, PoolKey::from_components(&self.n, &self.e)?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn modulus(bytes: usize) -> String {
        let mut n = vec![0xff; bytes];
        n[0] = 0x80;
        BASE64_URL_SAFE_NO_PAD.encode(n)
    }

    fn usable(keys: Value) -> Vec<String> {
        let body = json!({ "keys": keys }).to_string();
        let mut ids: Vec<_> =
            parse(body.as_bytes()).unwrap_or_default().into_keys().map(|id| format!("{id:?}")).collect();
        ids.sort();
        ids
    }

    #[test]
    fn only_rs256_signing_keys_of_2048_bits_or_more_are_kept() {
        let n = modulus(256);
        let ids = usable(json!([
            { "kty": "RSA", "kid": "plain", "n": n, "e": "AQAB" },
            { "kty": "RSA", "kid": "full", "n": n, "e": "AQAB", "use": "sig", "alg": "RS256", "x5c": [] },
            { "kty": "RSA", "kid": "encrypts", "n": n, "e": "AQAB", "use": "enc" },
            { "kty": "RSA", "kid": "other-alg", "n": n, "e": "AQAB", "alg": "RS512" },
            { "kty": "RSA", "kid": "small", "n": modulus(255), "e": "AQAB" },
            { "kty": "RSA", "kid": "huge", "n": modulus(1025), "e": "AQAB" },
            { "kty": "RSA", "kid": "padded", "n": format!("{n}=="), "e": "AQAB" },
            { "kty": "RSA", "kid": "even", "n": n, "e": "Ag" },
            { "kty": "RSA", "kid": "one", "n": n, "e": "AQ" },
            { "kty": "RSA", "kid": "none", "n": n, "e": "" },
            { "kty": "RSA", "n": n, "e": "AQAB" },
            { "kty": "oct", "kid": "secret", "k": "AAAA" },
            { "kty": "EC", "kid": "curve", "crv": "P-256", "x": "AA", "y": "AA" },
            "not a key",
        ]));
        assert_eq!(ids, [r#"PoolKeyId("full")"#, r#"PoolKeyId("plain")"#]);
    }

    #[test]
    fn a_set_without_a_usable_key_is_no_set() {
        for body in ["", "{}", "[]", r#"{"keys":[]}"#, r#"{"keys":{}}"#, "<html></html>"] {
            assert!(matches!(parse(body.as_bytes()), Err(FetchError::NotAKeySet)), "{body}");
        }
    }
}
