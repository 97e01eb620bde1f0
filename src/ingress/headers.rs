//! Which header fields are ours to say, however they are spelt.

use http::HeaderName;

/// Whether a field is one of the load balancer's identity fields, under any spelling.
#[must_use]
pub fn is_credential(name: &HeaderName) -> bool {
    folded_starts_with(name.as_str(), "x-amzn-oidc-")
}

/// Compares after folding: lower case, every character that is not a letter or digit to `-`.
#[must_use]
pub fn folded_starts_with(name: &str, prefix: &str) -> bool {
    name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(|(a, b)| fold(a) == b)
}

/// Compares whole names after folding.
#[must_use]
pub fn folded_eq(name: &str, folded: &str) -> bool {
    name.len() == folded.len() && folded_starts_with(name, folded)
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}
