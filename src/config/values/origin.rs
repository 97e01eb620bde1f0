//! Web origins and authorities.

use std::str::FromStr;

use super::{ValueError, refuse};

/// A web origin: scheme, host, port (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Origin {
    /// Parses `https://host[:port]`; nothing may follow. `null` is not an origin.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write it as https://app.example.com, without a path";
        let (scheme, rest, default_port) = if let Some(rest) = text.strip_prefix("https://") {
            ("https", rest, 443)
        } else if let Some(rest) = text.strip_prefix("http://") {
            ("http", rest, 80)
        } else {
            return refuse("does not begin with https:// or http://", remedy);
        };
        let (host, port) = split_port(rest).ok_or(ValueError { problem: "is not an origin", remedy })?;
        Ok(Self { scheme, host, port: port.unwrap_or(default_port) })
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// The host, lower-cased, IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's default where none was written.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the port is the scheme's default.
    #[must_use]
    pub fn has_default_port(&self) -> bool {
        self.port == if self.scheme == "https" { 443 } else { 80 }
    }
}

/// Splits `host[:port]` into the lower-cased host (IPv6 in brackets) and the port, `None` where it is neither.
#[must_use]
pub fn split_port(authority: &str) -> Option<(String, Option<u16>)> {
    split_authority(authority).map(|(host, port)| (host.to_ascii_lowercase(), port))
}

/// The same with the host as it is written.
#[must_use]
pub fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            (host, Some(port.parse().ok().filter(|_| digits)?))
        }
        _ => (authority, None),
    };
    let valid = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').is_some_and(|ip| std::net::Ipv6Addr::from_str(ip).is_ok()),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
    };
    valid.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = Origin::parse("https://App.Example").unwrap();
        assert_eq!((origin.scheme(), origin.host(), origin.port()), ("https", "app.example", 443));
        assert_eq!(Origin::parse("http://[::1]:8080").unwrap().host(), "[::1]");
        for refused in [
            "null",
            "app.example",
            "https://app.example/",
            "https://",
            "https://a:b",
            "https://a:",
            "https://a@b",
            "https://a:99999",
            "https://a b",
        ] {
            Origin::parse(refused).unwrap_err();
        }
    }
}
