//! The `dev` command's load balancer: what it takes from requests and adds to them, and that everything streams.

use std::collections::BTreeSet;

use crate::support::{
    application::Application,
    client::{Wire, request},
    development::Dev,
    h2::H2,
    upstream::Upstream,
    websocket::{Socket, handshake},
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");

/// Passes the verified fields of the load balancer on, so that a test sees them.
const SHOWN: (&str, &str) = ("COGNITO_AUTH_PASS_ALB_HEADERS", "true");

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_the_client_never_arrive() {
    let upstream = Upstream::start().await;
    let dev = Dev::with(upstream.address, &["--on-unauthenticated", "allow"], &[SHOWN]).await;
    let claimed = [
        ("X-Amzn-Oidc-Data", "eyJ9.e30.AA"),
        ("x-amzn-oidc-accesstoken", "a.b.c"),
        ("x-amzn-oidc-identity", "root"),
        ("x_amzn_oidc_data", "a.b.c"),
        ("X-Auth-User", "root"),
    ];
    let refused = dev.send("GET /", &[&claimed[..], &[SCRIPT]].concat()).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "missing_credential"), "nothing was presented");
    let user = dev.sign_in("ann@example.com", "data-team").await;
    assert_eq!(dev.send_as(&user, "GET /", &claimed).await.status, 200);
    let seen = upstream.next().await;
    let identity = seen.field("x-amzn-oidc-identity").unwrap().to_owned();
    assert_eq!(seen.claims()["sub"], identity.as_str());
    assert_ne!(identity, "root");
    assert!(seen.field("x-amzn-oidc-data").unwrap().ends_with('='), "padded as the real one is");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_used_again_within_their_life_and_differ_between_users() {
    let upstream = Upstream::start().await;
    let dev = Dev::with(upstream.address, &[], &[SHOWN]).await;
    let (ann, ben) =
        (dev.sign_in("ann@example.com", "data-team").await, dev.sign_in("ben@example.com", "data-team").await);
    let (mut data, mut access) = (BTreeSet::new(), BTreeSet::new());
    for user in [&ann, &ann, &ben, &ann] {
        assert_eq!(dev.send_as(user, "GET /", &[]).await.status, 200);
        let seen = upstream.next().await;
        data.insert(seen.field("x-amzn-oidc-data").unwrap().to_owned());
        access.insert(seen.field("x-amzn-oidc-accesstoken").unwrap().to_owned());
    }
    assert_eq!((data.len(), access.len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarding_fields_and_the_trace_are_the_load_balancers() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let claimed = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Host", "evil.example"),
    ];
    dev.send_as(&user, "GET /", &claimed).await;
    let seen = upstream.next().await;
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"), "the client's own claim ends at the proxy");
    assert_eq!(
        (seen.field("x-forwarded-proto"), seen.field("host")),
        (Some("http"), Some(dev.address.to_string().as_str()))
    );
    assert_eq!(seen.field("x-forwarded-port"), Some(dev.address.port().to_string().as_str()));
    assert_eq!(seen.field("x-forwarded-host"), Some(dev.address.to_string().as_str()));
    assert!(seen.field("x-amzn-trace-id").unwrap().starts_with("Root=1-"));
    let trace = "Root=1-67891233-abcdef012345678912345678";
    dev.send_as(&user, "GET /", &[("X-Amzn-Trace-Id", trace)]).await;
    let continued = upstream.next().await.field("x-amzn-trace-id").unwrap().to_owned();
    assert!(continued.starts_with("Self=1-") && continued.ends_with(&format!(";{trace}")), "{continued}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_the_listener_rule_decides() {
    let upstream = Upstream::start().await;
    let public = ("COGNITO_AUTH_PUBLIC_PATHS", "/open");
    let dev = Dev::with(upstream.address, &["--on-unauthenticated", "deny"], &[public]).await;
    let denied = dev.send("GET /open", &[]).await;
    assert_eq!((denied.status, denied.field("location")), (401, None));
    assert!(denied.text().contains("401 Authorization Required"), "{}", denied.text());
    let user = dev.sign_in("ann@example.com", "data-team").await;
    assert_eq!(dev.send_as(&user, "GET /", &[]).await.status, 200);
    upstream.next().await;
    // Whoever was signed in once is not denied, but sent to sign in again.
    let ended = dev.send("GET /", &[("Cookie", "AWSELBAuthSessionCookie-0=of-another-start")]).await;
    assert_eq!((ended.status, ended.field("location")), (302, Some("/.dev/?return=%2F")));

    let dev = Dev::with(upstream.address, &["--on-unauthenticated", "allow"], &[public]).await;
    assert_eq!(dev.send("GET /open", &[]).await.text(), "hello");
    assert_eq!(upstream.next().await.field("x-auth-user"), None);
    assert_eq!(dev.send("GET /", &[SCRIPT]).await.code(), "missing_credential", "the proxy's own answer");
    assert_eq!(dev.send("GET /.auth/health", &[]).await.status, 200);

    let dev = Dev::with(upstream.address, &["--on-unauthenticated", "authenticate"], &[public]).await;
    assert_eq!(dev.send("GET /open", &[]).await.status, 302);
    assert_eq!(upstream.unasked().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_without_a_session_is_sent_to_another_origin_as_in_production() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let port = dev.address.port();
    for script in
        [SCRIPT, ("Sec-Fetch-Mode", "cors"), ("Accept", "text/event-stream"), ("X-Requested-With", "XMLHttpRequest")]
    {
        let answer = dev.send("POST /api?x=1", &[script, ("Content-Length", "0")]).await;
        let expected = format!("http://sign-in.localhost:{port}/.dev/?return=%2Fapi%3Fx%3D1");
        assert_eq!((answer.status, answer.field("location")), (302, Some(expected.as_str())), "{script:?}");
    }
    let mut wire = Wire::connect(dev.address).await;
    wire.send(dev.text(&handshake("/ws", &[]))).await;
    assert_eq!(wire.answer().await.status, 302);
    // The browser comes there, and gets a page it may not read: no CORS field.
    let mut wire = Wire::connect(dev.address).await;
    let origin = format!("http://127.0.0.1:{port}");
    wire.send(format!("GET /.dev/?return=%2F HTTP/1.1\r\nHost: sign-in.localhost:{port}\r\nOrigin: {origin}\r\n\r\n"))
        .await;
    let page = wire.answer().await;
    assert_eq!((page.status, page.field("access-control-allow-origin")), (200, None));
    assert_eq!(upstream.unasked().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coding_that_is_not_known_goes_no_further() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let mut wire = Wire::connect(dev.address).await;
    let fields = [("Cookie", user.0.as_str()), ("Transfer-Encoding", "gzip, chunked")];
    wire.send(dev.text(&request("POST /", &fields)) + "1\r\nx\r\n0\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 501);
    assert_eq!(upstream.unasked().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_speaks_http_2_is_carried_as_http_1() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let mut browser = H2::connect(dev.address).await;
    let host = dev.address.to_string();
    let shards: Vec<(&str, &str)> = user.0.split("; ").map(|shard| ("cookie", shard)).collect();
    let cookies = [&shards[..], &[("cookie", "theme=dark"), ("cookie", "a=b")]].concat();
    assert_eq!(browser.send_to(&host, "GET /page", &cookies).await.text(), "hello");
    let seen = upstream.next().await;
    assert_eq!((seen.line.as_str(), seen.field("host")), ("GET /page HTTP/1.1", Some(host.as_str())));
    assert_eq!(seen.field("cookie"), Some("theme=dark; a=b"));
    assert_eq!(browser.send_to("evil.example", "GET /.dev/", &[]).await.status, 421);
    assert_eq!(browser.send_to(&host, "GET /", &[]).await.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_providers_answer_is_never_the_applications() {
    let upstream = Upstream::start().await;
    let dev = Dev::with(upstream.address, &["--on-unauthenticated", "allow"], &[]).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    assert_eq!(dev.send_as(&user, "GET /oauth2/idpresponse?code=a&state=b", &[]).await.status, 401);
    assert_eq!(dev.send_as(&user, "GET /oauth2/idpresponse/x", &[]).await.status, 200);
    assert_eq!(upstream.next().await.line, "GET /oauth2/idpresponse/x HTTP/1.1");
    assert_eq!(upstream.unasked().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_one_by_one_and_the_end_of_the_browser_reaches_the_application() {
    let application = Application::listen().await;
    let dev = Dev::run(&["--upstream", &application.url()], &[], &[]).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let mut browser = Wire::connect(dev.address).await;
    browser.send(dev.text(&request("GET /events", &[("Accept", "text/event-stream"), ("Cookie", &user.0)]))).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
    assert_eq!(browser.head().await.status, 200);
    for number in 0..3 {
        let event = format!("data: {number}\n\n");
        app.send_chunk(&event).await;
        // The next one is sent only after this one has come.
        assert_eq!(browser.chunk().await.unwrap(), event.as_bytes());
    }
    drop(browser);
    assert!(app.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_stream_while_they_are_sent() {
    let application = Application::listen().await;
    let dev = Dev::run(&["--upstream", &application.url()], &[], &[]).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let mut browser = Wire::connect(dev.address).await;
    let fields = [("Cookie", user.0.as_str()), ("Transfer-Encoding", "chunked")];
    browser.send(dev.text(&request("POST /upload", &fields))).await;
    let mut app = application.accept().await;
    app.request().await;
    for part in ["one", "two", "three"] {
        browser.send_chunk(part).await;
        assert_eq!(app.chunk().await.unwrap(), part.as_bytes(), "before the next part was sent");
    }
    browser.send("0\r\n\r\n").await;
    assert_eq!(app.chunk().await, None);
    app.send("HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\ndone").await;
    let answer = browser.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (201, "done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn web_sockets_pass_both_ways_until_everything_stops() {
    let application = Application::listen().await;
    let dev = Dev::run(&["--upstream", &application.url()], &[], &[]).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let mut browser = Wire::connect(dev.address).await;
    browser.send(dev.text(&handshake("/ws?room=1", &[("Cookie", &user.0), ("Sec-WebSocket-Protocol", "chat")]))).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    assert_eq!(
        (seen.line.as_str(), seen.claims()["email"].as_str()),
        ("GET /ws?room=1 HTTP/1.1", Some("ann@example.com"))
    );
    let mut app = Socket::server(app, &seen, &[("Sec-WebSocket-Protocol", "chat")]).await;
    let answer = browser.head().await;
    assert_eq!((answer.status, answer.field("sec-websocket-protocol")), (101, Some("chat")));
    let mut browser = Socket::client(browser).await;
    browser.send("over here").await;
    assert_eq!(app.next().await.unwrap().into_text().unwrap(), "over here");
    app.send(vec![1; 500_000]).await;
    assert_eq!(browser.next().await.unwrap().len(), 500_000);
    dev.process.signal("INT");
    assert_eq!(dev.process.ended().await.code, Some(0));
    assert_eq!(browser.next().await, None);
    assert_eq!(app.next().await, None);
}
