//! Both ends of a WebSocket: a real client, and a real server behind a handshake the test can look at.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{
    client::{Wire, request},
    soon,
    upstream::Seen,
};

/// One end of an open WebSocket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// The client's end of a connection whose handshake was answered with 101.
    pub(crate) async fn client(wire: Wire) -> Self {
        Self::over(wire, Role::Client).await
    }

    /// The application's end: answers the handshake it read.
    pub(crate) async fn server(mut wire: Wire, seen: &Seen, fields: &[(&str, &str)]) -> Self {
        let accept = derive_accept_key(seen.field("sec-websocket-key").expect("a key").as_bytes());
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n"
        );
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        wire.send(head + "\r\n").await;
        Self::over(wire, Role::Server).await
    }

    async fn over(wire: Wire, role: Role) -> Self {
        let (stream, read) = wire.into_parts();
        Self(WebSocketStream::from_partially_read(stream, read, role, Some(WebSocketConfig::default())).await)
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        soon("room for a message", self.0.send(message.into())).await.unwrap();
    }

    /// The next message; `None` where the connection ended without a closing handshake.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        match soon("a message", self.0.next()).await {
            Some(Ok(message)) => Some(message),
            Some(Err(Error::Io(_) | Error::Protocol(_) | Error::ConnectionClosed)) | None => None,
            Some(Err(error)) => panic!("{error}"),
        }
    }
}

/// A handshake as a browser sends it, with these fields beside.
pub(crate) fn handshake(path: &str, fields: &[(&str, &str)]) -> String {
    let own = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "http://app.example"),
    ];
    let all: Vec<(&str, &str)> = own
        .into_iter()
        .filter(|(name, _)| !fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)))
        .chain(fields.iter().copied())
        .collect();
    request(&format!("GET {path}"), &all)
}
