//! Reads the proxy's statement the way an application should: verified with the public keys, or not at all.

use http::{HeaderValue, header::GetAll};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, Jwk, JwkSet},
};
use serde_json::{Map, Value};
use thiserror::Error;

/// What a request says of its user.
#[derive(Debug)]
pub(super) enum Statement {
    /// Nothing: it came in on a public path.
    Absent,
    /// Something nobody should believe.
    Refused(Refusal),
    /// Something signed with a shared secret, which this application does not have.
    Unverifiable,
    /// These claims, verified.
    Verified(Map<String, Value>),
}

/// Why a statement is not believed.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("its text is not a signed statement, its signature is wrong or it has expired")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    #[error("the proxy's key set cannot be read")]
    Keys(#[source] serde_json::Error),
    #[error("it is there more than once")]
    Repeated,
    #[error("it names no key of the proxy")]
    UnknownKey,
}

impl Statement {
    /// Reads the values of the assertion's field, with the proxy's key set as it is now.
    pub(super) fn read(values: GetAll<'_, HeaderValue>, jwks: &[u8]) -> Self {
        let mut values = values.iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(_), Some(_)) => Self::Refused(Refusal::Repeated),
            (Some(value), None) => match serde_json::from_slice::<JwkSet>(jwks) {
                Ok(keys) if keys.keys.is_empty() => Self::Unverifiable,
                Ok(keys) => verify(value.as_bytes(), &keys).map_or_else(Self::Refused, Self::Verified),
                Err(error) => Self::Refused(Refusal::Keys(error)),
            },
        }
    }
}

/// An application of your own checks `iss` and `aud` too; this one was told neither.
fn verify(token: &[u8], keys: &JwkSet) -> Result<Map<String, Value>, Refusal> {
    let key_id = decode_header(token)?.kid.ok_or(Refusal::UnknownKey)?;
    let key = keys.find(&key_id).ok_or(Refusal::UnknownKey)?;
    let mut validation = Validation::new(algorithm(key).ok_or(Refusal::UnknownKey)?);
    validation.validate_aud = false;
    validation.leeway = 5;
    Ok(decode(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
}

/// The algorithm of the key. That of the token is the sender's wish.
const fn algorithm(key: &Jwk) -> Option<Algorithm> {
    if let AlgorithmParameters::EllipticCurve(_) = key.algorithm {
        Some(Algorithm::ES256)
    } else if let AlgorithmParameters::OctetKeyPair(_) = key.algorithm {
        Some(Algorithm::EdDSA)
    } else {
        None
    }
}
