//! How a refusal looks: a redirect for a person going somewhere, the status itself for a program, never a loop.

use crate::support::{
    client::{Answer, Wire},
    door::Door,
    draft::Draft,
    proxy::{Setup, staff},
    upstream::Upstream,
};
use cognito_auth_proxy::dev::{Fault, User};
use serde_json::json;

const REDIRECT_URL: &str = "COGNITO_AUTH_REDIRECT_URL";
const ELSEWHERE: &str = "https://login.example/401?from=app";
const MODE: &str = "COGNITO_AUTH_REJECTION_MODE";
const COOKIE: (&str, &str) = ("Cookie", "a=1; AWSELBAuthSessionCookie-0=x; AWSELBAuthSessionCookie-7=y");
const GUARD: &str = "cognito-auth-proxy-relogin";

/// What makes a caller a script.
const SCRIPTS: [&[(&str, &str)]; 8] = [
    &[("X-Requested-With", "XMLHttpRequest")],
    &[("X-Requested-With", "xmlhttprequest"), ("Accept", "text/html")],
    &[("Sec-Fetch-Mode", "cors")],
    &[("Sec-Fetch-Mode", "same-origin"), ("Accept", "text/html")],
    &[("Accept", "application/json, text/plain, */*")],
    &[("Accept", "text/event-stream")],
    &[
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ],
    &[("Accept", "application/json"), ("Accept", "*/*")],
];

/// What does not.
const NAVIGATIONS: [&[(&str, &str)]; 5] = [
    &[],
    &[("Accept", "*/*"), ("User-Agent", "curl/8")],
    &[("Accept", "text/html,application/xhtml+xml,application/json;q=0.9"), ("Sec-Fetch-Mode", "navigate")],
    &[("X-Requested-With", "com.example.webview")],
    &[("Accept", "text/html, text/event-stream")],
];

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code));
    assert_eq!(answer.field("location"), None);
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"].as_str(), answer.field("x-request-id"), "{body}");
    let mut members: Vec<&String> = body.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["code", "request_id", "status", "title", "type"], "nothing else is told");
}

fn assert_page(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.field("location")), (status, None));
    assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    let policy = answer.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let page = answer.text();
    assert!(page.contains(code) && page.contains(answer.field("x-request-id").unwrap()), "{page}");
    assert!(!page.contains("<script"), "{page}");
}

fn assert_redirect(answer: &Answer, status: u16, location: &str) {
    assert_eq!((answer.status, answer.field("location")), (status, Some(location)), "{}", answer.text());
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(answer.all("set-cookie").is_empty() && answer.body.is_empty());
    assert!(answer.field("x-request-id").is_some());
}

