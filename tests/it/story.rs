//! The main story, end to end in one process: signed in, forwarded; not signed in, refused.

use crate::support::{proxy::Proxy, upstream::Upstream};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_an_allowed_group_reaches_the_application_with_a_signed_identity() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let answer = proxy.send_signed_in("GET /page?q=1", &[]).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    let seen = upstream.next().await;
    assert_eq!(seen.line, "GET /page?q=1 HTTP/1.1");
    let claims = seen.claims();
    assert_eq!(claims["email"], "ann@example.com");
    assert_eq!(claims["groups"], serde_json::json!(["staff"]));
    assert_eq!(seen.field("x-amzn-oidc-data"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_credential_nothing_reaches_the_application() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let answer = proxy.send("GET /page", &[("Accept", "application/json")]).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
    assert!(upstream.unasked().is_empty());
}
