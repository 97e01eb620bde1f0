//! Ports on loopback: the usual one, or a free one where that is taken.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use thiserror::Error;
use tokio::net::TcpListener;

use crate::{app::Listeners, server};

/// Where the browser goes unless the port is taken: the load balancer's 443, and a digit to need no privilege.
pub(super) const BALANCER: u16 = 4430;

/// Where the proxy listens in production as well, so that applications find its keys where they expect them.
pub(super) const PROXY: u16 = 8080;

/// Where the proxy's admin listener is in production as well.
pub(super) const ADMIN: u16 = 9090;

/// The port that was asked for cannot be had.
#[derive(Debug, Error)]
#[error("cannot listen on {address}; name another port, or none for a free one")]
pub(super) struct Taken {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// A listener for the browser: on the port that was asked for or nowhere, else on the usual one or a free one. `theirs` is
/// the application's.
pub(super) fn listen(asked_for: Option<u16>, theirs: Option<u16>) -> Result<TcpListener, Taken> {
    match asked_for {
        Some(port) => bind(port),
        None => usual_or_free(BALANCER, theirs),
    }
}

/// The listeners of the proxy, on the usual ports or free ones. `theirs` is the application's.
pub(super) fn proxy(theirs: Option<u16>) -> Result<Listeners, Taken> {
    Ok(Listeners { main: usual_or_free(PROXY, theirs)?, admin: Some(usual_or_free(ADMIN, theirs)?) })
}

fn usual_or_free(usual: u16, theirs: Option<u16>) -> Result<TcpListener, Taken> {
    if theirs == Some(usual) { bind(0) } else { bind(usual).or_else(|_| bind(0)) }
}

fn bind(port: u16) -> Result<TcpListener, Taken> {
    let address = loopback(port);
    server::bind(address).map_err(|source| Taken { address, source })
}

/// Nothing of the `dev` command is ever reachable from another machine.
fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
