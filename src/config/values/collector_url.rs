//! Where spans are sent.

use std::fmt;

use url::Url;

use super::{
    ValueError,
    secure_url::{self, Words},
};

const WORDS: Words = Words {
    plain: "is plain http to another host, where anyone on the way could read the spans",
    remedy: "write http://127.0.0.1:4318 for a collector on this machine, or https://host",
};

/// The base URL of a collector: `https`, or `http` to a loopback host only. Never holds a query, fragment or user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorUrl(Url);

impl CollectorUrl {
    /// Parses an absolute URL.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        secure_url::parse(text, &WORDS).map(Self)
    }

    /// The URL.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
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
    fn spans_go_to_the_path_of_the_protocol_under_the_base() {
        for (base, traces) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/traces"),
            ("https://collector.example/otlp", "https://collector.example/otlp/v1/traces"),
        ] {
            assert_eq!(CollectorUrl::parse(base).unwrap().traces(), traces);
        }
    }

    #[test]
    fn spans_do_not_go_where_anybody_could_read_them() {
        let refused = CollectorUrl::parse("http://collector.example/").unwrap_err().to_string();
        assert!(refused.contains("read the spans") && refused.contains("collector on this machine"), "{refused}");
    }
}
