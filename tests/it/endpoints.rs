//! What the proxy answers itself: health, readiness, the user's own identity, keys, sign-out, and nothing else.

use cognito_auth_proxy::dev::User;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{
    client::{Answer, Wire, request},
    door::Door,
    eventually,
    proxy::{Setup, staff},
};

const DOMAIN: (&str, &str) = ("COGNITO_AUTH_LOGOUT_COGNITO_DOMAIN", "example.auth.eu-west-2.amazoncognito.com");
const LANDING: (&str, &str) = ("COGNITO_AUTH_LOGOUT_REDIRECT_URL", "https://app.example/bye?a=b&c");
const COGNITO_LOGOUT: &str = "https://example.auth.eu-west-2.amazoncognito.com/logout\
                              ?client_id=exampleclient0123456789abc&logout_uri=https%3A%2F%2Fapp.example%2Fbye%3Fa%3Db%26c";
const SCRIPT: (&str, &str) = ("Accept", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn anyone_may_ask_for_health_and_a_load_balancer_is_told_nothing_else() {
    let door = Door::new().await;
    for fields in [&[][..], &[("User-Agent", "ELB-HealthChecker/2.0")], &[("x-amzn-oidc-data", "broken")]] {
        let answer = door.proxy.send("GET /.auth/health", fields).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
    }
    let page = door.proxy.send("GET /page", &[("User-Agent", "ELB-HealthChecker/2.0"), SCRIPT]).await;
    assert_eq!((page.status, page.code().as_str()), (401, "missing_credential"), "attack class 6.12");
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_application_and_health_does_not() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Setup::in_front_of(&format!("http://{address}")).await.start().await;
    for answer in [proxy.send("GET /.auth/ready", &[SCRIPT]).await, proxy.ask_admin("/ready").await] {
        assert_eq!((answer.status, answer.code().as_str()), (503, "upstream_unreachable"));
        assert!(answer.field("retry-after").is_some());
        assert!(!answer.text().contains(&address.port().to_string()), "{}", answer.text());
    }
    assert_eq!(proxy.send("GET /.auth/health", &[]).await.status, 200);
    assert_eq!(proxy.ask_admin("/health").await.status, 200);
    let _application = TcpListener::bind(address).await.unwrap();
    eventually("readiness", async || proxy.send("GET /.auth/ready", &[]).await.status == 200).await;
    eventually("readiness", async || proxy.ask_admin("/ready").await.status == 200).await;
    assert_eq!(proxy.send("GET /.auth/ready", &[]).await.json(), json!({"status": "ready"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn me_is_the_identity_as_the_application_sees_it() {
    let door = Door::with(&[("COGNITO_AUTH_ADMIN_GROUPS", "admins")]).await;
    let user = User { name: Some("Ann \u{1f600} <Lee>".to_owned()), ..staff() }.in_groups(&["staff", "admins"]);
    let tokens = door.proxy.issuer.tokens(&user);
    let answer = door.proxy.send("GET /.auth/me", &tokens.fields()).await;
    assert_eq!((answer.status, answer.field("cache-control")), (200, Some("no-store")));
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert!(door.upstream.unasked().is_empty(), "the proxy answers it");
    let mut told = door.admits("the same user", &tokens.fields()).await.claims();
    for ours in ["iss", "aud", "iat", "exp", "jti"] {
        told.as_object_mut().unwrap().remove(ours).unwrap();
    }
    assert_eq!(answer.json(), told);
    assert_eq!(told["is_admin"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn me_of_nobody_is_refused_as_every_page_is() {
    let elsewhere = "https://login.example/401";
    let door = Door::with(&[("COGNITO_AUTH_REDIRECT_URL", elsewhere)]).await;
    let script = door.proxy.send("GET /.auth/me", &[SCRIPT]).await;
    assert_eq!((script.status, script.code().as_str()), (401, "missing_credential"));
    let person = door.proxy.send("GET /.auth/me", &[]).await;
    assert_eq!((person.status, person.field("location")), (302, Some(elsewhere)));
    let visitor = door.proxy.issuer.tokens(&User::new("visitor", "visitor@example.com"));
    let [data, access_token, identity] = visitor.fields();
    let denied = door.proxy.send("GET /.auth/me", &[data, access_token, identity, SCRIPT]).await;
    assert_eq!((denied.status, denied.code().as_str()), (403, "not_allowed"));
    assert!(!denied.text().contains("visitor"));
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_keys_verify_the_assertion() {
    let door = Door::new().await;
    let tokens = door.sign(&door.draft());
    let seen = door.admits("a user", &tokens.fields()).await;
    let assertion = seen.field("x-auth-user").unwrap();
    let published = door.proxy.send("GET /.auth/jwks.json", &[]).await;
    assert_eq!((published.status, published.field("content-type")), (200, Some("application/json")));
    assert_eq!(published.json(), door.proxy.ask_admin("/jwks.json").await.json());
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_slice(&published.body).unwrap();
    let kid = jsonwebtoken::decode_header(assertion).unwrap().kid.unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap();
    let mut expected = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    expected.set_audience(&["upstream"]);
    expected.set_issuer(&["cognito-auth-proxy"]);
    let verified = jsonwebtoken::decode::<Value>(assertion, &key, &expected).unwrap();
    assert_eq!(verified.claims["email"], "ann@example.com");
    let members = published.json()["keys"][0].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert!(!members.iter().any(|member| member == "d" || member == "k"), "nothing private: {members:?}");
    let (input, signature) = assertion.rsplit_once('.').unwrap();
    let forged = format!("{input}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    assert!(jsonwebtoken::decode::<Value>(&forged, &key, &expected).is_err());
}

/// Every cookie of the load balancer's session is ended.
fn assert_signs_out(answer: &Answer) {
    let base = "AWSELBAuthSessionCookie";
    for name in ["", "-0", "-1", "-2", "-3"].map(|shard| format!("{base}{shard}=; ")) {
        let cookies = answer.all("set-cookie");
        let cookie = cookies.iter().find(|cookie| cookie.starts_with(&name));
        let cookie = cookie.unwrap_or_else(|| panic!("{name} is not among {cookies:?}"));
        assert!(cookie.contains("Path=/;") && cookie.contains("Max-Age=0") && cookie.contains("Secure"), "{cookie}");
    }
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

fn assert_keeps_signed_in(answer: &Answer) {
    assert!(answer.all("set-cookie").is_empty(), "{:?}", answer.fields);
    assert_eq!(answer.field("location"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_ends_the_session_and_goes_to_cognito() {
    let door = Door::with(&[DOMAIN, LANDING]).await;
    for fields in [
        &[][..],
        &[("Sec-Fetch-Site", "same-origin")],
        &[("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")],
        &[("Cookie", "AWSELBAuthSessionCookie-0=x")],
    ] {
        for answer in [
            door.proxy.send("GET /.auth/logout", fields).await,
            door.proxy.send_signed_in("GET /.auth/logout", fields).await,
            door.proxy.send("POST /.auth/logout", fields).await,
        ] {
            assert_eq!((answer.status, answer.field("location")), (303, Some(COGNITO_LOGOUT)), "{fields:?}");
            assert_signs_out(&answer);
        }
    }
    let own = [("Origin", "https://app.example"), ("Sec-Fetch-Site", "same-origin")];
    let answer = door.proxy.send_signed_in("POST /.auth/logout", &own).await;
    assert_eq!((answer.status, answer.field("location")), (303, Some(COGNITO_LOGOUT)));
    assert_signs_out(&answer);
    let more = door.proxy.send("GET /.auth/logout", &[("Cookie", "AWSELBAuthSessionCookie-12=x")]).await;
    assert!(more.all("set-cookie").iter().any(|cookie| cookie.starts_with("AWSELBAuthSessionCookie-12=; ")));
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_cookies_do_not_make_hundreds_of_fields() {
    let door = Door::with(&[DOMAIN, LANDING]).await;
    let sent: Vec<String> = (0..500).map(|shard| format!("AWSELBAuthSessionCookie-{shard}=x")).collect();
    let answer = door.proxy.send("GET /.auth/logout", &[("Cookie", &sent.join("; "))]).await;
    let ended = answer.all("set-cookie");
    assert_eq!(ended.len(), 5 + 8);
    assert!((0..4).all(|shard| ended.iter().any(|it| it.starts_with(&format!("AWSELBAuthSessionCookie-{shard}=;")))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_cannot_sign_a_user_out() {
    let door = Door::with(&[DOMAIN, LANDING]).await;
    for site in ["cross-site", "same-site", "", "unheard-of", "Same-Origin"] {
        for answer in [
            door.proxy.send("GET /.auth/logout", &[("Sec-Fetch-Site", site)]).await,
            door.proxy
                .send_signed_in("GET /.auth/logout", &[("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "navigate")])
                .await,
        ] {
            assert_eq!(
                (answer.status, answer.field("content-type")),
                (200, Some("text/html; charset=utf-8")),
                "{site}"
            );
            assert_keeps_signed_in(&answer);
            let page = answer.text();
            assert!(page.contains(r#"<form method="post" action="/.auth/logout">"#), "{page}");
            let policy = answer.field("content-security-policy").unwrap();
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            // A browser applies it to where the answer to the form leads, too.
            let targets = "form-action 'self' https://example.auth.eu-west-2.amazoncognito.com https://app.example;";
            assert!(policy.contains(targets), "{policy}");
        }
    }
    for fields in [
        &[("Origin", "https://evil.example")][..],
        &[("Origin", "null")],
        &[("Origin", "https://app.example.evil.example")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")],
    ] {
        let all: Vec<(&str, &str)> = fields.iter().copied().chain([SCRIPT]).collect();
        for answer in [
            door.proxy.send("POST /.auth/logout", &all).await,
            door.proxy.send_signed_in("POST /.auth/logout", &all).await,
        ] {
            assert_eq!((answer.status, answer.code().as_str()), (403, "cross_site"), "{fields:?}");
            assert_keeps_signed_in(&answer);
        }
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_the_user_is_signed_out_where_several_are_configured() {
    let door = Door::with(&[DOMAIN, LANDING, ("COGNITO_AUTH_CLIENT_IDS", "first,exampleclient0123456789abc")]).await;
    let signed_in = door.proxy.send_signed_in("GET /.auth/logout", &[]).await;
    assert_eq!(signed_in.field("location"), Some(COGNITO_LOGOUT));
    let tokens = door.proxy.issuer.tokens(&User::new("some-stranger", "eve@example.com"));
    let not_admitted = door.proxy.send("GET /.auth/logout", &tokens.fields()).await;
    assert_eq!(not_admitted.field("location"), Some(COGNITO_LOGOUT));
    let nobody = door.proxy.send("GET /.auth/logout", &[]).await;
    assert!(nobody.field("location").unwrap().contains("client_id=first&"), "{:?}", nobody.fields);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cognito_domain_logout_goes_to_the_landing_page() {
    for landing in ["/bye", "https://other.example/bye"] {
        let door = Door::with(&[("COGNITO_AUTH_LOGOUT_REDIRECT_URL", landing)]).await;
        for line in ["GET /.auth/logout", "POST /.auth/logout"] {
            let answer = door.proxy.send(line, &[]).await;
            assert_eq!((answer.status, answer.field("location")), (303, Some(landing)), "{line}");
            assert_signs_out(&answer);
        }
        for query in ["?redirect=https://evil.example", "?logout_uri=https://evil.example", "?rd=//evil.example"] {
            let answer = door.proxy.send(&format!("GET /.auth/logout{query}"), &[]).await;
            assert_eq!(answer.field("location"), Some(landing), "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_landing_page_logout_shows_its_own() {
    let door = Door::new().await;
    for line in ["GET /.auth/logout", "POST /.auth/logout"] {
        let answer = door.proxy.send(line, &[]).await;
        assert_eq!((answer.status, answer.field("location")), (200, None));
        assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"));
        assert!(answer.text().contains("Signed out"), "{}", answer.text());
        assert_signs_out(&answer);
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_are_refused_and_head_has_no_content() {
    let door = Door::new().await;
    for (path, methods, allow) in [
        ("health", &["POST", "PUT", "DELETE", "OPTIONS", "PATCH"][..], "GET, HEAD"),
        ("ready", &["POST", "DELETE"], "GET, HEAD"),
        ("me", &["POST", "DELETE"], "GET, HEAD"),
        ("jwks.json", &["POST", "PUT"], "GET, HEAD"),
        ("logout", &["PUT", "DELETE", "OPTIONS"], "GET, HEAD, POST"),
    ] {
        for method in methods {
            let answer = door.proxy.send_signed_in(&format!("{method} /.auth/{path}"), &[SCRIPT]).await;
            assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{method} {path}");
            assert_eq!(answer.field("allow"), Some(allow), "{path}");
            assert!(answer.all("set-cookie").is_empty());
        }
        let mut wire = Wire::connect(door.proxy.address).await;
        let tokens = door.proxy.tokens();
        wire.send(request(&format!("HEAD /.auth/{path}"), &tokens.fields())).await;
        assert_eq!(wire.head().await.status, 200, "{path}");
        wire.send(request("GET /.auth/health", &[])).await;
        assert_eq!(wire.answer().await.json(), json!({"status": "ok"}), "{path}");
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_under_the_reserved_prefix_reaches_the_application() {
    let door = Door::new().await;
    for path in ["/.auth", "/.auth/", "/.auth/metrics", "/.auth/me/", "/%2eauth/me", "//.auth/me", "/a/../.auth/me"] {
        let answer = door.proxy.send_signed_in(&format!("GET {path}"), &[SCRIPT]).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    assert!(door.upstream.unasked().is_empty());
    assert_eq!(door.proxy.send_signed_in("GET /.authx", &[]).await.status, 200);
    assert_eq!(door.upstream.next().await.line, "GET /.authx HTTP/1.1");
    let moved = Door::with(&[("COGNITO_AUTH_RESERVED_PREFIX", "/own/prefix")]).await;
    assert_eq!(moved.proxy.send("GET /own/prefix/health", &[]).await.status, 200);
    assert_eq!(moved.proxy.send_signed_in("GET /.auth/health", &[]).await.text(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_answers_its_paths_and_forwards_nothing() {
    let door = Door::new().await;
    for path in ["/health", "/ready", "/jwks.json", "/metrics"] {
        assert_eq!(door.proxy.ask_admin(path).await.status, 200, "{path}");
    }
    let metrics = door.proxy.ask_admin("/metrics").await;
    assert_eq!(metrics.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let mut wire = Wire::connect(door.proxy.admin).await;
    wire.send(request("GET /metrics", &[("Accept", "application/openmetrics-text; version=1.0.0, */*;q=0.1")])).await;
    let metrics = wire.answer().await;
    assert!(metrics.field("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(metrics.text().ends_with("# EOF\n"), "{}", metrics.text());
    for path in ["/", "/page", "/me", "/logout", "/.auth/health", "/health/", "/HEALTH"] {
        let answer = door.proxy.ask_admin(path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    let mut wire = Wire::connect(door.proxy.admin).await;
    wire.send(request("POST /health", &door.proxy.tokens().fields())).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
    assert_eq!((answer.field("allow"), answer.json().get("request_id")), (Some("GET, HEAD"), None));
    assert!(door.upstream.unasked().is_empty());
}