/// Fields of a user who is signed in and not allowed.
async fn send_denied(door: &Door, line: &str, fields: &[(&str, &str)]) -> Answer {
    let tokens = door.proxy.issuer.tokens(&User::new("visitor", "visitor@example.com"));
    let all: Vec<(&str, &str)> = tokens.fields().into_iter().chain(fields.iter().copied()).collect();
    door.proxy.send(line, &all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_navigation_is_sent_to_the_redirect_url() {
    let door = Door::with(&[(REDIRECT_URL, ELSEWHERE)]).await;
    for fields in NAVIGATIONS {
        assert_redirect(&door.proxy.send("GET /page?a=b", fields).await, 302, ELSEWHERE);
        assert_redirect(&send_denied(&door, "GET /page", fields).await, 302, ELSEWHERE);
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            assert_redirect(&door.proxy.send(&format!("{method} /page"), fields).await, 303, ELSEWHERE);
        }
    }
    assert_redirect(
        &door.proxy.send("GET /page", &[("x-amzn-oidc-data", "bad"), ("x-amzn-oidc-accesstoken", "bad")]).await,
        302,
        ELSEWHERE,
    );
    let cross_site = [("Origin", "https://evil.example")];
    assert_redirect(&door.proxy.send_signed_in("POST /page", &cross_site).await, 303, ELSEWHERE);
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_script_gets_the_status_and_a_problem() {
    let door = Door::with(&[(REDIRECT_URL, ELSEWHERE)]).await;
    for fields in SCRIPTS {
        let answer = door.proxy.send("GET /page", fields).await;
        assert_problem(&answer, 401, "missing_credential");
        assert!(answer.field("www-authenticate").is_some(), "RFC 9110 asks for a challenge");
        assert_problem(&send_denied(&door, "GET /page", fields).await, 403, "not_allowed");
    }
    for fields in &SCRIPTS[..6] {
        assert_problem(&door.proxy.send("POST /page", fields).await, 401, "missing_credential");
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_redirect_url_a_person_gets_a_page_with_the_status() {
    let door = Door::new().await;
    for fields in NAVIGATIONS {
        assert_page(&door.proxy.send("GET /page", fields).await, 401, "missing_credential");
        assert_page(&door.proxy.send("POST /page", fields).await, 401, "missing_credential");
        assert_page(&send_denied(&door, "GET /page", fields).await, 403, "not_allowed");
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_mode_redirect_scripts_are_redirected_too() {
    let door = Door::with(&[(REDIRECT_URL, ELSEWHERE), (MODE, "redirect")]).await;
    for fields in SCRIPTS.into_iter().chain(NAVIGATIONS) {
        assert_redirect(&door.proxy.send("GET /page", fields).await, 302, ELSEWHERE);
        assert_redirect(&send_denied(&door, "GET /page", fields).await, 302, ELSEWHERE);
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_mode_status_nobody_is_redirected() {
    let door = Door::with(&[(REDIRECT_URL, ELSEWHERE), (MODE, "status")]).await;
    for fields in NAVIGATIONS {
        assert_page(&door.proxy.send("GET /page", fields).await, 401, "missing_credential");
    }
    for fields in SCRIPTS {
        assert_problem(&door.proxy.send("GET /page", fields).await, 401, "missing_credential");
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn outages_bad_requests_and_unknown_paths_never_redirect() {
    for mode in ["auto", "redirect"] {
        let door = Door::with(&[(REDIRECT_URL, ELSEWHERE), (MODE, mode)]).await;
        door.proxy.keys.set_fault(Fault::Down);
        let keys = door.proxy.send_signed_in("GET /page", &[]).await;
        assert_page(&keys, 503, "keys_unavailable");
        assert_eq!(keys.field("retry-after"), Some("5"));
        let script = door.proxy.send_signed_in("GET /page", SCRIPTS[0]).await;
        assert_problem(&script, 503, "keys_unavailable");
        assert_page(&door.proxy.send("GET /.auth/unknown", &[]).await, 404, "not_found");
        assert_page(&door.proxy.send_signed_in("GET /page", &[("x-amzn-oidc-data", "x")]).await, 400, "bad_request");
        let long = "x".repeat(17 * 1024);
        assert_page(&door.proxy.send("GET /page", &[("X-Long", &long)]).await, 431, "too_large");
        assert!(door.upstream.unasked().is_empty());

        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let setup = Setup::in_front_of(&format!("http://{nobody}")).await;
        let proxy = setup.set(REDIRECT_URL, ELSEWHERE).set(MODE, mode).start().await;
        let answer = proxy.send_signed_in("GET /page", &[]).await;
        assert_page(&answer, 502, "upstream_unreachable");
        assert!(!answer.text().contains(&nobody.to_string()), "no upstream address in a refusal");
        assert_problem(&proxy.send_signed_in("GET /page", SCRIPTS[0]).await, 502, "upstream_unreachable");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_the_page_that_was_refused_is_not_sent() {
    for url in
        ["/401", "/401?again=1#x", "https://app.example/401", "https://APP.example:443/401?x", "http://app.example/401"]
    {
        let door = Door::with(&[(REDIRECT_URL, url)]).await;
        assert_page(&door.proxy.send("GET /401", &[]).await, 401, "missing_credential");
        assert_page(&door.proxy.send("GET /401?a=b", &[]).await, 401, "missing_credential");
        assert_redirect(&door.proxy.send("GET /page", &[]).await, 302, url);
        assert!(door.upstream.unasked().is_empty());
    }
    let door = Door::with(&[(REDIRECT_URL, "https://login.example/page")]).await;
    assert_redirect(&door.proxy.send("GET /page", &[]).await, 302, "https://login.example/page");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_is_seen_where_the_host_is_spelt_with_its_default_port() {
    let door = Door::with(&[(REDIRECT_URL, "https://app.example/401")]).await;
    for host in ["app.example:443", "APP.EXAMPLE", "App.Example:443"] {
        let mut wire = Wire::connect(door.proxy.address).await;
        wire.send(format!("GET /401 HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_page(&wire.answer().await, 401, "missing_credential");
    }
    let mut wire = Wire::connect(door.proxy.address).await;
    wire.send("GET /401 HTTP/1.1\r\nHost: other.example\r\n\r\n").await;
    assert_redirect(&wire.answer().await, 302, "https://app.example/401");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_is_seen_over_http_2() {
    let door = Door::with(&[(REDIRECT_URL, "https://app.example/401")]).await;
    let stream = tokio::net::TcpStream::connect(door.proxy.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let tasks = tokio_util::task::TaskTracker::new();
    tasks.spawn(connection);
    for (path, status) in [("401", 401), ("page", 302)] {
        let request = http::Request::get(format!("https://app.example/{path}")).body(String::new()).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), status, "{path}");
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_head_has_the_fields_and_no_content() {
    let door = Door::new().await;
    for (fields, kind) in [(NAVIGATIONS[0], "text/html; charset=utf-8"), (SCRIPTS[4], "application/problem+json")] {
        let mut wire = Wire::connect(door.proxy.address).await;
        wire.send(crate::support::client::request("HEAD /page", fields)).await;
        let head = wire.head().await;
        assert_eq!((head.status, head.field("content-type")), (401, Some(kind)));
        assert!(head.field("content-length").is_some_and(|length| length != "0"));
        // Had content followed, it would be read as the next answer's head.
        wire.send(crate::support::client::request("GET /page", SCRIPTS[0])).await;
        assert_problem(&wire.answer().await, 401, "missing_credential");
    }
    let door = Door::with(&[(REDIRECT_URL, ELSEWHERE)]).await;
    assert_redirect(&door.proxy.send("HEAD /page", &[]).await, 302, ELSEWHERE);
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_origin_may_read_a_refusal_and_no_other() {
    let door = Door::with(&[("COGNITO_AUTH_ALLOWED_ORIGINS", "https://friend.example")]).await;
    let friend = [("Origin", "https://friend.example"), ("Sec-Fetch-Mode", "cors")];
    let answer = door.proxy.send("GET /page", &friend).await;
    assert_problem(&answer, 401, "missing_credential");
    assert_eq!(answer.field("access-control-allow-origin"), Some("https://friend.example"));
    assert_eq!(answer.field("access-control-allow-credentials"), Some("true"));
    for origin in ["https://evil.example", "null", "https://friend.example.evil.example", "http://friend.example"] {
        let answer = door.proxy.send("GET /page", &[("Origin", origin), ("Sec-Fetch-Mode", "cors")]).await;
        assert_problem(&answer, 401, "missing_credential");
        assert_eq!(answer.field("access-control-allow-origin"), None, "{origin}");
        assert!(answer.field("vary").is_some());
    }
}

/// Sends the tokens of a member of `staff` whose access token is past its time.
async fn send_expired(door: &Door, line: &str, fields: &[(&str, &str)]) -> Answer {
    send_bent(door, line, fields, |draft| draft.access_payload["exp"] = json!(1)).await
}

async fn send_bent(door: &Door, line: &str, fields: &[(&str, &str)], bend: impl FnOnce(&mut Draft)) -> Answer {
    let tokens = Draft::of(&door.proxy.issuer, &staff()).but(bend).signed(&door.proxy.issuer);
    let all: Vec<(&str, &str)> = tokens.fields().into_iter().chain(fields.iter().copied()).collect();
    door.proxy.send(line, &all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_navigation_with_an_expired_token_and_a_session_is_sent_to_sign_in_again_once() {
    let door = Door::with(&[(REDIRECT_URL, ELSEWHERE)]).await;
    let answer = send_expired(&door, "GET /a/b?c=%2Fd&e", &[COOKIE]).await;
    assert_eq!((answer.status, answer.field("location")), (302, Some("/a/b?c=%2Fd&e")));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    let cookies = answer.all("set-cookie");
    let names: Vec<&str> = cookies.iter().map(|cookie| cookie.split('=').next().unwrap()).collect();
    let base = "AWSELBAuthSessionCookie";
    let shards = ["-0", "-1", "-2", "-3", "-7"].map(|shard| format!("{base}{shard}"));
    let mut expected = vec![base];
    expected.extend(shards.iter().map(String::as_str));
    expected.push(GUARD);
    assert_eq!(names, expected);
    for cookie in &cookies[..cookies.len() - 1] {
        assert!(cookie.contains("=; Path=/; Max-Age=0;") && cookie.contains("; Secure"), "{cookie}");
    }
    let guard = cookies.last().unwrap();
    assert!(guard.contains("; Path=/") && guard.contains("; Secure") && guard.contains("; HttpOnly"), "{guard}");

    let again = format!("{}; {GUARD}=1", COOKIE.1);
    assert_redirect(&send_expired(&door, "GET /a/b", &[("Cookie", &again)]).await, 302, ELSEWHERE);
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_sent_to_sign_in_again() {
    let door = Door::new().await;
    for fields in SCRIPTS {
        let all: Vec<(&str, &str)> = fields.iter().copied().chain([COOKIE]).collect();
        let answer = send_expired(&door, "GET /page", &all).await;
        assert_problem(&answer, 401, "token_expired");
        assert!(answer.all("set-cookie").is_empty());
    }
    assert_page(&send_expired(&door, "GET /page", &[]).await, 401, "token_expired");
    assert_page(
        &send_expired(&door, "GET /page", &[("Cookie", "a=1; AWSELBAuthSessionCookies=x")]).await,
        401,
        "token_expired",
    );
    assert_page(&send_expired(&door, "POST /page", &[COOKIE]).await, 401, "token_expired");
    assert_eq!(send_expired(&door, "HEAD /page", &[COOKIE]).await.field("location"), None);
    assert_page(
        &send_bent(&door, "GET /page", &[COOKIE], |draft| draft.access_payload["token_use"] = json!("id")).await,
        401,
        "wrong_token_use",
    );
    assert_page(
        &send_bent(&door, "GET /page", &[COOKIE], |draft| draft.header["signer"] = json!("x")).await,
        401,
        "wrong_signer",
    );
    assert_page(
        &send_bent(&door, "GET /page", &[COOKIE], |draft| draft.access_payload["cognito:groups"] = json!([])).await,
        403,
        "not_allowed",
    );
    assert_page(&door.proxy.send("GET /page", &[COOKIE]).await, 401, "missing_credential");

    let off = Door::with(&[("COGNITO_AUTH_RELOGIN", "off")]).await;
    assert_page(&send_expired(&off, "GET /page", &[COOKIE]).await, 401, "token_expired");
    assert!(door.upstream.unasked().is_empty() && off.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relogin_returns_to_no_other_host() {
    let door = Door::new().await;
    for target in [
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "/\\/evil.example",
        "/a\\..\\..\\evil",
        "http://app.example//evil.example",
    ] {
        let answer = send_expired(&door, &format!("GET {target}"), &[COOKIE]).await;
        assert_eq!(answer.field("location"), None, "{target} {}", answer.status);
        assert!(matches!(answer.status, 400 | 401), "{target} {}", answer.status);
    }
    for (target, location) in
        [("http://app.example/a", "/a"), ("/https://evil.example", "/https://evil.example"), ("/a//b", "/a//b")]
    {
        let answer = send_expired(&door, &format!("GET {target}"), &[COOKIE]).await;
        assert_eq!(answer.field("location"), Some(location), "{target}");
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_cookie_has_the_configured_name() {
    let door = Door::with(&[("COGNITO_AUTH_LOGOUT_COOKIE_NAME", "Session")]).await;
    let answer = send_expired(&door, "GET /page", &[("Cookie", "Session-0=x")]).await;
    assert_eq!(answer.field("location"), Some("/page"));
    let names: Vec<&str> = answer.all("set-cookie").iter().map(|cookie| cookie.split('=').next().unwrap()).collect();
    assert_eq!(names, ["Session", "Session-0", "Session-1", "Session-2", "Session-3", GUARD]);
    assert_page(&send_expired(&door, "GET /page", &[COOKIE]).await, 401, "token_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_of_a_relogin_does_not_reach_the_application() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.start().await;
    let cookies = format!("a=1; {GUARD}=1; b=2");
    assert_eq!(proxy.send_signed_in("GET /page", &[("Cookie", &cookies)]).await.status, 200);
    assert_eq!(upstream.next().await.field("cookie"), Some("a=1; b=2"));
}
