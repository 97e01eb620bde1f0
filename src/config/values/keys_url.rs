//! Where verification keys are fetched.

use std::fmt;

use url::Url;

use super::{
    ValueError,
    secure_url::{self, Words},
};

const WORDS: Words = Words {
    plain: "is plain http to another host, where anyone on the way could change the keys",
    remedy: "write https://host/path, or http://127.0.0.1:port/path for a key server on this machine",
};

/// Where verification keys are fetched: `https`, or `http` to a loopback host only. Never holds a query, fragment or
/// user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysUrl(Url);

impl KeysUrl {
    /// Parses an absolute URL.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        secure_url::parse(text, &WORDS).map(Self)
    }

    /// Whether keys travel without TLS (to a loopback host).
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The URL.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for KeysUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_come_from_where_anybody_could_change_them() {
        let refused = KeysUrl::parse("http://keys.example/").unwrap_err().to_string();
        assert!(refused.contains("change the keys") && refused.contains("key server"), "{refused}");
    }
}
