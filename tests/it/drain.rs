//! The end of the process loses no request, and does not wait for ever.

use tokio::net::TcpStream;

use crate::support::{
    answers::{hello, with},
    application::Application,
    client::{Wire, request},
    eventually,
    proxy::{Proxy, Setup},
    upstream::Upstream,
    websocket::{Socket, handshake},
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A proxy in front of an application that the test plays, and both ends of a request without an answer yet.
async fn in_flight(setup: impl FnOnce(Setup) -> Setup, text: &str) -> (Application, Proxy, Wire, Wire) {
    let application = Application::listen().await;
    let proxy = setup(Setup::in_front_of(&application.url()).await).start().await;
    let mut client = Wire::connect(proxy.address).await;
    let head = text.replacen("\r\n", &format!("\r\n{}", credential(&proxy)), 1);
    client.send(head).await;
    let mut app = application.accept().await;
    app.request().await;
    (application, proxy, client, app)
}

fn credential(proxy: &Proxy) -> String {
    proxy.tokens().fields().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// Waits until the listener is closed.
async fn closed_to_new_connections(proxy: &Proxy) {
    eventually("the end of accepting", async || TcpStream::connect(proxy.address).await.is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_and_new_connections_are_refused() {
    let (_application, mut proxy, mut client, mut app) = in_flight(|setup| setup, &request("GET /slow", &[])).await;
    proxy.stop();
    closed_to_new_connections(&proxy).await;
    assert!(!proxy.has_stopped(), "it waits for the answer");
    app.send(OK).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.field("connection"), Some("close"), "the load balancer is told");
    assert!(client.closes().await);
    proxy.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_while_it_still_accepts_is_told_to_come_back_elsewhere() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_DRAIN_DELAY", "1h").start().await;
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request("GET /page", &proxy.tokens().fields())).await;
    assert_eq!(wire.answer().await.field("connection"), None);
    proxy.stop();
    eventually("draining", async || proxy.ask_admin("/ready").await.status == 503).await;
    wire.send(request("GET /page", &proxy.tokens().fields())).await;
    let answer = wire.answer().await;
    assert_eq!((answer.text().as_str(), answer.field("connection")), ("hello", Some("close")));
    assert!(wire.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_http_1_0_is_told_one_thing_and_not_its_opposite_as_well() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_DRAIN_DELAY", "1h").start().await;
    let tokens = proxy.tokens();
    let fields = with(&tokens.fields(), &[("Connection", "keep-alive")]);
    let text = request("GET /page", &fields).replace("HTTP/1.1", "HTTP/1.0");
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(&text).await;
    assert_eq!(wire.answer().await.field("connection"), Some("keep-alive"));
    proxy.stop();
    eventually("draining", async || proxy.ask_admin("/ready").await.status == 503).await;
    wire.send(&text).await;
    let answer = wire.answer().await;
    assert_eq!((answer.text().as_str(), answer.field("connection")), ("hello", Some("close")));
    assert!(wire.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_flight_comes_to_its_end() {
    let text = request("PUT /file", &[("Content-Length", "8")]);
    let (_application, mut proxy, mut client, mut app) = in_flight(|setup| setup, &text).await;
    proxy.stop();
    closed_to_new_connections(&proxy).await;
    client.send("the rest").await;
    assert_eq!(app.exactly(8).await, b"the rest");
    app.send(OK).await;
    assert_eq!(client.answer().await.text(), "ok");
    proxy.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_closed_at_once() {
    let upstream = Upstream::start().await;
    let mut proxy = Proxy::start(&upstream).await;
    let (mut used, mut fresh) = (Wire::connect(proxy.address).await, Wire::connect(proxy.address).await);
    used.send(request("GET /", &proxy.tokens().fields())).await;
    assert_eq!(used.answer().await.text(), "hello");
    proxy.stopped().await;
    assert!(used.closes().await && fresh.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_during_the_drain_and_its_end_ends_it() {
    let (_application, mut proxy, mut client, mut app) = in_flight(|setup| setup, &request("GET /events", &[])).await;
    app.send(EVENTS).await;
    client.head().await;
    proxy.stop();
    closed_to_new_connections(&proxy).await;
    for _ in 0..20 {
        app.send_chunk("data: still here\n\n").await;
        assert_eq!(client.chunk().await.unwrap(), b"data: still here\n\n");
    }
    assert!(!proxy.has_stopped());
    app.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, None);
    proxy.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_an_end_holds_the_process_no_longer_than_the_deadline() {
    let (_application, mut proxy, mut client, mut app) =
        in_flight(|setup| setup.set("COGNITO_AUTH_DRAIN_DEADLINE", "100ms"), &request("GET /events", &[])).await;
    app.send(EVENTS).await;
    client.head().await;
    proxy.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_waited_for() {
    let (_application, mut proxy, mut client, app) = in_flight(|setup| setup, &handshake("/ws", &[])).await;
    let seen = crate::support::upstream::Seen {
        line: String::new(),
        fields: vec![("sec-websocket-key".to_owned(), "dGhlIHNhbXBsZSBub25jZQ==".to_owned())],
        body: Vec::new(),
    };
    let mut app = Socket::server(app, &seen, &[]).await;
    assert_eq!(client.head().await.status, 101);
    let mut client = Socket::client(client).await;
    proxy.stop();
    closed_to_new_connections(&proxy).await;
    for _ in 0..20 {
        client.send("still here").await;
        assert_eq!(app.next().await, Some("still here".into()));
    }
    assert!(!proxy.has_stopped());
    drop(client);
    drop(app);
    proxy.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_it_stops_accepting_the_process_is_not_ready_and_still_serves() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_DRAIN_DELAY", "1h").start().await;
    assert_eq!(proxy.ask_admin("/ready").await.status, 200);
    proxy.stop();
    eventually("readiness off", async || proxy.ask_admin("/ready").await.status == 503).await;
    let answer = proxy.ask_admin("/ready").await;
    assert_eq!((answer.code().as_str(), answer.field("retry-after")), ("draining", Some("5")));
    let answer = proxy.send("GET /.auth/ready", &[("Accept", "application/json")]).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "draining"));
    // Alive all the same, or the platform would kill it.
    assert_eq!(proxy.ask_admin("/health").await.status, 200);
    assert_eq!(proxy.send("GET /.auth/health", &[]).await.status, 200);
    for _ in 0..3 {
        assert_eq!(proxy.send_signed_in("GET /", &[]).await.text(), "hello");
    }
}
