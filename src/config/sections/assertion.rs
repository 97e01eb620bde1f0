//! The `[assertion]` section: the signed statement made to the application.

use std::time::Duration;

use http::HeaderName;

use crate::config::{SecretFile, SigningKeys};

/// The signed statement made to the application.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// The field it travels in.
    pub header: HeaderName,
    /// What signs it at the start.
    pub keys: SigningKeys,
    /// Whether other keys may sign it later.
    pub key_source: KeySource,
    /// Its `iss`.
    pub issuer: String,
    /// Its `aud`.
    pub audience: String,
    /// Its life. At least 2 s.
    pub ttl: Duration,
}

/// Where the keys of the assertion come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// From a file, which is read again when it changes.
    File(SecretFile),
    /// From anywhere else, or made at start: they stay.
    Fixed,
}
