//! Are the proxy's own ports free, or taken by a proxy that runs?

use std::{io, net::SocketAddr};

use super::report::{Finding, Report};
use crate::{
    commands::healthcheck::{ask, reachable},
    config::{AdminListener, Scheme, Server},
    server::bind,
};

/// Must run inside a runtime.
pub(super) fn check(report: &mut Report, server: &Server) {
    let health = format!("{}/health", server.reserved_prefix.as_str());
    report.add(port("server.listen", server.listen, (&health, server.scheme)));
    match server.admin {
        AdminListener::Off => {}
        AdminListener::On(address) => report.add(port("server.admin_listen", address, ("/health", Scheme::Http))),
    }
}

fn port(key: &'static str, address: SocketAddr, (health, scheme): (&str, Scheme)) -> Finding {
    if address.port() == 0 {
        return Finding::ok(key, "any free port");
    }
    let Err(error) = bind(address) else {
        return Finding::ok(key, format!("{address} is free: no proxy runs there yet"));
    };
    if error.kind() != io::ErrorKind::AddrInUse {
        return Finding::fail(
            key,
            format!("{address}: {error}"),
            "write an address of this machine, and a port above 1023",
        );
    }
    if ask(reachable(address), health, scheme).is_ok_and(|status| status.starts_with("HTTP/1.1 200")) {
        return Finding::ok(
            key,
            format!("{address} is taken by what answers as a healthy proxy does, this one if it runs"),
        );
    }
    Finding::fail(
        key,
        format!("{address} is taken, and what listens there is no healthy proxy"),
        "stop it, or choose another port",
    )
}
