//! The listeners, the hops that are believed, and times.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;

use crate::config::{
    AdminListener, Drain, Fault, Origin, PathPrefix, RequestIdSource, Scheme, Server, TrustedHops, ValueError,
    duration,
    findings::Findings,
    raw::{self, Raw},
};

/// Where dev mode listens unless told otherwise: its only safe default is another one than production's.
const DEV_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// How long a load balancer keeps an idle connection, unless told otherwise.
const BALANCERS_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

pub(in crate::config) fn server(raw: &Raw, findings: &mut Findings) -> Option<Server> {
    let listen = if raw.dev.mode && !findings.is_set("server.listen") {
        findings.show("server.listen", DEV_LISTEN.to_string(), "default of dev mode");
        Some(DEV_LISTEN)
    } else {
        findings.parsed("server.listen", socket_address(&raw.server.listen))
    };
    // A mode that does not exist is refused with its section.
    let scheme = if raw.tls.mode == "off" { Scheme::Http } else { Scheme::Https };
    let raw = &raw.server;
    let admin = findings.parsed("server.admin_listen", admin_listener(&raw.admin_listen));
    if let (Some(listen), Some(AdminListener::On(admin))) = (listen, admin)
        && listen == admin
        && listen.port() != 0
    {
        findings.refuse("server.admin_listen", Fault::Conflict { other: "the same address in server.listen" });
    }
    let reserved_prefix = findings.parsed("server.reserved_prefix", PathPrefix::parse(&raw.reserved_prefix));
    let trusted = trusted_hops(raw, findings);
    let allowed_origins = findings.list("server.allowed_origins", &raw.allowed_origins, Origin::parse);
    let delay = findings.parsed("server.drain_delay", duration::parse(&raw.drain_delay));
    let deadline = findings.parsed("server.drain_deadline", duration::parse(&raw.drain_deadline));
    let keep_alive = findings.parsed("server.keep_alive_timeout", duration::parse_positive(&raw.keep_alive_timeout));
    if let Some(AdminListener::On(address)) = admin
        && !address.ip().is_loopback()
    {
        findings.warn(
            "server.admin_listen can be reached from other machines and asks nobody who they are: let only your monitoring in, or write 127.0.0.1:9090",
        );
    }
    if keep_alive.is_some_and(|time| time <= BALANCERS_IDLE_TIMEOUT) {
        findings.warn(
            "server.keep_alive_timeout is not above the load balancer's idle timeout (60s unless changed there), which then answers 502 now and then: write 75s",
        );
    }
    Some(Server {
        listen: listen?,
        scheme,
        admin: admin?,
        reserved_prefix: reserved_prefix?,
        trusted: trusted?,
        allowed_origins,
        drain: Drain { delay: delay?, deadline: deadline? },
        keep_alive_timeout: keep_alive?,
        request_id: if raw.accept_request_id { RequestIdSource::AcceptClient } else { RequestIdSource::Own },
    })
}

fn trusted_hops(raw: &raw::Server, findings: &mut Findings) -> Option<TrustedHops> {
    let networks = findings.list("server.trusted_proxies", &raw.trusted_proxies, network);
    if networks.iter().any(|network| network.prefix_len() == 0) {
        findings.warn("server.trusted_proxies holds every address: anybody's X-Forwarded-* is believed");
    }
    let hops = findings.parsed(
        "server.trusted_hops",
        usize::try_from(raw.trusted_hops).ok().filter(|hops| *hops >= 1).ok_or(ValueError {
            problem: "is below 1",
            remedy: "write how many proxies stand before this one, 1 for the load balancer alone",
        }),
    );
    Some(TrustedHops { networks, hops: hops? })
}

fn socket_address(text: &str) -> Result<SocketAddr, ValueError> {
    SocketAddr::from_str(text).map_err(|_| ValueError {
        problem: "is not an address and port",
        remedy: "write it as 0.0.0.0:8080 or [::]:8080",
    })
}

fn admin_listener(text: &str) -> Result<AdminListener, ValueError> {
    if text == "off" {
        return Ok(AdminListener::Off);
    }
    let remedy = "write it as 127.0.0.1:9090, or off";
    socket_address(text).map(AdminListener::On).map_err(|error| ValueError { remedy, ..error })
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, ValueError> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| ValueError { problem: "is not a network", remedy: "write it as 10.0.0.0/8, or one address" })
}
