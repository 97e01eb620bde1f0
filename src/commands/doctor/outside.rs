//! Is there a way to the application that leaves out the proxy?

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use tokio::net::TcpStream;

use super::{listening::listening, report::Finding, upstream::within};

const TOPIC: &str = "application from outside";

const REMEDY: &str = "bind 127.0.0.1 in the application (GRADIO_SERVER_NAME, --server.address, --host)";

/// Addresses for documentation, which no packet is sent to: the system says which of its own it would use.
const ELSEWHERE: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1))),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
];

/// Where another address of this machine is asked, it answers at once or not at all.
const NEARBY: Duration = Duration::from_millis(500);

/// What the system lists is a fact. Where it lists nothing for a port that answers, its addresses are asked, as somebody
/// on the network would. Where the proxy itself listens is no way past it.
pub(super) async fn check(port: u16, ours: &[SocketAddr]) -> Finding {
    let mut listed = listening(port).unwrap_or_default();
    listed.retain(|address| !ours.contains(address));
    if !listed.is_empty() {
        return judged(port, &listed);
    }
    let mut addresses = own_addresses();
    addresses.retain(|address| !ours.contains(&SocketAddr::new(*address, port)));
    asked(port, &addresses).await
}

fn judged(port: u16, listed: &BTreeSet<SocketAddr>) -> Finding {
    let open = listed.iter().filter(|address| !address.ip().is_loopback()).collect::<Vec<_>>();
    if open.is_empty() {
        return Finding::ok(TOPIC, format!("port {port} listens on loopback only: {}", enumerated(listed)));
    }
    let open = enumerated(open);
    Finding::warn(
        TOPIC,
        format!("it listens on {open}, not on loopback only: whoever reaches that passes the proxy by"),
        REMEDY,
    )
}

async fn asked(port: u16, addresses: &[IpAddr]) -> Finding {
    if addresses.is_empty() {
        return Finding::warn(
            TOPIC,
            format!("not checked: the system does not list what listens on port {port}, and names no address to ask"),
            REMEDY,
        );
    }
    let addresses = addresses.iter().map(|address| SocketAddr::new(*address, port));
    for address in addresses.clone() {
        if within(NEARBY, TcpStream::connect(address)).await.is_ok() {
            return Finding::warn(
                TOPIC,
                format!("it answers at {address} too: whoever reaches that passes the proxy by"),
                REMEDY,
            );
        }
    }
    Finding::ok(
        TOPIC,
        format!("port {port} does not answer at {}, and no other address was asked", enumerated(addresses)),
    )
}

fn enumerated(addresses: impl IntoIterator<Item: ToString>) -> String {
    addresses.into_iter().map(|address| address.to_string()).collect::<Vec<_>>().join(", ")
}

/// Those that others can reach, as far as the default routes tell.
fn own_addresses() -> Vec<IpAddr> {
    let addresses = ELSEWHERE.iter().filter_map(|(from, to)| own_address(*from, *to).ok());
    addresses.filter(|address| !address.is_loopback()).collect()
}

/// Which address of its own the system would use towards `to`. Connecting a datagram socket sends nothing.
fn own_address(from: IpAddr, to: IpAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect((to, 9))?;
    socket.local_addr().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn where_no_address_can_be_asked_it_is_not_called_good() {
        let finding = asked(7860, &[]).await.to_string();
        assert!(
            finding.starts_with("warn application from outside: not checked: ") && finding.contains("; bind "),
            "{finding}"
        );
    }

    #[tokio::test]
    async fn where_addresses_are_asked_they_are_named() {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let finding = asked(port, &[LOOPBACK]).await.to_string();
        assert!(
            finding.starts_with("warn ") && finding.contains(&format!(" answers at 127.0.0.1:{port} too")),
            "{finding}"
        );
        drop(listener);
        let finding = asked(port, &[LOOPBACK]).await.to_string();
        assert!(
            finding.starts_with("ok ") && finding.contains(&format!(" does not answer at 127.0.0.1:{port}, ")),
            "{finding}"
        );
    }
}
