//! The same rules over HTTP/2 by prior knowledge, and what only HTTP/2 can get wrong.

use http::{HeaderMap, HeaderValue};
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::support::{
    answers::{echo, hello, with},
    h2::{Content, Frames, GOAWAY, H2, HEADERS, RST_STREAM, SETTINGS},
    proxy::{Proxy, Setup},
    soon,
    upstream::Upstream,
};

const JSON: (&str, &str) = ("accept", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_http_1_with_host_from_authority() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = H2::connect(proxy.address).await;
    for fields in [&[][..], &[("host", "app.example")]] {
        let answer = client.send_signed_in(&proxy, "GET /a//b%2Fc?x=1&", fields).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
        let seen = upstream.next().await;
        assert_eq!(seen.line, "GET /a//b%2Fc?x=1& HTTP/1.1");
        assert_eq!(seen.field("host"), Some("app.example"));
        assert_eq!(seen.field("x-forwarded-host"), Some("app.example"));
        assert_eq!(seen.field("x-request-id"), answer.field("x-request-id"));
        assert_eq!(seen.claims()["email"], "ann@example.com");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_credential_nothing_reaches_the_application() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    let mut client = H2::connect(proxy.address).await;
    for line in ["GET /page", "POST /page", "OPTIONS /page", "GET /open/", "GET /open/../page", "get /page"] {
        let answer = client.send(line, &[JSON, ("x-auth-user", "forged")]).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{line}");
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.json()["request_id"].as_str(), answer.field("x-request-id"));
    }
    assert_eq!(client.send("HEAD /page", &[JSON]).await.status, 401);
    let answer = client.send_signed_in(&proxy, "GET /%2eauth/me", &[JSON]).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    assert!(upstream.unasked().is_empty());
    // A refusal is one stream's matter.
    assert_eq!(client.send_signed_in(&proxy, "GET /page", &[]).await.status, 200);
    assert_eq!(upstream.next().await.claims()["email"], "ann@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_names_do_not_pass() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    let mut client = H2::connect(proxy.address).await;
    let forged = ["x-auth-user", "x-auth-user", "x_auth_user", "x.auth.user", "x_amzn_oidc_data", "x-forwarded-user"]
        .map(|name| (name, "forged"));
    client.send_signed_in(&proxy, "GET /page", &forged).await;
    let seen = upstream.next().await;
    assert_eq!(seen.claims()["email"], "ann@example.com");
    assert!(!seen.fields.iter().any(|(_, value)| value == "forged"), "{:?}", seen.fields);
    client.send_signed_in(&proxy, "GET /open", &forged).await;
    let seen = upstream.next().await;
    assert_eq!(seen.field("x-auth-user"), None);
    assert!(!seen.fields.iter().any(|(_, value)| value == "forged"), "{:?}", seen.fields);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubled_credential_field_is_refused() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = H2::connect(proxy.address).await;
    let tokens = proxy.tokens();
    for field in tokens.fields() {
        let answer = client.send("GET /page", &with(&tokens.fields(), &[JSON, field])).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{}", field.0);
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn split_cookie_fields_are_joined_before_the_load_balancers_are_taken_out() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = H2::connect(proxy.address).await;
    let cookies = [
        ("cookie", "a=1"),
        ("cookie", "AWSELBAuthSessionCookie-0=zz"),
        ("cookie", "AWSALBAuthNonce=n"),
        ("cookie", "b==2;c"),
        ("cookie", "AWSELBAuthSessionCookie-1=zz; d=4"),
    ];
    client.send_signed_in(&proxy, "GET /page", &cookies).await;
    assert_eq!(upstream.next().await.field("cookie"), Some("a=1; b==2;c; d=4"));
    client.send_signed_in(&proxy, "GET /page", &cookies[1..3]).await;
    assert_eq!(upstream.next().await.field("cookie"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_trailers_do_not_reach_the_application() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Setup::in_front_of(&format!("http://{}", listener.local_addr().unwrap())).await.start().await;
    let mut client = H2::connect(proxy.address).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-auth-user", HeaderValue::from_static("forged"));
    trailers.insert("x-late", HeaderValue::from_static("forged"));
    let tokens = proxy.tokens();
    let fields = with(&tokens.fields(), &[("trailer", "x-auth-user, x-late"), ("te", "trailers")]);
    let application = async {
        let (mut stream, _) = soon("a connection", listener.accept()).await.unwrap();
        let mut received = Vec::new();
        while !received.windows(4).any(|window| window == b"\n0\r\n") || !received.ends_with(b"\r\n\r\n") {
            assert!(soon("the request", stream.read_buf(&mut received)).await.unwrap() > 0);
        }
        tokio::io::AsyncWriteExt::write_all(&mut stream, &hello_bytes()).await.unwrap();
        String::from_utf8(received).unwrap()
    };
    let asking = client.send_with("POST /page", &fields, Content::trailed("hello", trailers));
    let (text, answer) = tokio::join!(application, asking);
    assert!(text.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "{text}");
    assert!(!text.contains("forged") && !text.contains("trailer"), "{text}");
    assert_eq!(answer.status, 200);
}

fn hello_bytes() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_echoes_its_request_betrays_nothing() {
    let upstream = Upstream::answering(echo).await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = H2::connect(proxy.address).await;
    let answer = client.send_signed_in(&proxy, "GET /page", &[("cookie", "secret=1"), ("x-custom", "kept")]).await;
    assert_eq!((answer.status, answer.text().as_str()), (206, "hello"));
    for name in ["cookie", "authorization", "x-auth-user", "x-amzn-oidc-data", "host", "connection"] {
        assert!(answer.all(name).is_empty(), "{name}");
    }
    assert_eq!((answer.field("x-custom"), answer.field("set-cookie")), (Some("kept"), Some("mine=1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_authorities_that_differ_are_refused() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = H2::connect(proxy.address).await;
    for hosts in [
        &[("host", "other.example")][..],
        &[("host", "app.example:80")],
        &[("host", "")],
        &[("host", "app.example"), ("host", "app.example")],
        &[("host", "app.example"), ("host", "other.example")],
    ] {
        let answer = client.send_signed_in(&proxy, "GET /page", &with(&[JSON], hosts)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{hosts:?}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_and_trace_are_refused() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = H2::connect(proxy.address).await;
    for line in ["CONNECT app.example:443", "TRACE /page"] {
        let answer = client.send_signed_in(&proxy, line, &[JSON]).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "bad_request"), "{line}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn extended_connect_is_not_offered_and_not_understood() {
    const ENABLE_CONNECT_PROTOCOL: [u8; 2] = [0, 8];
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut frames = Frames::connect(proxy.address).await;
    let settings = frames.next().await.unwrap();
    assert_eq!(settings.kind, SETTINGS);
    assert!(settings.payload.chunks(6).all(|setting| setting[..2] != ENABLE_CONNECT_PROTOCOL), "{settings:?}");
    let tokens = proxy.tokens();
    let handshake = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/socket"),
        (":authority", "app.example"),
    ];
    frames.request(&with(&handshake, &tokens.fields())).await;
    let verdict = frames.verdict().await;
    assert!(verdict.as_ref().is_none_or(|frame| frame.kind != HEADERS || !is_success(&frame.payload)), "{verdict:?}");
    assert!(upstream.unasked().is_empty());
}

/// Whether a block of fields begins with the static `:status: 200`.
fn is_success(block: &[u8]) -> bool {
    block.first() == Some(&0x88)
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_no_client_would_send_are_refused_and_not_forwarded() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    let plain = [(":method", "GET"), (":scheme", "http"), (":path", "/page"), (":authority", "app.example")];
    // What is refused below is refused for itself: without it the same frames are a good request.
    let mut frames = Frames::connect(proxy.address).await;
    frames.request(&with(&plain, &tokens.fields())).await;
    let verdict = frames.verdict().await.unwrap();
    assert!(verdict.kind == HEADERS && is_success(&verdict.payload), "{verdict:?}");
    assert_eq!(upstream.next().await.claims()["email"], "ann@example.com");
    for odd in [
        ("connection", "x-auth-user"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("keep-alive", "timeout=5"),
        ("te", "gzip"),
        ("X-Auth-User", "forged"),
        ("x-auth-user ", "forged"),
        ("x-odd", "a\r\nx-auth-user: forged"),
        ("x-odd", "a\0b"),
        ("content-length", "5"),
        (":path", "/open"),
        (":authority", "other.example"),
        (":unknown", "x"),
    ] {
        let mut frames = Frames::connect(proxy.address).await;
        frames.request(&with(&with(&plain, &tokens.fields()), &[odd])).await;
        let verdict = frames.verdict().await;
        let refused = match &verdict {
            None => true,
            Some(frame) => matches!(frame.kind, RST_STREAM | GOAWAY),
        };
        assert!(refused, "{odd:?}: {verdict:?}");
        assert!(upstream.unasked().is_empty(), "{odd:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_no_path_or_has_no_authority_is_refused() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    for odd in [
        &[(":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "app.example")][..],
        &[(":method", "GET"), (":scheme", "http"), (":path", "page"), (":authority", "app.example")],
        &[(":method", "GET"), (":scheme", "http"), (":path", ""), (":authority", "app.example")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/a b"), (":authority", "app.example")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/page")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/page"), (":authority", "")],
        &[(":method", "GET"), (":scheme", "http"), (":path", "/page"), (":authority", "user@app.example")],
        &[(":method", "GET"), (":path", "/page"), (":authority", "app.example")],
        &[(":scheme", "http"), (":path", "/page"), (":authority", "app.example")],
    ] {
        let mut frames = Frames::connect(proxy.address).await;
        frames.request(&with(odd, &tokens.fields())).await;
        let verdict = frames.verdict().await;
        let succeeded = verdict.as_ref().is_some_and(|frame| frame.kind == HEADERS && is_success(&frame.payload));
        assert!(!succeeded, "{odd:?}: {verdict:?}");
        assert!(upstream.unasked().is_empty(), "{odd:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_is_refused() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = H2::connect(proxy.address).await;
    for fields in [[("origin", "https://evil.example")], [("origin", "null")], [("sec-fetch-site", "cross-site")]] {
        let answer = client.send_signed_in(&proxy, "POST /page", &with(&[JSON], &fields)).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "cross_site"), "{fields:?}");
    }
    assert!(upstream.unasked().is_empty());
    assert_eq!(client.send_signed_in(&proxy, "POST /page", &[("origin", "https://app.example")]).await.status, 200);
    assert_eq!(upstream.next().await.claims()["email"], "ann@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_without_end_are_431() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut client = H2::connect(proxy.address).await;
    let long = "x".repeat(17 * 1024);
    let answer = client.send_signed_in(&proxy, "GET /page", &[JSON, ("x-long", &long)]).await;
    assert_eq!((answer.status, answer.code().as_str()), (431, "too_large"));
    let medium = "x".repeat(10 * 1024);
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("x-many", medium.as_str()), 10).collect();
    assert_eq!(client.send_signed_in(&proxy, "GET /page", &many).await.status, 431);
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_page_is_not_sent_to_itself() {
    let upstream = Upstream::answering(hello).await;
    let setup = Setup::new(&upstream).await;
    let proxy = setup.set("COGNITO_AUTH_REDIRECT_URL", "https://app.example/401").start().await;
    let mut client = H2::connect(proxy.address).await;
    let answer = client.send("GET /page", &[]).await;
    assert_eq!((answer.status, answer.field("location")), (302, Some("https://app.example/401")));
    let answer = client.send("GET /401", &[]).await;
    assert_eq!((answer.status, answer.field("location")), (401, None));
    assert!(upstream.unasked().is_empty());
}
