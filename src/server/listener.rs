//! Binds listening sockets.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

/// Connections the kernel holds until they are accepted: a browser's burst after a restart fits.
const BACKLOG: i32 = 1024;

/// Silence after which the kernel asks the peer whether it is still there, and how often it asks again.
const KEEP_ALIVE_TIME: Duration = Duration::from_mins(1);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Binds `address`; must run inside a runtime.
///
/// # Errors
/// The operating system's, most often that the address is in use or not of this machine.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it: a peer that is gone without a word does not hold a stream open for ever.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE_TIME).with_interval(KEEP_ALIVE_INTERVAL))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
