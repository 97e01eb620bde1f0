//! Connections that come, send or take too slowly, and connections that are too many.

use crate::support::{
    application::Application,
    client::{Wire, request},
    eventually,
    h2::H2,
    log,
    proxy::{Proxy, Setup},
    upstream::Upstream,
    websocket::{Socket, handshake},
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn start(name: &str, value: &str) -> (Application, Proxy) {
    let application = Application::listen().await;
    let proxy = Setup::in_front_of(&application.url()).await.set(name, value).start().await;
    (application, proxy)
}

async fn asking(proxy: &Proxy, line: &str, fields: &[(&str, &str)]) -> Wire {
    let all: Vec<(&str, &str)> = [SCRIPT].iter().chain(fields).copied().collect();
    let tokens = proxy.tokens();
    let all: Vec<(&str, &str)> = tokens.fields().into_iter().chain(all).collect();
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request(line, &all)).await;
    wire
}

/// Returns after the time for a head has run out twice, as a slow client found.
async fn two_slow_heads(proxy: &Proxy) {
    for _ in 0..2 {
        let mut slow = Wire::connect(proxy.address).await;
        slow.send("GET / HT").await;
        assert_eq!(slow.answer().await.status, 408);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_in_is_408_while_others_are_answered() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_HEAD_TIMEOUT", "300ms").start().await;
    let mut slow = Wire::connect(proxy.address).await;
    slow.send("GET /slow HTTP/1.1\r\nHost: app.example\r\nX-Slow: ").await;
    let mut others = 0;
    // A byte after every answer to somebody else: something always comes.
    while slow.has_nothing_more() && slow.try_send("x").await.is_ok() {
        assert_eq!(proxy.send_signed_in("GET /whole", &[]).await.text(), "hello");
        others += 1;
    }
    let answer = slow.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
    assert_eq!(answer.field("connection"), Some("close"));
    assert!(slow.closes().await);
    let seen = upstream.unasked();
    assert_eq!(seen.len(), others);
    assert!(seen.iter().all(|seen| seen.line == "GET /whole HTTP/1.1"));
    assert!(proxy.counts("limits_reached_total{limit=\"head_timeout\"} 1").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_no_slow_head() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_HEAD_TIMEOUT", "200ms").start().await;
    let mut unused = Wire::connect(proxy.address).await;
    let mut idle = asking(&proxy, "GET /", &[]).await;
    assert_eq!(idle.answer().await.text(), "hello");
    two_slow_heads(&proxy).await;
    for wire in [&mut idle, &mut unused] {
        assert!(wire.has_nothing_more());
        wire.send(request("GET /", &proxy.tokens().fields())).await;
        assert_eq!(wire.answer().await.text(), "hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_upload_and_a_slow_answer_are_no_slow_heads() {
    let (application, proxy) = start("COGNITO_AUTH_HEAD_TIMEOUT", "200ms").await;
    let mut client = asking(&proxy, "PUT /file", &[("Content-Length", "8")]).await;
    let mut app = application.accept().await;
    app.request().await;
    for part in ["slow", "ness"] {
        client.send(part).await;
        assert_eq!(app.exactly(4).await, part.as_bytes());
        two_slow_heads(&proxy).await;
    }
    app.send(OK).await;
    assert_eq!(client.answer().await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_no_slow_head() {
    let (application, proxy) = start("COGNITO_AUTH_HEAD_TIMEOUT", "200ms").await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(handshake("/ws", &proxy.tokens().fields())).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    let mut app = Socket::server(app, &seen, &[]).await;
    assert_eq!(client.head().await.status, 101);
    let mut client = Socket::client(client).await;
    for text in ["one", "two"] {
        client.send(text).await;
        assert_eq!(app.next().await, Some(text.into()));
        two_slow_heads(&proxy).await;
    }
    app.send("three").await;
    assert_eq!(client.next().await, Some("three".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_left_and_the_application_too() {
    let (application, proxy) = start("COGNITO_AUTH_WRITE_TIMEOUT", "300ms").await;
    let client = asking(&proxy, "GET /large", &[]).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
    while app.try_send([b'x'; 64 * 1024]).await.is_ok() {}
    eventually("the end of the connection", async || proxy.counts("connections 0").await).await;
    assert!(proxy.counts("limits_reached_total{limit=\"write_timeout\"} 1").await);
    drop(client);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_whose_client_takes_nothing_is_left_too() {
    let (application, proxy) = start("COGNITO_AUTH_WRITE_TIMEOUT", "300ms").await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(handshake("/ws", &proxy.tokens().fields())).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n").await;
    assert_eq!(client.head().await.status, 101);
    while app.try_send([0; 64 * 1024]).await.is_ok() {}
    eventually("the end of the connection", async || proxy.counts("connections 0").await).await;
    assert!(proxy.counts("limits_reached_total{limit=\"write_timeout\"} 1").await);
}

/// A connection that has been answered and stays.
async fn staying(proxy: &Proxy) -> Wire {
    let mut wire = asking(proxy, "GET /", &[]).await;
    assert_eq!(wire.answer().await.text(), "hello");
    wire
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_a_connection_is_503_until_somebody_leaves() {
    log::record();
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open");
    let proxy = setup.set("COGNITO_AUTH_MAX_CONNECTIONS", "3").start().await;
    let mut held = [staying(&proxy).await, staying(&proxy).await, staying(&proxy).await];
    assert_eq!(upstream.unasked().len(), 3);
    for (turn, line) in ["GET /", "POST /", "GET /open/page"].into_iter().enumerate() {
        let mut wire = asking(&proxy, line, &[]).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "too_many_connections"), "{line}");
        assert_eq!((answer.field("retry-after"), answer.field("connection")), (Some("5"), Some("close")), "{line}");
        let request_id = answer.field("x-request-id").unwrap();
        assert_eq!(answer.json()["request_id"], request_id);
        assert_eq!(log::access(request_id).await["reason"], "too_many_connections");
        assert!(wire.closes().await);
        let counted = format!("limits_reached_total{{limit=\"connections\"}} {}", turn + 1);
        assert!(proxy.counts(&counted).await, "{counted}");
    }
    assert_eq!(proxy.send("GET /.auth/health", &[]).await.status, 200);
    assert_eq!(proxy.send_signed_in("GET /.auth/me", &[]).await.status, 200);
    assert!(upstream.unasked().is_empty());
    eventually("the end of those that were refused", async || proxy.counts("connections 3").await).await;
    // Whoever is in stays in.
    for wire in &mut held {
        wire.send(request("GET /", &proxy.tokens().fields())).await;
        assert_eq!(wire.answer().await.text(), "hello");
    }
    let [left, ..] = held;
    drop(left);
    eventually("room", async || proxy.counts("connections 2").await).await;
    assert_eq!(proxy.send_signed_in("GET /", &[]).await.text(), "hello");
    for message in
        ["too many connections (limits.max_connections), refusing further ones", "room for connections again"]
    {
        log::line(message, |line| line["message"] == message && line["limit"] == "3").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_an_http_2_connection_is_503_too() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_MAX_CONNECTIONS", "1").start().await;
    let _held = staying(&proxy).await;
    assert_eq!(upstream.unasked().len(), 1);
    for (line, status) in [("GET /", 503), ("GET /.auth/health", 200)] {
        let mut client = H2::connect(proxy.address).await;
        let answer = client.send_signed_in(&proxy, line, &[SCRIPT]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.field("retry-after").is_some(), status == 503);
        // Its one question was answered.
        eventually("the end of the connection", async || proxy.counts("connections 1").await).await;
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_keeps_its_place() {
    let (application, proxy) = start("COGNITO_AUTH_MAX_CONNECTIONS", "1").await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(handshake("/ws", &proxy.tokens().fields())).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    let mut app = Socket::server(app, &seen, &[]).await;
    assert_eq!(client.head().await.status, 101);
    let mut client = Socket::client(client).await;
    for text in ["one", "two"] {
        let answer = asking(&proxy, "GET /", &[]).await.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "too_many_connections"));
        client.send(text).await;
        assert_eq!(app.next().await, Some(text.into()));
    }
    drop((client, app));
    eventually("room", async || proxy.counts("connections 0").await).await;
    let mut next = asking(&proxy, "GET /", &[]).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send(OK).await;
    assert_eq!(next.answer().await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fills_the_surplus_too_crowds_out_neither_for_long_nor_the_admin_listener() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_MAX_CONNECTIONS", "2").start().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(Wire::connect(proxy.address).await);
    }
    eventually("a full house", async || proxy.counts("connections 66").await).await;
    assert_eq!(proxy.ask_admin("/health").await.status, 200);
    // It waits in the kernel's queue until those who say nothing have to go.
    assert_eq!(proxy.send("GET /.auth/health", &[]).await.status, 200);
}
