//! The `[server]` section: listeners and what surrounds a request.

use std::{net::SocketAddr, time::Duration};

use ipnet::IpNet;

use crate::config::{Origin, PathPrefix};

/// Listeners and what surrounds a request.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where the load balancer connects.
    pub listen: SocketAddr,
    /// What it speaks there.
    pub scheme: Scheme,
    /// Where the platform asks for health.
    pub admin: AdminListener,
    /// The path prefix the proxy answers itself, `/.auth`.
    pub reserved_prefix: PathPrefix,
    /// Hops whose `X-Forwarded-*` is believed, and how many of them stand before us.
    pub trusted: TrustedHops,
    /// Foreign origins that may call.
    pub allowed_origins: Vec<Origin>,
    /// How the end of the process goes.
    pub drain: Drain,
    /// How long an idle connection, or one that has not finished sending a request head, stays open. Above the load
    /// balancer's idle timeout, or it meets connections that are just closing (alb-facts 5.2).
    pub keep_alive_timeout: Duration,
    /// Whose `X-Request-Id` counts.
    pub request_id: RequestIdSource,
}

impl Server {
    /// Every address it listens on.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        let admin = match self.admin {
            AdminListener::Off => None,
            AdminListener::On(address) => Some(address),
        };
        std::iter::once(self.listen).chain(admin)
    }
}

/// What is spoken on the main listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP as it is.
    Http,
    /// HTTP in TLS.
    Https,
}

impl Scheme {
    /// As URLs say it: `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The admin listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminListener {
    /// No admin listener.
    Off,
    /// Listens here.
    On(SocketAddr),
}

/// Whose `X-Forwarded-*` fields are believed.
#[derive(Debug, Clone)]
pub struct TrustedHops {
    /// Networks of trusted peers.
    pub networks: Vec<IpNet>,
    /// How many right-most `X-Forwarded-For` addresses were written by trusted hops. At least 1.
    pub hops: usize,
}

/// Times of the drain after SIGTERM.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Still accepting, readiness off, so that the load balancer looks away first.
    pub delay: Duration,
    /// Then how long open requests and streams may take.
    pub deadline: Duration,
}

/// Where request ids come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestIdSource {
    /// Always made here.
    Own,
    /// The client's where it is well-formed, else made here.
    AcceptClient,
}
