//! Binds listening sockets.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

/// Connections the kernel holds until they are accepted: a browser's burst after a restart fits.
const BACKLOG: i32 = 1024;

/// Silence after which the kernel asks the peer whether it is still there, and how often it asks again.
const KEEP_ALIVE_TIME: Duration = Duration::from_mins(1);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How much the kernel takes from us before it has sent it. Without this there is room to write again only when a third of
/// a buffer of up to 4 MiB is free: a client on a slow line that takes all the time would look like one that takes nothing.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// Binds `address`; must run inside a runtime.
///
/// # Errors
/// The operating system's, most often that the address is in use or not of this machine.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it: a peer that is gone without a word does not hold a stream open for ever.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE_TIME).with_interval(KEEP_ALIVE_INTERVAL))?;
    // Inherited too.
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpSocket, time::timeout};

    use super::*;

    #[tokio::test]
    async fn a_client_that_takes_little_at_a_time_is_seen_to_take_something() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let mut client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        for round in 0..20 {
            while server.try_write(&[0; 64 * 1024]).is_ok() {}
            client.read_exact(&mut [0; 128 * 1024]).await.unwrap();
            // Nothing else is waited for, so that this time is long.
            let room = timeout(Duration::from_secs(20), server.writable()).await;
            assert!(room.is_ok(), "no room in round {round}");
        }
    }
}
