//! The echo, with a real WebSocket client.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, protocol::frame::coding::CloseCode},
};

use super::{super::echo::LARGEST_MESSAGE, *};

const HANDSHAKE: [(&str, &str); 4] = [
    ("connection", "keep-alive, Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

async fn connect(running: &Running) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    connect_async(format!("ws://{}/echo", running.address)).await.unwrap().0
}

fn close_code(message: Option<Result<Message, Error>>) -> CloseCode {
    match message {
        Some(Ok(Message::Close(Some(frame)))) => frame.code,
        other => panic!("no close with a reason: {other:?}"),
    }
}

/// The head of the answer to these bytes.
async fn answer_to(running: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    head(&mut stream).await
}

async fn head(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    while !received.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "{}", String::from_utf8_lossy(&received));
    }
    String::from_utf8(received).unwrap().to_ascii_lowercase()
}

fn handshake(version: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET /echo HTTP/{version}\r\nhost: a\r\n{fields}\r\n")
}

#[tokio::test]
async fn every_message_comes_back_as_it_was() {
    let running = Running::start().await;
    let mut socket = connect(&running).await;
    let largest = "x".repeat(LARGEST_MESSAGE);
    for message in [
        Message::text("Ünïcode <b>"),
        Message::text(""),
        Message::binary(vec![0, 255, 128]),
        Message::text(largest),
        Message::text("after it"),
    ] {
        socket.send(message.clone()).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap() == message);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_ping_is_answered_and_a_close_too() {
    let running = Running::start().await;
    let mut socket = connect(&running).await;
    socket.send(Message::Ping("are you there".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("are you there".into()));
    socket.close(None).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    assert!(socket.next().await.is_none(), "the connection ends");
    running.stop().await;
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_as_soon_as_it_is_announced() {
    let running = Running::start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(handshake("1.1", &HANDSHAKE).as_bytes()).await.unwrap();
    head(&mut stream).await;
    // RFC 6455 §5.2: the end of a text, masked, its length in 64 bits, the mask, and nothing of it yet.
    let mut frame = vec![0x81, 0xff];
    frame.extend((LARGEST_MESSAGE as u64 + 1).to_be_bytes());
    frame.extend([0; 4]);
    stream.write_all(&frame).await.unwrap();
    let mut answer = Vec::new();
    let ended = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    ended.expect("it does not wait for the message").unwrap();
    assert_eq!((answer[0], &answer[2..4]), (0x88, 1009_u16.to_be_bytes().as_slice()), "a close: too big");
    running.stop().await;
}

#[tokio::test]
async fn stopping_says_so_and_ends_every_socket() {
    let running = Running::start().await;
    let mut sockets = [connect(&running).await, connect(&running).await];
    for socket in &mut sockets {
        socket.send(Message::text("a")).await.unwrap();
        socket.next().await.unwrap().unwrap();
    }
    running.stop().await;
    for mut socket in sockets {
        assert_eq!(close_code(socket.next().await), CloseCode::Away);
    }
}

#[tokio::test]
async fn a_handshake_is_agreed_to_with_the_answer_to_its_key() {
    let running = Running::start().await;
    let answer = answer_to(&running, &handshake("1.1", &HANDSHAKE)).await;
    assert!(answer.starts_with("http/1.1 101 ") && answer.contains("connection: upgrade\r\n"), "{answer}");
    // The example of RFC 6455 §1.3.
    assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{answer}");
    running.stop().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_refused_and_told_what_is() {
    let running = Running::start().await;
    for (field, value) in [
        ("connection", None),
        ("connection", Some("keep-alive")),
        ("upgrade", None),
        ("upgrade", Some("h2c")),
        ("sec-websocket-version", None),
        ("sec-websocket-version", Some("8")),
    ] {
        let answer = answer_to(&running, &handshake("1.1", &altered(field, value))).await;
        assert!(answer.starts_with("http/1.1 426 "), "{field} {value:?}: {answer}");
        assert!(answer.contains("upgrade: websocket\r\n") && answer.contains("sec-websocket-version: 13\r\n"));
    }
    assert!(answer_to(&running, &handshake("1.0", &HANDSHAKE)).await.contains(" 426 "));
    for value in [None, Some(""), Some("c2hvcnQ="), Some("not base64"), Some("dGhlIHNhbXBsZSBub25jZQ")] {
        let answer = answer_to(&running, &handshake("1.1", &altered("sec-websocket-key", value))).await;
        assert!(answer.starts_with("http/1.1 400 "), "{value:?}: {answer}");
    }
    running.stop().await;
}

/// A handshake with another value of `field`, or without it.
fn altered<'a>(field: &'a str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    HANDSHAKE.into_iter().filter(|(name, _)| *name != field).chain(value.map(|value| (field, value))).collect()
}
