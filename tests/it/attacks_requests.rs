//! What is asked for, and how (attack classes 6.2, 6.12, 6.25): no field and no method lets anybody in.

use crate::support::{
    answers::{HANDSHAKE, hello, with},
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

const JSON: (&str, &str) = ("Accept", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn only_the_request_line_says_what_is_asked_for() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    let forwarded = "for=127.0.0.1;host=app.example;proto=https";
    for (name, value) in [
        ("X-Original-URL", "/open"),
        ("X-Original-URI", "/open"),
        ("X-Rewrite-URL", "/open"),
        ("X-Forwarded-Uri", "/open"),
        ("X-Forwarded-Path", "/open"),
        ("X-Forwarded-Prefix", "/open"),
        ("X-Forwarded-Method", "OPTIONS"),
        ("X-HTTP-Method-Override", "OPTIONS"),
        ("X-HTTP-Method", "OPTIONS"),
        ("X-Method-Override", "OPTIONS"),
        ("X-Envoy-Original-Path", "/open"),
        ("X-Forwarded-Host", "127.0.0.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", forwarded),
        ("User-Agent", "ELB-HealthChecker/2.0"),
        ("User-Agent", "GoogleHC/1.0"),
        ("User-Agent", "kube-probe/1.31"),
        ("Authorization", "Basic YWRtaW46YWRtaW4="),
    ] {
        for line in ["GET /page", "GET /page?/open", "POST /page"] {
            let answer = proxy.send(line, &[JSON, (name, value)]).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{line} {name}");
        }
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_needs_a_user() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let preflight = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-auth-user"),
    ];
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "get", "PROPFIND", "FOO"] {
        for fields in [&[JSON][..], &with(&[JSON], &preflight)] {
            let answer = proxy.send(&format!("{method} /page"), fields).await;
            assert_eq!(answer.status, 401, "{method}");
        }
    }
    let answer = proxy.send("GET /page", &with(&[JSON], &HANDSHAKE)).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
    assert!(upstream.unasked().is_empty());
}
