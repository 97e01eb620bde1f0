//! Where spans are sent.

use std::fmt;

use url::Url;

use super::{ValueError, keys_url::is_loopback, refuse};

/// The base URL of a collector: `https`, or `http` to a loopback host only. Never holds a query, fragment or user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorUrl(Url);

impl CollectorUrl {
    /// Parses an absolute URL.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write http://127.0.0.1:4318 for a collector on this machine, or https://host";
        let Ok(url) = Url::parse(text) else {
            return refuse("is not an absolute URL", remedy);
        };
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return refuse("has a query, fragment or user name", remedy);
        }
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(url)),
            "http" if url.host().as_ref().is_some_and(is_loopback) => Ok(Self(url)),
            "http" => refuse("is plain http to another host, where anyone on the way could read the spans", remedy),
            _ => refuse("is neither https nor http", remedy),
        }
    }

    /// Whether spans travel without TLS (to a loopback host).
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Where its OTLP/HTTP receiver takes spans.
    #[must_use]
    pub fn traces(&self) -> String {
        format!("{}/v1/traces", self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Display for CollectorUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_over_tls_or_to_this_machine() {
        for (accepted, traces) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/traces"),
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("https://collector.example/otlp", "https://collector.example/otlp/v1/traces"),
        ] {
            assert_eq!(CollectorUrl::parse(accepted).unwrap().traces(), traces);
        }
        for refused in [
            "collector.example",
            "http://collector.example/",
            "http://127.0.0.1.evil.example/",
            "grpc://127.0.0.1:4317",
            "https://key@collector.example/",
            "https://:key@collector.example/",
            "https://collector.example/?key=a",
            "https://collector.example/#a",
        ] {
            CollectorUrl::parse(refused).unwrap_err();
        }
    }
}
