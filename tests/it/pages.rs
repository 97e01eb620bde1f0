//! The proxy's own pages as a browser gets them: under a policy that fits them to the byte, with a way out.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use cognito_auth_proxy::dev::User;

use crate::support::{client::Answer, door::Door};

const SIGN_OUT: &str = r#"href="/.own/logout">Sign out</a>"#;

async fn own_prefix() -> Door {
    Door::with(&[("COGNITO_AUTH_RESERVED_PREFIX", "/.own")]).await
}

/// What a user gets who is signed in and not admitted.
async fn send_denied(door: &Door, line: &str, fields: &[(&str, &str)]) -> Answer {
    let tokens = door.proxy.issuer.tokens(&User::new("visitor", "visitor@example.com"));
    let all: Vec<(&str, &str)> = tokens.fields().into_iter().chain(fields.iter().copied()).collect();
    door.proxy.send(line, &all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_of_a_page_admits_its_style_and_nothing_else() {
    let door = own_prefix().await;
    for answer in [
        door.proxy.send("GET /page", &[]).await,
        send_denied(&door, "GET /page", &[]).await,
        door.proxy.send("GET /.own/unknown", &[]).await,
        door.proxy.send("GET /.own/logout", &[]).await,
        door.proxy.send("GET /.own/logout", &[("Sec-Fetch-Site", "cross-site")]).await,
    ] {
        let page = answer.text();
        let (_, rest) = page.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let hash = BASE64_STANDARD.encode(digest(&SHA256, style.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        assert_eq!(answer.field("content-security-policy"), Some(policy.as_str()));
        assert!(!page.contains("<script") && !page.contains("style="), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_let_out_of_a_session_that_does_not_serve() {
    let door = own_prefix().await;
    for answer in [door.proxy.send("GET /page", &[]).await, send_denied(&door, "GET /page", &[]).await] {
        assert!(answer.text().contains(SIGN_OUT), "{}", answer.text());
    }
    // What a browser sends when the link is followed.
    let followed = send_denied(&door, "GET /.own/logout", &[("Sec-Fetch-Site", "same-origin")]).await;
    assert_eq!(followed.status, 200);
    assert!(followed.all("set-cookie").iter().any(|cookie| cookie.contains("Max-Age=0")), "{:?}", followed.fields);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_to_sign_out_where_that_helps_nothing() {
    let door = own_prefix().await;
    let unknown = door.proxy.send("GET /.own/unknown", &[]).await;
    assert!(unknown.status == 404 && !unknown.text().contains(SIGN_OUT), "{}", unknown.text());
    let foreign = door.proxy.send_signed_in("POST /page", &[("Origin", "https://evil.example")]).await;
    let page = foreign.text();
    assert!(foreign.status == 403 && page.contains("Another site sent this request"), "{page}");
    assert!(!page.contains(SIGN_OUT), "{page}");
}
