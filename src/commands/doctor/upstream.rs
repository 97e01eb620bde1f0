//! Does the application answer the proxy, and nobody else?

use std::{io, net::SocketAddr, path::Path, time::Duration};

use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{
    outside,
    report::{Finding, Report},
};
use crate::config::{Upstream, UpstreamAddress};

const TOPIC: &str = "application";

/// What the system says, what that means, and what to do.
const REASONS: [(io::ErrorKind, &str, &str); 4] = [
    (io::ErrorKind::ConnectionRefused, "nothing listens there", "start the application, or correct upstream.url"),
    (io::ErrorKind::NotFound, "no socket is there", "start the application, or correct upstream.url"),
    (
        io::ErrorKind::TimedOut,
        "it does not answer in time",
        "look whether the application hangs, or correct upstream.url",
    ),
    (io::ErrorKind::PermissionDenied, "access is denied", "let the proxy's user into the socket and its folder"),
];

/// `ours` are the addresses that the proxy listens on.
pub(super) async fn check(report: &mut Report, upstream: &Upstream, ours: &[SocketAddr]) {
    let address = &upstream.address;
    match address {
        UpstreamAddress::Unix(path) => report.add(accepts(address, unix(path, upstream.connect_timeout).await)),
        UpstreamAddress::Tcp { host, port } => {
            let host = host.trim_matches(['[', ']']);
            let connected = within(upstream.connect_timeout, TcpStream::connect((host, *port))).await;
            let is_there = connected.is_ok();
            report.add(accepts(address, connected.map(drop)));
            if is_there && address.is_local() {
                report.add(outside::check(*port, ours).await);
            }
        }
    }
}

async fn unix(path: &Path, patience: Duration) -> io::Result<()> {
    within(patience, UnixStream::connect(path)).await.map(drop)
}

pub(super) async fn within<T>(patience: Duration, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(patience, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn accepts(address: &UpstreamAddress, connected: io::Result<()>) -> Finding {
    let error = match connected {
        Ok(()) => return Finding::ok(TOPIC, format!("{address} accepts connections")),
        Err(error) => error,
    };
    let known = REASONS.iter().find(|(kind, ..)| *kind == error.kind());
    let (what, remedy) =
        known.map_or(("the connection fails", "correct upstream.url"), |(_, what, remedy)| (what, remedy));
    Finding::fail(TOPIC, format!("{address}: {what}"), remedy)
}
