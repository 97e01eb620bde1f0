//! Step 5: is the token good? A [`Verified`] holds claims of which signature, parties and times were checked.
//!
//! Nothing of a token leaves this module before its signature was verified, except the names of the checks it failed; and
//! an [`Examination`], made only for an operator who pasted the token.

mod alb;
mod claims;
mod cognito;
mod examine;
#[cfg(any(test, fuzzing))]
pub(crate) mod invariants;
mod jws;
mod verified;

use thiserror::Error;

use crate::keys::KeyError;

pub use alb::{AlbVerifier, UnverifiedAlb};
pub use claims::{AccessClaims, AlbClaims};
pub use cognito::{CognitoVerifier, IssuerKeys, UnverifiedAccess};
pub use examine::{Examination, Examined};
pub use jws::JwsError;
pub use verified::Verified;

/// Why a token was refused. Checks run in a fixed order; this is the first that failed.
#[derive(Debug, Clone, Error)]
pub enum TokenError {
    /// It is not a token of the expected form: text, algorithm, critical extensions, key id, types of claims.
    #[error("the token is malformed")]
    Malformed(#[from] Malformation),
    /// A load balancer signed it that is not ours, or none is named.
    #[error("the token's signer is not an accepted load balancer: {found:?}")]
    WrongSigner {
        /// The first 256 characters of what stands in `signer`. Unverified text: escape it wherever it goes.
        found: String,
    },
    /// It was issued to another app client.
    #[error("the token belongs to another app client")]
    WrongClient,
    /// It was issued by another identity provider, or its two `iss` differ.
    #[error("the token comes from another issuer")]
    WrongIssuer,
    /// Its time is over.
    #[error("the token expired at {at}, it is {now}")]
    Expired {
        /// Its `exp`, seconds since 1970.
        at: u64,
        /// The time of the check, seconds since 1970.
        now: u64,
    },
    /// There is no key to verify it with.
    #[error("the token's key is not available")]
    Key(#[from] KeyError),
    /// The signature is not that of the key.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// It is not an access token.
    #[error("the token is not an access token")]
    WrongTokenUse,
}

/// What makes a token malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformation {
    /// Its text does not split or decode.
    #[error(transparent)]
    Text(#[from] JwsError),
    /// Its header is no JSON object, or a member is missing, doubled or of a wrong type.
    #[error("the header is not the expected json object")]
    Header,
    /// Its payload is no JSON object, or a claim is missing, doubled or of a wrong type.
    #[error("the payload is not the expected json object")]
    Payload,
    /// Its algorithm is not the one of its kind.
    #[error("the algorithm is not the expected one")]
    Algorithm,
    /// It names critical extensions; there are none we understand (RFC 7515 §4.1.11).
    #[error("the header names critical extensions")]
    CriticalExtension,
    /// Its key id is missing or not of the expected form.
    #[error("the key id has not the expected form")]
    KeyId,
}

/// The leeway and the moment a token is checked with, both in seconds.
#[derive(Debug, Clone, Copy)]
struct Clock {
    leeway: u64,
    now: u64,
}

impl Clock {
    /// RFC 7519 §4.1.4: a token is not accepted *on* or after its expiration time.
    const fn check(self, expiry: claims::NumericDate) -> Result<(), TokenError> {
        let at = expiry.seconds();
        if self.now >= at.saturating_add(self.leeway) { Err(TokenError::Expired { at, now: self.now }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
