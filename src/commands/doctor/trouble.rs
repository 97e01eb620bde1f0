//! Why keys could not be fetched, in the terms of whoever can change it: name, route, port, certificate, answer.

use std::{error::Error, io};

use crate::{
    cause::{innermost, is_of_tls},
    keys::FetchError,
};

/// What the system says where nothing comes back.
const SILENT: [io::ErrorKind; 3] =
    [io::ErrorKind::TimedOut, io::ErrorKind::NetworkUnreachable, io::ErrorKind::HostUnreachable];

/// What went wrong on the way to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The answer came, and is not what it should be.
    Answer,
    /// No name server knows the host, or none answers.
    Name,
    /// Nothing came back in time.
    Silence,
    /// Somebody said no.
    Refused,
    /// The TLS handshake failed.
    Tls,
    /// Anything else below HTTP.
    Other,
}

impl Trouble {
    pub(super) fn of(error: &FetchError) -> Self {
        match error {
            FetchError::Transport(error) => Self::of_transport(error),
            FetchError::Status { .. }
            | FetchError::TooLarge { .. }
            | FetchError::NotAnAlbKey
            | FetchError::NotAKeySet => Self::Answer,
            FetchError::Client(_) | FetchError::Abandoned => Self::Other,
        }
    }

    fn of_transport(error: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(error) = cause {
            if error.to_string().contains("dns error") {
                return Self::Name;
            }
            if let Some(error) = error.downcast_ref::<io::Error>().map(innermost) {
                let kind = error.kind();
                if is_of_tls(error) {
                    return Self::Tls;
                }
                if kind == io::ErrorKind::ConnectionRefused {
                    return Self::Refused;
                }
                if SILENT.contains(&kind) {
                    return Self::Silence;
                }
            }
            cause = error.source();
        }
        if error.is_timeout() { Self::Silence } else { Self::Other }
    }

    /// What happened, after the name of the place.
    pub(super) fn sentence(self, error: &FetchError) -> String {
        match self {
            Self::Answer => {
                let text = error.to_string();
                text.strip_prefix("the key endpoint ")
                    .or_else(|| text.strip_prefix("the key endpoint's "))
                    .unwrap_or(&text)
                    .to_owned()
            }
            Self::Name => "its name is not found by DNS".to_owned(),
            Self::Silence => "it does not answer in time: there is no way out to it".to_owned(),
            Self::Refused => "the connection is refused".to_owned(),
            Self::Tls => "TLS fails: its certificate or its handshake is not accepted".to_owned(),
            Self::Other => "the connection fails".to_owned(),
        }
    }

    /// What to do about it.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Answer => {
                "look who answers there: a proxy on the way perhaps, or a wrong region or pool in the settings"
            }
            Self::Name => "correct the region or the URL, or give the subnet a name server that knows the internet",
            Self::Silence => {
                "let port 443 out (security group, network ACL), and give the subnet a NAT gateway, or the task \
                 a public address or HTTPS_PROXY"
            }
            Self::Refused => "correct the URL's port, or let the firewall or HTTPS_PROXY pass it on",
            Self::Tls => {
                "look for a proxy that opens TLS on the way, and trust its CA or go around it; is the clock right?"
            }
            Self::Other => "try it with curl -v from the same place",
        }
    }
}
