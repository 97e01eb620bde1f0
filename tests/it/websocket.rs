//! WebSockets: a handshake is a request like any other; after 101 the bytes belong to the two ends.

use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::support::{
    application::Application,
    client::{Wire, request},
    proxy::{Proxy, Setup},
    upstream::Seen,
    websocket::{Socket, handshake},
};

async fn start() -> (Application, Proxy) {
    let application = Application::listen().await;
    let proxy = Setup::in_front_of(&application.url()).await.start().await;
    (application, proxy)
}

/// A connection that has sent a signed-in handshake with these fields.
async fn asking(proxy: &Proxy, fields: &[(&str, &str)]) -> Wire {
    let tokens = proxy.tokens();
    let fields: Vec<(&str, &str)> = tokens.fields().into_iter().chain(fields.iter().copied()).collect();
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(handshake("/ws?room=1", &fields)).await;
    wire
}

/// Both ends of an open tunnel, and the handshake as the application saw it.
async fn open(application: &Application, proxy: &Proxy) -> (Socket, Socket, Seen) {
    let mut client = asking(proxy, &[]).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    let app = Socket::server(app, &seen, &[]).await;
    let answer = client.head().await;
    assert_eq!(
        (answer.status, answer.field("upgrade"), answer.field("connection")),
        (101, Some("websocket"), Some("Upgrade"))
    );
    assert_eq!(answer.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    (Socket::client(client).await, app, seen)
}

fn close(code: CloseCode, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_every_kind_and_size_pass_both_ways() {
    let (application, proxy) = start().await;
    let (mut client, mut app, _seen) = open(&application, &proxy).await;
    let messages: [Message; 6] = [
        "text \u{e9}".into(),
        "".into(),
        vec![0, 255, 1].into(),
        "x".repeat(100_000).into(),
        vec![7; 3_000_000].into(),
        Message::Ping(vec![1, 2].into()),
    ];
    for message in messages {
        // A message larger than all buffers is read while it is sent.
        let (_, there) = tokio::join!(client.send(message.clone()), app.next());
        assert!(there == Some(message.clone()), "towards the application");
        let (_, back) = tokio::join!(app.send(message.clone()), client.next());
        if !message.is_ping() {
            assert!(back == Some(message), "towards the client");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_carries_the_verified_identity_and_no_credential() {
    let (application, proxy) = start().await;
    let mut client =
        asking(&proxy, &[("X-Auth-User", "forged"), ("Connection", "Upgrade, X-Auth-User"), ("X_Auth_User", "forged")])
            .await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    assert_eq!(seen.line, "GET /ws?room=1 HTTP/1.1");
    assert_eq!(seen.claims()["email"], "ann@example.com");
    for name in ["x-amzn-oidc-data", "x-amzn-oidc-accesstoken", "x-amzn-oidc-identity"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    assert_eq!((seen.field("upgrade"), seen.field("connection")), (Some("websocket"), Some("Upgrade")));
    assert_eq!((seen.field("sec-websocket-version"), seen.field("origin")), (Some("13"), Some("http://app.example")));
    Socket::server(app, &seen, &[]).await;
    assert_eq!(client.head().await.status, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_with_more_connection_options_is_one() {
    // Firefox sends it so.
    let (application, proxy) = start().await;
    let fields = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")];
    let mut client = asking(&proxy, &fields).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    assert_eq!((seen.field("upgrade"), seen.field("connection")), (Some("websocket"), Some("Upgrade")));
    let mut app = Socket::server(app, &seen, &[]).await;
    assert_eq!(client.head().await.status, 101);
    let mut client = Socket::client(client).await;
    client.send("there").await;
    assert_eq!(app.next().await, Some("there".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn subprotocol_and_extensions_are_the_two_ends_own_affair() {
    let (application, proxy) = start().await;
    let offer = [
        ("Sec-WebSocket-Protocol", "streamlit, other"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
    ];
    let mut client = asking(&proxy, &offer).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    for (name, value) in offer {
        assert_eq!(seen.field(&name.to_ascii_lowercase()), Some(value));
    }
    Socket::server(app, &seen, &[("Sec-WebSocket-Protocol", "streamlit")]).await;
    let answer = client.head().await;
    assert_eq!((answer.status, answer.field("sec-websocket-protocol")), (101, Some("streamlit")));
}

#[tokio::test(flavor = "multi_thread")]
async fn close_codes_pass_both_ways() {
    let (application, proxy) = start().await;
    let (mut client, mut app, _seen) = open(&application, &proxy).await;
    client.send(close(CloseCode::Library(4001), "left")).await;
    assert_eq!(app.next().await, Some(close(CloseCode::Library(4001), "left")));
    let (mut client, mut app, _seen) = open(&application, &proxy).await;
    app.send(close(CloseCode::Restart, "back soon")).await;
    assert_eq!(client.next().await, Some(close(CloseCode::Restart, "back soon")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_without_a_credential_is_401_and_opens_nothing() {
    let (application, proxy) = start().await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(handshake("/ws", &[("Accept", "text/html")])).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
    assert_eq!((answer.field("upgrade"), answer.field("location")), (None, None));
    assert!(application.is_left_alone().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_from_another_site_is_403_and_opens_nothing() {
    let (application, proxy) = start().await;
    let answer = asking(&proxy, &[("Origin", "https://evil.example")]).await.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "cross_site"));
    assert!(application.is_left_alone().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_a_refused_handshake_never_reach_the_application() {
    let (application, proxy) = start().await;
    let smuggled = request("GET /admin", &[("X-Auth-User", "forged")]);
    let mut client = Wire::connect(proxy.address).await;
    client.send(handshake("/ws", &[]) + &smuggled).await;
    assert_eq!(client.answer().await.code(), "missing_credential");
    // They are what they look like: the next request, refused as well.
    assert_eq!(client.answer().await.status, 401);
    assert!(application.is_left_alone().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_application_may_refuse_the_handshake_and_then_there_is_no_tunnel() {
    let (application, proxy) = start().await;
    let mut client = asking(&proxy, &[]).await;
    // Frames sent too early, which look like a request.
    client.send(request("GET /smuggled", &[("Accept", "application/json")])).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 7\r\n\r\nnot you").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (403, "not you"));
    assert_eq!(client.answer().await.code(), "missing_credential", "judged by the proxy, not tunnelled");
    assert!(app.has_nothing_more());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_has_a_connection_of_its_own() {
    let (application, proxy) = start().await;
    let mut first = Wire::connect(proxy.address).await;
    first.send(request("GET /page", &proxy.tokens().fields())).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npage").await;
    assert_eq!(first.answer().await.text(), "page");
    // It cannot be repeated, so it does not risk an idle connection that is just being closed.
    let mut client = asking(&proxy, &[]).await;
    let mut tunnel = application.accept().await;
    let seen = tunnel.request().await;
    assert_eq!(seen.line, "GET /ws?room=1 HTTP/1.1");
    let mut tunnel = Socket::server(tunnel, &seen, &[]).await;
    assert_eq!(client.head().await.status, 101);
    let mut client = Socket::client(client).await;
    client.send("there").await;
    assert_eq!(tunnel.next().await, Some("there".into()));
    // Nor is a tunnel anybody else's connection.
    first.send(request("GET /next", &proxy.tokens().fields())).await;
    assert_eq!(app.request().await.line, "GET /next HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_whose_connection_died_is_not_repeated() {
    let (application, proxy) = start().await;
    let mut client = asking(&proxy, &[]).await;
    let mut app = application.accept().await;
    app.request().await;
    drop(app);
    assert_eq!(client.answer().await.code(), "upstream_unreachable");
    assert!(application.is_left_alone().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tunnel_ends_for_the_application_when_the_client_is_gone() {
    let (application, proxy) = start().await;
    let (client, mut app, _seen) = open(&application, &proxy).await;
    drop(client);
    assert_eq!(app.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tunnel_ends_for_the_client_when_the_application_is_gone() {
    let (application, proxy) = start().await;
    let (mut client, app, _seen) = open(&application, &proxy).await;
    drop(app);
    assert_eq!(client.next().await, None);
}
