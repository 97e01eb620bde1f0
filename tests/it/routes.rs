//! Which path is whose, over the wire: judged and forwarded in the same bytes (attack classes 6.1, 6.6–6.8).

use crate::support::{
    answers::hello,
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

const JSON: (&str, &str) = ("Accept", "application/json");

async fn with_open_door(upstream: &Upstream) -> Proxy {
    Setup::new(upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open/door,/logo.png").start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_path_needs_no_user_whatever_its_query() {
    let upstream = Upstream::answering(hello).await;
    let proxy = with_open_door(&upstream).await;
    for target in
        ["/open/door", "/logo.png", "/open/door?x=/../admin", "/open/door?", "/open/door?#", "/open/door#/../admin"]
    {
        let answer = proxy.send(&format!("GET {target}"), &[]).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{target}");
        let seen = upstream.next().await;
        // A fragment is no part of a request target; the application sees what was judged.
        let forwarded = target.split('#').next().unwrap();
        assert_eq!(seen.line, format!("GET {forwarded} HTTP/1.1"));
        assert_eq!(seen.field("x-auth-user"), None);
    }
}

/// Spellings some server reads as a public path, or that reach beyond one.
const ODD: [&str; 34] = [
    "/admin",
    "/admin?x=/open/door",
    "/admin?/open/door",
    "/admin?/../open/door",
    "/admin%23/open/door",
    "/admin%3F/open/door",
    "/admin;/open/door",
    "/admin;x=y",
    "/open",
    "/open/",
    "/open/door/",
    "/open/door//",
    "//open/door",
    "/open//door",
    "/./open/door",
    "/open/./door",
    "/open/door/.",
    "/open/door/..",
    "/open/door/../../admin",
    "/open/x/../door",
    "/open/%2e%2e/admin",
    "/open/%2E%2E/admin",
    "/open/%252e%252e/admin",
    "/open/..%2fadmin",
    "/open%2fdoor",
    "/open%2Fdoor",
    "/open/door;x=y",
    "/open/door;/../admin",
    "/open/door%00",
    "/open/door%20",
    "/open/d%6For",
    "/OPEN/door",
    "/open/Door",
    "/logo%2epng",
];

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_a_public_path_needs_a_user_and_then_goes_on_byte_for_byte() {
    let upstream = Upstream::answering(hello).await;
    let proxy = with_open_door(&upstream).await;
    for target in ODD {
        let line = format!("GET {target}");
        let answer = proxy.send(&line, &[JSON]).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{target}");
        assert!(upstream.unasked().is_empty(), "{target}");
        assert_eq!(proxy.send_signed_in(&line, &[]).await.status, 200, "{target}");
        let seen = upstream.next().await;
        assert_eq!(seen.line, format!("GET {target} HTTP/1.1"));
        assert_eq!(seen.claims()["email"], "ann@example.com");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_does_not_make_a_path_public() {
    let upstream = Upstream::answering(hello).await;
    let proxy = with_open_door(&upstream).await;
    for target in ["/admin#/open/door", "/admin#", "/admin?#/open/door"] {
        let answer = proxy.send(&format!("GET {target}"), &[JSON]).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{target}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_goes_on_byte_for_byte() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    for target in [
        "/",
        "/?",
        "/?a=b&a=%20+&c",
        "/?a=?b/../c",
        "/gradio_api/file=/a/b%2Fc",
        "/gradio_api/file=/tmp/gradio/x%20y%252e.png?v=1",
        "/a//b",
        "/%7Efoo",
        "/~foo",
        "/proxy=http://x/y",
        "/a/./b/../c",
        "/a;b=c/d",
        "/a%00b",
        "/%C3%BC",
        "/%ff",
        "/a:b@c",
        "/|{}\"",
        "//evil.example/x",
    ] {
        assert_eq!(proxy.send_signed_in(&format!("GET {target}"), &[]).await.status, 200, "{target}");
        assert_eq!(upstream.next().await.line, format!("GET {target} HTTP/1.1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_case_and_form_of_the_host_change_nothing() {
    let upstream = Upstream::start().await;
    let proxy = with_open_door(&upstream).await;
    for host in ["APP.EXAMPLE", "app.example.", "app.example:80", "localhost", "127.0.0.1", "[::1]:8080"] {
        let mut wire = crate::support::client::Wire::connect(proxy.address).await;
        wire.send(format!("GET /admin HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n")).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{host}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_could_mean_the_reserved_prefix_reaches_the_application() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    for target in [
        "/.auth",
        "/.auth/",
        "/.auth?",
        "/.auth/nothing",
        "/.auth/me/",
        "/.auth/me/x",
        "/.auth/ME",
        "/.auth/../.auth/me",
        "/.auth//me",
        "/%2eauth/me",
        "/%2Eauth/me",
        "/%252eauth/me",
        "/%25252eauth/me",
        "/.%61uth/me",
        "/.auth%2fme",
        "/.auth%2Fme",
        "/.auth%5cme",
        "/.auth;x=y/me",
        "/.auth/me;x=y",
        "//.auth/me",
        "/./.auth/me",
        "/a/../.auth/me",
        "/a/%2e%2e/.auth/me",
        "/a/..%2f.auth/me",
        "/a/..;/.auth/me",
        "/a/b/../../.auth/me",
        "/../.auth/me",
        "/%2f.auth/me",
    ] {
        let answer = proxy.send_signed_in(&format!("GET {target}"), &[JSON]).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{target}");
        let answer = proxy.send_signed_in(&format!("POST {target}"), &[JSON]).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "POST {target}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backslash_does_not_lead_around_the_reserved_prefix() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    for target in ["/\\.auth/me", "/.auth\\me", "/a\\..\\.auth\\me"] {
        let answer = proxy.send_signed_in(&format!("GET {target}"), &[JSON]).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{target}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_of_the_reserved_prefix_is_the_applications() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    for target in ["/.authx", "/.authx/me", "/.aut", "/.auth.", "/x/.auth/me", "/.auth%78", "/.AUTH/me", "/?/.auth/me"]
    {
        let line = format!("GET {target}");
        let answer = proxy.send(&line, &[JSON]).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{target}");
        assert!(upstream.unasked().is_empty(), "{target}");
        assert_eq!(proxy.send_signed_in(&line, &[]).await.status, 200, "{target}");
        assert_eq!(upstream.next().await.line, format!("{line} HTTP/1.1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reserved_prefix_moves_with_its_setting() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_RESERVED_PREFIX", "/a/own").start().await;
    assert_eq!(proxy.send("GET /a/own/health", &[]).await.status, 200);
    let answer = proxy.send_signed_in("GET /a/%6fwn/health", &[JSON]).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    assert!(upstream.unasked().is_empty());
    assert_eq!(proxy.send("GET /.auth/health", &[JSON]).await.status, 401);
    assert_eq!(proxy.send_signed_in("GET /.auth/health", &[]).await.status, 200);
    assert_eq!(upstream.next().await.line, "GET /.auth/health HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_paths_answer_only_their_methods_and_never_ask_the_application() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    for path in ["/.auth/health", "/.auth/jwks.json"] {
        assert_eq!(proxy.send(&format!("GET {path}?x=/y"), &[]).await.status, 200, "{path}");
        let head = proxy.send(&format!("HEAD {path}"), &[]).await;
        assert_eq!(head.status, 200, "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
            let answer = proxy.send_signed_in(&format!("{method} {path}"), &[JSON]).await;
            assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{method} {path}");
        }
    }
    let answer = proxy.send("GET /.auth/me", &[JSON]).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
    assert_eq!(proxy.send_signed_in("GET /.auth/me", &[]).await.json()["email"], "ann@example.com");
    assert!(upstream.unasked().is_empty());
}
