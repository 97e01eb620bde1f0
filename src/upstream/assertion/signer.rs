//! The keys that sign statements, and those that did lately.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;

use crate::config::{PublicKey, SigningError, SigningKeys};

/// What signs from one rotation to the next.
#[derive(Debug)]
pub(super) struct Signer {
    keys: SigningKeys,
    /// The JOSE header, encoded, with its dot.
    jose: String,
    /// No other signer of this process has it.
    number: u64,
    retired: Vec<Retired>,
}

/// A public key whose private half signs no more.
#[derive(Debug, Clone)]
struct Retired {
    key: PublicKey,
    until: Instant,
}

impl Signer {
    pub(super) fn new(keys: SigningKeys) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Names of algorithms and base64url: nothing needs escaping.
        let kid = keys.kid().map(|kid| format!(r#","kid":"{kid}""#)).unwrap_or_default();
        let jose = format!(r#"{{"typ":"JWT","alg":"{}"{kid}}}"#, keys.algorithm().as_str());
        Self {
            jose: format!("{}.", URL_SAFE_NO_PAD.encode(jose)),
            keys,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            retired: Vec::new(),
        }
    }

    /// The next signer. What is published now stays so for `stay`, the keys of earlier ones until their own time.
    pub(super) fn succeeded_by(&self, keys: SigningKeys, now: Instant, stay: Duration) -> Self {
        let until = now + stay;
        let ours = self.keys.published().iter().map(|key| Retired { key: key.clone(), until });
        let earlier = self.retired.iter().filter(|retired| retired.until > now).cloned();
        let is_back = |key: &PublicKey| keys.published().iter().any(|other| other.kid() == key.kid());
        let retired = ours.chain(earlier).filter(|retired| !is_back(&retired.key)).collect();
        Self { retired, ..Self::new(keys) }
    }

    /// The JWK set of `now`.
    pub(super) fn jwks(&self, now: Instant) -> Bytes {
        if self.retired.is_empty() {
            return self.keys.jwks();
        }
        let retired = self.retired.iter().filter(|retired| retired.until > now).map(|retired| &retired.key);
        PublicKey::set(self.keys.published().iter().chain(retired))
    }

    /// The JOSE header, encoded, with its dot.
    pub(super) fn jose(&self) -> &str {
        &self.jose
    }

    /// What a statement of this signer is known by: it was made with these keys.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.keys.sign(message)
    }
}
