//! A handshake is no way around a decision, and a connection becomes a tunnel only when both sides said so (attack class
//! 6.20).

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{
    answers::{HANDSHAKE, hello, not_found, with},
    client::{Wire, request},
    proxy::{Proxy, Setup},
    soon,
    upstream::{Upstream, read_request},
};

const JSON: (&str, &str) = ("Accept", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn bytes_after_a_handshake_wait_for_the_applications_agreement() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Setup::in_front_of(&format!("http://{}", listener.local_addr().unwrap())).await.start().await;
    let tokens = proxy.tokens();
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request("GET /socket", &with(&tokens.fields(), &HANDSHAKE)) + "EARLY").await;
    let (mut stream, _) = soon("a connection", listener.accept()).await.unwrap();
    let mut rest = Vec::new();
    let seen = read_request(&mut stream, &mut rest).await.unwrap();
    assert_eq!((seen.field("upgrade"), seen.claims()["email"].as_str()), (Some("websocket"), Some("ann@example.com")));
    // Another request there and back, so that the proxy had its time to send what it should not.
    assert_eq!(proxy.send("GET /page", &[JSON]).await.status, 401);
    let early = stream.try_read_buf(&mut rest).map_err(|error| error.kind());
    assert_eq!((early, rest.as_slice()), (Err(std::io::ErrorKind::WouldBlock), b"".as_slice()));
    let agreement = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nTHERE";
    stream.write_all(agreement).await.unwrap();
    let answer = wire.head().await;
    assert_eq!((answer.status, answer.field("upgrade")), (101, Some("websocket")));
    assert_eq!(wire.exactly(5).await, b"THERE");
    let mut early = [0; 5];
    soon("the early bytes", stream.read_exact(&mut early)).await.unwrap();
    assert_eq!(&early, b"EARLY");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_after_a_refused_handshake_never_reach_the_application() {
    let upstream = Upstream::answering(not_found).await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request("GET /socket", &with(&tokens.fields(), &HANDSHAKE)) + "\x01\x05early bytes\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 404);
    assert_eq!(wire.answer().await.status, 400);
    assert!(wire.closes().await);
    assert_eq!(upstream.next().await.line, "GET /socket HTTP/1.1");
    assert!(upstream.unasked().is_empty());
    // Refused by us: the application hears nothing of it at all.
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request("GET /socket", &HANDSHAKE) + "\x01\x05early bytes\r\n\r\n").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
    assert_eq!(wire.answer().await.status, 400);
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_after_a_refused_handshake_is_judged_like_any_other() {
    let upstream = Upstream::answering(not_found).await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request("GET /socket", &with(&tokens.fields(), &HANDSHAKE))).await;
    assert_eq!(wire.answer().await.status, 404);
    assert_eq!(upstream.next().await.line, "GET /socket HTTP/1.1");
    wire.send(request("GET /admin", &[JSON, ("X-Auth-User", "forged")])).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
    assert!(upstream.unasked().is_empty());
    wire.send(request("GET /admin", &with(&tokens.fields(), &[("X-Auth-User", "forged")]))).await;
    assert_eq!(wire.answer().await.status, 404);
    assert_eq!(upstream.next().await.claims()["email"], "ann@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_on_a_public_path_carries_nobody() {
    let upstream = Upstream::answering(not_found).await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    assert_eq!(proxy.send_signed_in("GET /open", &HANDSHAKE).await.status, 404);
    let seen = upstream.next().await;
    assert_eq!((seen.field("upgrade"), seen.field("x-auth-user")), (Some("websocket"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_protocols_are_not_changed_to() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    for protocol in ["h2c", "TLS/1.0", "websocket, h2c", "h2c, websocket", "websocketx"] {
        let fields =
            [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", protocol), ("HTTP2-Settings", "AAMAAABkAAQAAP__")];
        let mut wire = Wire::connect(proxy.address).await;
        wire.send(request("GET /page", &with(&tokens.fields(), &fields))).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{protocol}");
        let seen = upstream.next().await;
        for name in ["upgrade", "http2-settings", "connection"] {
            assert_eq!(seen.field(name), None, "{protocol}");
        }
        // Still the protocol it was, and nobody's session.
        wire.send(request("GET /page", &[JSON])).await;
        assert_eq!(wire.answer().await.code(), "missing_credential", "{protocol}");
        let answer = proxy.send("GET /page", &with(&[JSON], &fields)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{protocol}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_with_content_is_refused() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    for (framing, body) in [
        (("Content-Length", "5"), "hello"),
        (("Content-Length", "00"), ""),
        (("Transfer-Encoding", "chunked"), "5\r\nhello\r\n0\r\n\r\n"),
        (("Transfer-Encoding", "chunked"), "0\r\n\r\n"),
    ] {
        let fields = with(&with(&tokens.fields(), &HANDSHAKE), &[framing]);
        let mut wire = Wire::connect(proxy.address).await;
        wire.send(request("GET /socket", &fields) + body).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{framing:?}");
        assert!(upstream.unasked().is_empty(), "{framing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_protocol_nobody_asked_for_is_502() {
    let upstream = Upstream::answering(|_| {
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfrom the tunnel".to_vec()
    })
    .await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    let h2c = [("Connection", "Upgrade"), ("Upgrade", "h2c")];
    let without_connection = [("Upgrade", "websocket")];
    for line in ["GET /page", "POST /page", "GET /open"] {
        for fields in [&[][..], &h2c, &without_connection] {
            let answer = proxy.send_signed_in(line, &with(fields, &[JSON])).await;
            assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{line} {fields:?}");
            assert!(!answer.text().contains("tunnel"));
            assert_eq!(upstream.next().await.field("upgrade"), None);
        }
    }
    let answer = proxy.send_signed_in("POST /page", &with(&HANDSHAKE, &[JSON])).await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"));
    assert_eq!(upstream.next().await.field("upgrade"), None);
}
