//! Another site's page cannot use the session of this one (attack class 6.30).

use crate::support::{
    answers::{HANDSHAKE, hello, with},
    client::{Answer, Wire, request},
    proxy::{Proxy, Setup},
    upstream::Upstream,
};

const CROSS: (&str, &str) = ("Sec-Fetch-Site", "cross-site");
const SAME_SITE: (&str, &str) = ("Sec-Fetch-Site", "same-site");
const SAME_ORIGIN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
const NONE: (&str, &str) = ("Sec-Fetch-Site", "none");
const CORS: (&str, &str) = ("Sec-Fetch-Mode", "cors");
const NAVIGATE: (&str, &str) = ("Sec-Fetch-Mode", "navigate");
const OWN: (&str, &str) = ("Origin", "https://app.example");
const EVIL: (&str, &str) = ("Origin", "https://evil.example");

async fn ask(proxy: &Proxy, line: &str, fields: &[(&str, &str)]) -> Answer {
    proxy.send_signed_in(line, &with(fields, &[("Accept", "application/json")])).await
}

async fn assert_refused(proxy: &Proxy, upstream: &Upstream, line: &str, fields: &[(&str, &str)]) {
    let answer = ask(proxy, line, fields).await;
    assert_eq!(answer.status, 403, "{line} {fields:?}");
    if !line.starts_with("HEAD ") {
        assert_eq!(answer.code(), "cross_site", "{line} {fields:?}");
    }
    assert!(upstream.unasked().is_empty(), "{line} {fields:?}");
}

