//! Does the application answer the proxy, and nobody else?

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
    time::Duration,
};

use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::report::{Finding, Report};
use crate::config::{Upstream, UpstreamAddress};

const TOPIC: &str = "application";
const OUTSIDE: &str = "application from outside";

/// Addresses for documentation, which no packet is sent to: the system says which of its own it would use.
const ELSEWHERE: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1))),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
];

/// Where another address of this machine is asked, it answers at once or not at all.
const NEARBY: Duration = Duration::from_millis(500);

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

pub(super) async fn check(report: &mut Report, upstream: &Upstream) {
    let address = &upstream.address;
    match address {
        UpstreamAddress::Unix(path) => report.add(accepts(address, unix(path, upstream.connect_timeout).await)),
        UpstreamAddress::Tcp { host, port } => {
            let host = host.trim_matches(['[', ']']);
            let connected = within(upstream.connect_timeout, TcpStream::connect((host, *port))).await;
            let is_there = connected.is_ok();
            report.add(accepts(address, connected.map(drop)));
            if is_there && address.is_local() {
                report.add(from_outside(*port).await);
            }
        }
    }
}

async fn unix(path: &Path, patience: Duration) -> io::Result<()> {
    within(patience, UnixStream::connect(path)).await.map(drop)
}

async fn within<T>(patience: Duration, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
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

/// The application is asked at this machine's other addresses, as somebody on the network would.
async fn from_outside(port: u16) -> Finding {
    let others: Vec<IpAddr> = ELSEWHERE.iter().filter_map(|(from, to)| own_address(*from, *to).ok()).collect();
    for address in others.iter().filter(|address| !address.is_loopback()) {
        let address = SocketAddr::new(*address, port);
        if within(NEARBY, TcpStream::connect(address)).await.is_ok() {
            return Finding::warn(
                OUTSIDE,
                format!("it answers at {address} too: whoever reaches that passes the proxy by"),
                "bind 127.0.0.1 in the application (GRADIO_SERVER_NAME, --server.address, --host)",
            );
        }
    }
    Finding::ok(OUTSIDE, format!("port {port} answers on loopback only"))
}

/// Which address of its own the system would use towards `to`. Connecting a datagram socket sends nothing.
fn own_address(from: IpAddr, to: IpAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect((to, 9))?;
    socket.local_addr().map(|address| address.ip())
}
