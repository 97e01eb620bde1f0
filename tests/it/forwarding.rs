//! What the application gets of a request and the client of an answer, byte for byte, and what the client is told
//! where there is no answer.

use std::{net::SocketAddr, time::Duration};

use cognito_auth_proxy::dev::User;
use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixListener},
};

use crate::support::{
    application::Application,
    client::{Answer, Wire, request},
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");

/// A proxy whose application gives exactly these bytes to every request.
async fn answered_with(bytes: impl Into<Vec<u8>>) -> (Upstream, Proxy) {
    let bytes = bytes.into();
    let upstream = Upstream::answering(move |_| bytes.clone()).await;
    let proxy = Proxy::start(&upstream).await;
    (upstream, proxy)
}

/// A connection that has sent a signed-in request with this text behind its head.
async fn asking(proxy: &Proxy, line: &str, fields: &[(&str, &str)], body: impl AsRef<[u8]>) -> Wire {
    let tokens = proxy.tokens();
    let fields: Vec<(&str, &str)> = tokens.fields().into_iter().chain(fields.iter().copied()).collect();
    let mut wire = Wire::connect(proxy.address).await;
    wire.send([request(line, &fields).as_bytes(), body.as_ref()].concat()).await;
    wire
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_goes_on_with_its_target_and_body_unchanged() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    for method in ["GET", "OPTIONS", "PUT", "DELETE", "PATCH", "POST", "PROPFIND"] {
        let body = if matches!(method, "GET" | "OPTIONS") { "" } else { "a=1&b=\u{e9}\0" };
        let line = format!("{method} /a%20b//c;d=1/?x=%2F&y=;&&z");
        let length = body.len().to_string();
        let fields: &[(&str, &str)] = if body.is_empty() { &[] } else { &[("Content-Length", &length)] };
        let answer = asking(&proxy, &line, fields, body).await.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{method}");
        let seen = upstream.next().await;
        assert_eq!(seen.line, format!("{line} HTTP/1.1"));
        assert_eq!(seen.body, body.as_bytes(), "{method}");
        assert_eq!(seen.field("transfer-encoding"), None, "{method} keeps its framing");
        assert_eq!(seen.field("content-length"), (!body.is_empty()).then_some(length.as_str()), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_post_keeps_its_content_length_of_0() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    asking(&proxy, "POST /", &[("Content-Length", "0")], "").await.answer().await;
    assert_eq!(upstream.next().await.field("content-length"), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_head_keeps_its_length_and_has_no_body() {
    let (upstream, proxy) = answered_with("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\netag: \"1\"\r\n\r\n").await;
    let mut wire = asking(&proxy, "HEAD /file", &[], "").await;
    let answer = wire.head().await;
    assert_eq!((answer.status, answer.field("content-length")), (200, Some("5000")));
    assert_eq!(answer.field("etag"), Some("\"1\""));
    assert_eq!(upstream.next().await.line, "HEAD /file HTTP/1.1");
    // The next bytes on both connections are the next answer.
    wire.send(request("HEAD /again", &proxy.tokens().fields())).await;
    assert_eq!(wire.head().await.status, 200);
    assert_eq!(upstream.next().await.line, "HEAD /again HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_content_are_passed_without_content() {
    for status in ["204 No Content", "304 Not Modified"] {
        let (_upstream, proxy) = answered_with(format!("HTTP/1.1 {status}\r\netag: \"1\"\r\n\r\n")).await;
        let mut wire = asking(&proxy, "GET /", &[("If-None-Match", "\"1\"")], "").await;
        let answer = wire.head().await;
        assert!(status.starts_with(&answer.status.to_string()));
        assert_eq!(answer.field("etag"), Some("\"1\""));
        assert_eq!((answer.field("transfer-encoding"), answer.field("content-length")), (None, None), "{status}");
        wire.send(request("GET /again", &proxy.tokens().fields())).await;
        assert!(status.starts_with(&wire.head().await.status.to_string()), "the connection goes on after {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_of_the_application_are_its_own() {
    for status in [201, 206, 302, 401, 403, 404, 418, 500, 502, 503, 599] {
        let (_upstream, proxy) = answered_with(format!(
            "HTTP/1.1 {status} Whatever\r\ncontent-length: 3\r\nlocation: /x\r\nwww-authenticate: Own\r\n\r\napp"
        ))
        .await;
        let answer = asking(&proxy, "GET /", &[], "").await.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (status, "app"));
        assert_eq!((answer.field("location"), answer.field("www-authenticate")), (Some("/x"), Some("Own")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_request_body_arrives_whole_and_without_the_clients_chunk_extensions() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let body = "5;name=value\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\n\r\n";
    let answer = asking(&proxy, "POST /", &[("Transfer-Encoding", "chunked")], body).await.answer().await;
    assert_eq!(answer.status, 200);
    let seen = upstream.next().await;
    assert_eq!(seen.body, b"hello, world");
    assert_eq!((seen.field("transfer-encoding"), seen.field("content-length")), (Some("chunked"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_100_gets_it_once_the_request_was_admitted() {
    let application = Application::listen().await;
    let proxy = Setup::in_front_of(&application.url()).await.start().await;
    let fields = [("Expect", "100-continue"), ("Content-Length", "4")];
    let mut wire = asking(&proxy, "PUT /upload", &fields, "").await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    assert_eq!((seen.line.as_str(), seen.field("expect")), ("PUT /upload HTTP/1.1", None));
    let interim = wire.head().await;
    assert_eq!((interim.status, interim.fields.len()), (100, 0));
    wire.send("data").await;
    assert_eq!(app.exactly(4).await, b"data");
    app.send("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_is_never_asked_for() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    // The second is refused late: its keys have to be fetched first.
    let stranger = proxy.issuer.tokens(&User::new("some-stranger", "eve@example.com"));
    for (credential, status, code) in [(&[][..], 401, "missing_credential"), (&stranger.fields(), 403, "not_allowed")] {
        let fields = [&[SCRIPT, ("Expect", "100-continue"), ("Content-Length", "4")], credential].concat();
        let mut wire = Wire::connect(proxy.address).await;
        wire.send(request("PUT /upload", &fields)).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "the first head is the last");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_of_the_application_do_not_pass_for_the_answer() {
    let (_upstream, proxy) = answered_with(concat!(
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfinal"
    ))
    .await;
    for _ in 0..2 {
        let answer = asking(&proxy, "GET /", &[], "").await.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "final"));
        assert_eq!(answer.field("link"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_heads_pass_in_both_directions() {
    let long = "v".repeat(15 * 1024);
    let (one, four) = (long.clone(), long.clone());
    let upstream = Upstream::answering(move |_| {
        let fields: String = (0..4).map(|number| format!("x-large-{number}: {four}\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\nok").into_bytes()
    })
    .await;
    let proxy = Proxy::start(&upstream).await;
    let fields = [("X-Large-0", &*one), ("X-Large-1", &one), ("X-Large-2", &one), ("Cookie", &one)];
    let answer = asking(&proxy, "GET /", &fields, "").await.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    let seen = upstream.next().await;
    for (name, value) in fields {
        assert_eq!(seen.field(&name.to_ascii_lowercase()), Some(value), "{name}");
    }
    for number in 0..4 {
        assert_eq!(answer.field(&format!("x-large-{number}")), Some(long.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_response_fields_keep_their_number_and_order() {
    let (_upstream, proxy) = answered_with(concat!(
        "HTTP/1.1 200 OK\r\nset-cookie: a=1; Path=/\r\nvary: accept\r\nset-cookie: b=2, c=3\r\n",
        "Set-Cookie: a=4\r\nvary: cookie\r\nlink: <x>\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    let answer = asking(&proxy, "GET /", &[], "").await.answer().await;
    assert_eq!(answer.all("set-cookie"), ["a=1; Path=/", "b=2, c=3", "a=4"]);
    assert_eq!(answer.all("vary"), ["accept", "cookie"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_fields_of_an_answer_end_at_the_proxy() {
    let (_upstream, proxy) = answered_with(concat!(
        "HTTP/1.1 200 OK\r\nconnection: keep-alive, x-private\r\nkeep-alive: timeout=5\r\nx-private: 1\r\n",
        "proxy-authenticate: Basic\r\nproxy-connection: keep-alive\r\ntrailer: x-late\r\nupgrade: h2c\r\n",
        "transfer-encoding: chunked\r\nx-public: 1\r\n\r\n2\r\nok\r\n0\r\nx-late: 1\r\n\r\n"
    ))
    .await;
    let mut wire = asking(&proxy, "GET /", &[("TE", "trailers")], "").await;
    let answer = wire.answer().await;
    assert_eq!(answer.text(), "ok");
    for name in
        ["connection", "keep-alive", "x-private", "proxy-authenticate", "proxy-connection", "trailer", "upgrade"]
    {
        assert_eq!(answer.field(name), None, "{name}");
    }
    assert_eq!(answer.field("x-public"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_an_http_1_0_application_gets_framing_of_its_own() {
    let application = Application::listen().await;
    let proxy = Setup::in_front_of(&application.url()).await.start().await;
    let mut wire = asking(&proxy, "GET /", &[], "").await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nuntil the end").await;
    drop(app);
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "until the end"));
}

/// Joins each connection that `accept` yields to a connection of its own to `address`.
async fn bridge<S: AsyncRead + AsyncWrite + Unpin>(mut accept: impl AsyncFnMut() -> S, address: SocketAddr) {
    let mut stream = accept().await;
    let mut behind = TcpStream::connect(address).await.unwrap();
    let _ended = copy_bidirectional(&mut stream, &mut behind).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_behind_a_unix_socket_is_reached() {
    let upstream = Upstream::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let proxy = Setup::in_front_of(&format!("unix:{}", path.display())).await.start().await;
    let exchange = async {
        let answer = asking(&proxy, "GET /socket", &[], "").await.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    };
    tokio::select! {
        () = bridge(async || listener.accept().await.unwrap().0, upstream.address) => panic!("closed early"),
        () = exchange => {}
    }
    let seen = upstream.next().await;
    assert_eq!((seen.line.as_str(), seen.field("host")), ("GET /socket HTTP/1.1", Some("app.example")));
    assert_eq!(seen.claims()["email"], "ann@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_on_the_ipv6_loopback_is_reached() {
    let upstream = Upstream::start().await;
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let proxy = Setup::in_front_of(&format!("http://{}", listener.local_addr().unwrap())).await.start().await;
    let exchange = async {
        let answer = asking(&proxy, "GET /six", &[], "").await.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    };
    tokio::select! {
        () = bridge(async || listener.accept().await.unwrap().0, upstream.address) => panic!("closed early"),
        () = exchange => {}
    }
    assert_eq!(upstream.next().await.line, "GET /six HTTP/1.1");
}

/// Asserts a problem document that tells nothing of the application's address.
fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code));
    assert_eq!(answer.json()["status"], status);
    assert_eq!(answer.json()["request_id"].as_str(), answer.field("x-request-id"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_refuses_connections_is_502() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Setup::in_front_of(&format!("http://{free}")).await.start().await;
    assert_problem(&proxy.send_signed_in("GET /", &[SCRIPT]).await, 502, "upstream_unreachable");
    let page = proxy.send_signed_in("GET /", &[("Accept", "text/html")]).await;
    assert_eq!((page.status, page.field("content-type")), (502, Some("text/html; charset=utf-8")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_breaks_off_before_its_answer_is_502_and_is_asked_once() {
    for begun in ["", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/1.1 200 OK\r\nconte", "HTTP/1.1 99999 No\r\n\r\n"] {
        let application = Application::listen().await;
        let proxy = Setup::in_front_of(&application.url()).await.start().await;
        let mut wire = asking(&proxy, "GET /", &[SCRIPT], "").await;
        let mut app = application.accept().await;
        app.request().await;
        app.send(begun).await;
        drop(app);
        assert_problem(&wire.answer().await, 502, "upstream_unreachable");
        assert!(application.is_left_alone().await, "not repeated after {begun:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_two_lengths_is_502() {
    let (_upstream, proxy) =
        answered_with("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!").await;
    assert_problem(&proxy.send_signed_in("GET /", &[SCRIPT]).await, 502, "upstream_unreachable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_a_transfer_coding_does_not_count() {
    for length in [3, 50] {
        let (_upstream, proxy) = answered_with(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ))
        .await;
        let answer = proxy.send_signed_in("GET /", &[]).await;
        assert_eq!((answer.field("content-length"), answer.text().as_str()), (None, "hello"), "{length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_an_unknown_transfer_coding_is_502() {
    for coding in ["gzip, chunked", "gzip"] {
        let (_upstream, proxy) = answered_with(format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\nconnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        ))
        .await;
        assert_problem(&proxy.send_signed_in("GET /", &[SCRIPT]).await, 502, "upstream_unreachable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unasked_change_of_protocol_is_502() {
    let (_upstream, proxy) =
        answered_with("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
    assert_problem(&proxy.send_signed_in("GET /", &[SCRIPT]).await, 502, "upstream_unreachable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_does_not_begin_its_answer_in_time_is_504_and_is_let_go() {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = setup.set("COGNITO_AUTH_UPSTREAM_RESPONSE_TIMEOUT", "100ms").start().await;
    let mut wire = asking(&proxy, "GET /slow", &[SCRIPT], "").await;
    let mut app = application.accept().await;
    app.request().await;
    assert_problem(&wire.answer().await, 504, "upstream_timeout");
    assert!(app.closes().await, "a late answer must not meet the next request");
    assert!(application.is_left_alone().await, "not repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_does_not_accept_in_time_is_504() {
    // Its queue of connections takes one, and that one is there.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(one)) = tokio::time::timeout(Duration::from_millis(50), TcpStream::connect(address)).await {
        held.push(one);
    }
    let setup = Setup::in_front_of(&format!("http://{address}")).await;
    let proxy = setup.set("COGNITO_AUTH_UPSTREAM_CONNECT_TIMEOUT", "50ms").start().await;
    assert_problem(&proxy.send_signed_in("GET /", &[SCRIPT]).await, 504, "upstream_timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_reaches_the_client_as_a_truncated_answer() {
    for (head, sent) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", "only this"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "9\r\nonly this\r\n"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "9\r\nonly this\r\nzz\r\n"),
    ] {
        let application = Application::listen().await;
        let proxy = Setup::in_front_of(&application.url()).await.start().await;
        let mut wire = asking(&proxy, "GET /", &[], "").await;
        let mut app = application.accept().await;
        app.request().await;
        app.send([head, sent].concat()).await;
        let answer = wire.head().await;
        let begun =
            if answer.field("content-length").is_some() { wire.exactly(9).await } else { wire.chunk().await.unwrap() };
        assert_eq!(begun, b"only this");
        drop(app);
        assert!(wire.closes().await, "closed, and no end of the body before: {sent:?}");
    }
}