async fn assert_passes(proxy: &Proxy, upstream: &Upstream, line: &str, fields: &[(&str, &str)]) {
    let answer = ask(proxy, line, fields).await;
    assert_eq!(answer.status, 200, "{line} {fields:?}: {}", answer.text());
    assert_eq!(upstream.next().await.claims()["email"], "ann@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_origin_is_refused_in_whatever_way_it_asks() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    for origin in [
        "https://evil.example",
        "null",
        "",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "https://sub.app.example",
        "https://app.example:8443",
        "http://app.example:8080",
        "https://app.example/",
        "https://user@app.example",
        "chrome-extension://app.example",
        "https://app.example https://evil.example",
        "app.example",
    ] {
        let origin = ("Origin", origin);
        for line in ["POST /page", "PUT /page", "DELETE /page", "OPTIONS /page", "GET /page", "HEAD /page"] {
            assert_refused(&proxy, &upstream, line, &[origin]).await;
            // The origin alone decides: a friendlier word beside it changes nothing.
            assert_refused(&proxy, &upstream, line, &[origin, SAME_ORIGIN, CORS]).await;
        }
        assert_refused(&proxy, &upstream, "GET /socket", &with(&HANDSHAKE, &[origin])).await;
        assert_refused(&proxy, &upstream, "GET /socket", &with(&HANDSHAKE, &[origin, NAVIGATE])).await;
        assert_refused(&proxy, &upstream, "POST /page", &[origin, NAVIGATE]).await;
    }
    assert_refused(&proxy, &upstream, "POST /page", &[OWN, EVIL]).await;
    assert_refused(&proxy, &upstream, "POST /page", &[OWN, OWN]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_origin_passes() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    for origin in ["https://app.example", "http://app.example", "https://app.example:443", "https://APP.example"] {
        for line in ["POST /page", "GET /page", "DELETE /page"] {
            assert_passes(&proxy, &upstream, line, &[("Origin", origin)]).await;
            // The origin alone decides.
            assert_passes(&proxy, &upstream, line, &[("Origin", origin), CROSS]).await;
        }
        assert_passes(&proxy, &upstream, "GET /socket", &with(&HANDSHAKE, &[("Origin", origin)])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_origin_the_browsers_own_word_decides_over_what_changes_something() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    for site in [CROSS, SAME_SITE] {
        for line in ["POST /page", "DELETE /page", "PATCH /page"] {
            assert_refused(&proxy, &upstream, line, &[site]).await;
            assert_refused(&proxy, &upstream, line, &[site, NAVIGATE]).await;
        }
        assert_refused(&proxy, &upstream, "GET /socket", &with(&HANDSHAKE, &[site])).await;
        // An image or a link: the page cannot read the answer.
        assert_passes(&proxy, &upstream, "GET /page", &[site]).await;
        assert_passes(&proxy, &upstream, "HEAD /page", &[site, NAVIGATE]).await;
    }
    for fields in [&[][..], &[SAME_ORIGIN], &[NONE]] {
        for line in ["POST /page", "GET /page"] {
            assert_passes(&proxy, &upstream, line, fields).await;
        }
        assert_passes(&proxy, &upstream, "GET /socket", &with(&HANDSHAKE, fields)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_another_site_may_be_followed() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    assert_passes(&proxy, &upstream, "GET /page", &[CROSS, NAVIGATE]).await;
    assert_passes(&proxy, &upstream, "GET /page", &[EVIL, CROSS, NAVIGATE]).await;
    assert_passes(&proxy, &upstream, "HEAD /page", &[("Origin", "null"), CROSS, NAVIGATE]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_the_load_balancer_appended_to_host_is_no_other_origin() {
    let upstream = Upstream::answering(hello).await;
    let trusting = Proxy::start(&upstream).await;
    let setup = Setup::new(&upstream).await;
    let doubting = setup.set("COGNITO_AUTH_TRUSTED_PROXIES", "10.0.0.0/8").start().await;
    for (proxy, port, origin, status) in [
        (&trusting, Some("8443"), "https://app.example", 200),
        (&trusting, Some("8443"), "https://app.example:8443", 200),
        (&trusting, Some("443"), "https://app.example", 403),
        (&trusting, Some("8443"), "https://app.example:9443", 403),
        (&trusting, Some("8443"), "https://evil.example", 403),
        (&trusting, None, "https://app.example", 403),
        (&doubting, Some("8443"), "https://app.example", 403),
    ] {
        let tokens = proxy.tokens();
        let mut fields = with(&tokens.fields(), &[("Origin", origin)]);
        fields.extend(port.map(|port| ("X-Forwarded-Port", port)));
        let mut wire = Wire::connect(proxy.address).await;
        wire.send(request("POST /page", &fields).replace("Host: app.example", "Host: app.example:8443")).await;
        assert_eq!(wire.answer().await.status, status, "{port:?} {origin}");
        assert_eq!(upstream.unasked().len(), usize::from(status == 200), "{port:?} {origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_origin_passes_and_no_other() {
    let upstream = Upstream::answering(hello).await;
    let setup = Setup::new(&upstream).await;
    let proxy = setup.set("COGNITO_AUTH_ALLOWED_ORIGINS", "https://friend.example,http://localhost:3000").start().await;
    for origin in ["https://friend.example", "https://friend.example:443", "http://localhost:3000"] {
        assert_passes(&proxy, &upstream, "POST /page", &[("Origin", origin), CROSS]).await;
        assert_passes(&proxy, &upstream, "GET /socket", &with(&HANDSHAKE, &[("Origin", origin)])).await;
    }
    for origin in
        ["http://friend.example", "https://friend.example:444", "https://localhost:3000", "https://evil.example"]
    {
        assert_refused(&proxy, &upstream, "POST /page", &[("Origin", origin), CROSS]).await;
    }
    // Allowed is the origin, not whoever names it nowhere.
    assert_refused(&proxy, &upstream, "POST /page", &[CROSS]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_allowed_origin_may_read_a_refusal() {
    let upstream = Upstream::answering(hello).await;
    let setup = Setup::new(&upstream).await;
    let proxy = setup.set("COGNITO_AUTH_ALLOWED_ORIGINS", "https://friend.example").start().await;
    for line in ["GET /page", "POST /page", "OPTIONS /page"] {
        let answer = proxy.send(line, &[("Origin", "https://friend.example"), CORS]).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
        assert_eq!(answer.field("access-control-allow-origin"), Some("https://friend.example"));
        assert_eq!(answer.field("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.field("vary"), Some("origin"));
        for origin in ["https://evil.example", "null", "https://friend.example.evil.example", "https://app.example"] {
            let answer = proxy.send(line, &[("Origin", origin), CORS]).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
            let permissions = answer.fields.iter().filter(|(name, _)| name.starts_with("access-control-"));
            assert_eq!(permissions.count(), 0, "{origin}");
            assert_eq!(answer.field("vary"), Some("origin"));
        }
    }
    let foreign = ask(&proxy, "POST /page", &[EVIL]).await;
    assert_eq!((foreign.code().as_str(), foreign.field("access-control-allow-origin")), ("cross_site", None));
    assert!(upstream.unasked().is_empty());
    let strict = Proxy::start(&upstream).await;
    let answer = strict.send("GET /page", &[EVIL, CORS]).await;
    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (401, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn public_paths_are_anybodys() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    for line in ["GET /open", "POST /open"] {
        let answer = ask(&proxy, line, &[EVIL, CROSS, CORS]).await;
        assert_eq!(answer.status, 200, "{line}");
        assert_eq!(upstream.next().await.field("x-auth-user"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_credential_is_told_before_a_foreign_origin() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let answer = proxy.send("POST /page", &[EVIL, CORS]).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
    assert_eq!(ask(&proxy, "GET /.auth/me", &[EVIL]).await.code(), "cross_site");
    assert!(upstream.unasked().is_empty());
}
