//! Where verification keys are fetched.

use std::fmt;

use url::{Host, Url};

use super::{ValueError, refuse};

/// Where verification keys are fetched: `https`, or `http` to a loopback host only. Never holds a query, fragment or
/// user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysUrl(Url);

impl KeysUrl {
    /// Parses an absolute URL.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write https://host/path, or http://127.0.0.1:port/path for a key server on this machine";
        let Ok(url) = Url::parse(text) else {
            return refuse("is not an absolute URL", remedy);
        };
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return refuse("has a query, fragment or user name", remedy);
        }
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(url)),
            "http" if url.host().as_ref().is_some_and(is_loopback) => Ok(Self(url)),
            "http" => refuse("is plain http to another host, where anyone on the way could change the keys", remedy),
            _ => refuse("is neither https nor http", remedy),
        }
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

pub(super) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for accepted in ["https://keys.example/a", "http://127.0.0.1:9/a", "http://localhost:9", "http://[::1]:9/"] {
            KeysUrl::parse(accepted).unwrap();
        }
        for refused in [
            "keys.example",
            "http://keys.example/",
            "http://127.0.0.1.evil.com/",
            "ftp://127.0.0.1/",
            "https://a@keys.example/",
            "https://keys.example/?a",
            "https://keys.example/#a",
        ] {
            KeysUrl::parse(refused).unwrap_err();
        }
    }
}
