//! Where the application listens.

use std::{fmt, net::IpAddr, path::PathBuf};

use super::{ValueError, origin::split_port, refuse};

/// Where the application listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    /// `http://host:port`.
    Tcp {
        /// A name or address, IPv6 in brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// `unix:/path`.
    Unix(PathBuf),
}

impl UpstreamAddress {
    /// Parses `http://host:port` or `unix:/path`.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let remedy = "write http://127.0.0.1:7860 or unix:/run/app.sock";
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                return refuse("is not an absolute socket path", remedy);
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let Some(rest) = text.strip_prefix("http://") else {
            return refuse("is not plain http: the application is on this machine", remedy);
        };
        match split_port(rest.strip_suffix('/').unwrap_or(rest)) {
            Some((host, port)) => Ok(Self::Tcp { host, port: port.unwrap_or(80) }),
            None => refuse("is not http://host:port without a path", remedy),
        }
    }

    /// What `Host` says where the application's own address is wanted there.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp { host, port } => format!("{host}:{port}"),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Whether it is this machine, as far as its text tells. Connecting to the unspecified address stays on it too.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => {
                let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
                host == "localhost" || address.is_ok_and(|it| it.is_loopback() || it.is_unspecified())
            }
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(formatter, "http://{host}:{port}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_tcp_or_unix_address() {
        assert_eq!(UpstreamAddress::parse("http://[::1]:80").unwrap().authority(), "[::1]:80");
        for local in
            ["unix:/run/app.sock", "http://localhost:80", "http://127.0.0.9:80", "http://0.0.0.0:80", "http://[::]:80"]
        {
            assert!(UpstreamAddress::parse(local).unwrap().is_local(), "{local}");
        }
        for elsewhere in ["http://10.0.0.1:7860", "http://app:7860"] {
            assert!(!UpstreamAddress::parse(elsewhere).unwrap().is_local(), "{elsewhere}");
        }
        for refused in ["", "https://127.0.0.1", "http://a/b", "unix:app.sock", "127.0.0.1:7860"] {
            UpstreamAddress::parse(refused).unwrap_err();
        }
    }
}
