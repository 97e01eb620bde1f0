//! The `dev` command: signing in, being somebody else, signing out, and each refusal as it will look.

use crate::support::{
    development::{Dev, cookies},
    upstream::Upstream,
};

const SCRIPT: (&str, &str) = ("Accept", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn a_navigation_is_sent_to_sign_in_and_returns_as_the_user() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let sent_away = dev.send("GET /reports?year=2026&q=a%20b", &[("Accept", "text/html")]).await;
    let location = "/.dev/?return=%2Freports%3Fyear%3D2026%26q%3Da%2520b";
    assert_eq!((sent_away.status, sent_away.field("location")), (302, Some(location)));
    assert_eq!(sent_away.field("cache-control"), Some("no-store"));
    let page = dev.send(&format!("GET {location}"), &[]).await;
    assert_eq!((page.status, page.field("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains(r#"name="return" value="/reports?year=2026&amp;q=a%20b""#), "{}", page.text());
    assert!(!page.text().contains("Signed in as") && !page.text().contains("<script"));

    let form = [("email", "ann@example.com"), ("groups", "data-team, readers"), ("email_verified", "on")];
    let form = [&form[..], &[("return", "/reports?year=2026&q=a%20b")]].concat();
    let signed_in = dev.post("/.dev/sign-in", &form, &[]).await;
    assert_eq!((signed_in.status, signed_in.field("location")), (303, Some("/reports?year=2026&q=a%20b")));
    assert_eq!(upstream.unasked().len(), 0, "nothing reached the application so far");
    let cookie = cookies(&signed_in).join("; ");
    assert_eq!(dev.send("GET /reports", &[("Cookie", &cookie)]).await.text(), "hello");
    let seen = upstream.next().await;
    let claims = seen.claims();
    assert_eq!(
        (&claims["email"], &claims["groups"]),
        (&"ann@example.com".into(), &serde_json::json!(["data-team", "readers"]))
    );
    assert_eq!(claims["email_verified"], true);
    let sees_who = dev.send("GET /.dev/", &[("Cookie", &cookie)]).await.text();
    assert!(sees_who.contains("Signed in as <strong>ann@example.com</strong>"), "{sees_who}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_sharded_like_the_load_balancers_and_never_reaches_the_application() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let answer = dev.post("/.dev/sign-in", &[("email", "a@example.com"), ("groups", "data-team")], &[]).await;
    let set = answer.all("set-cookie");
    assert_eq!(set.len(), 2);
    for (number, cookie) in set.iter().enumerate() {
        assert!(cookie.starts_with(&format!("AWSELBAuthSessionCookie-{number}=")) && cookie.len() < 4096, "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=604800; HttpOnly"), "{cookie}");
    }
    let shards = cookies(&answer);
    let cookie = format!("theme=dark; {}; {}; a=b", shards[1], shards[0]);
    assert_eq!(dev.send("GET /", &[("Cookie", &cookie)]).await.status, 200);
    assert_eq!(upstream.next().await.field("cookie"), Some("theme=dark; a=b"));
    // Half a session, a forged one, and one whose shards changed places are none.
    let swapped =
        format!("AWSELBAuthSessionCookie-0={}; AWSELBAuthSessionCookie-1={}", value(&shards[1]), value(&shards[0]));
    for cookie in [shards[0].clone(), shards[1].clone(), swapped, "AWSELBAuthSessionCookie-0=forged".to_owned()] {
        assert_eq!(dev.send("GET /", &[("Cookie", &cookie)]).await.status, 302, "{cookie}");
    }
    assert_eq!(upstream.unasked().len(), 0);
}

fn value(cookie: &str) -> &str {
    cookie.split_once('=').unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn personas_get_what_the_policy_says_and_can_be_changed_on_the_spot() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let page = dev.send("GET /.dev/", &[]).await.text();
    assert!(page.matches(r#"name="persona""#).count() >= 4, "{page}");
    for told in [
        "The policy admits them: <code>group:data-team</code>",
        "<code>admin-group:admins</code>",
        "The policy refuses them",
    ] {
        assert!(page.contains(told), "{told} in {page}");
    }
    for (email, groups, verified, status) in [
        ("ann@example.com", "data-team", "on", 200),
        ("root@example.com", "admins", "on", 200),
        ("dev@example.com", "", "on", 403),
        ("guest@example.com", "", "", 403),
        ("guest@example.com", "", "on", 200),
    ] {
        let form = [("persona", "0"), ("email", email), ("groups", groups), ("email_verified", verified)];
        let user = dev.sign_in_with(&form).await;
        let answer = dev.send_as(&user, "GET /", &[SCRIPT]).await;
        assert_eq!(answer.status, status, "{email} in {groups:?}");
        if status == 403 {
            assert_eq!(answer.code(), "not_allowed");
        } else {
            let claims = upstream.next().await.claims();
            assert_eq!((&claims["email"], &claims["is_admin"]), (&email.into(), &(groups == "admins").into()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_signs_out() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    assert_eq!(dev.send_as(&user, "GET /", &[]).await.status, 200);
    let out = dev.send_as(&user, "GET /.auth/logout", &[("Sec-Fetch-Site", "same-origin")]).await;
    assert!(out.status == 200 && out.text().contains("Signed out"), "{}", out.text());
    let ended: Vec<&str> = out.all("set-cookie");
    for name in user.0.split("; ").map(|cookie| cookie.split_once('=').unwrap().0) {
        let of_it = ended.iter().find(|cookie| cookie.starts_with(&format!("{name}=;")));
        // Without TLS some browsers pass over a `Secure` cookie, and nobody would be signed out.
        assert!(of_it.is_some_and(|it| it.contains("Max-Age=0") && !it.contains("Secure")), "{name} in {ended:?}");
    }
    // What the browser sends from now on.
    assert_eq!(dev.send("GET /", &[("Accept", "text/html")]).await.status, 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trouble_shows_its_refusal_and_goes_away() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    assert_eq!(dev.send_as(&user, "GET /", &[SCRIPT]).await.status, 200);
    for (trouble, status, code) in [
        ("expired_access_token", 401, "token_expired"),
        ("expired_alb_token", 401, "token_expired"),
        ("wrong_load_balancer", 401, "wrong_signer"),
        ("wrong_client", 401, "wrong_client"),
        ("tampered_signature", 401, "bad_signature"),
        ("other_users_token", 401, "subject_mismatch"),
        ("no_access_token", 401, "missing_credential"),
        ("keys_down", 503, "keys_unavailable"),
    ] {
        dev.make_trouble(trouble).await;
        let refused = dev.send_as(&user, "GET /", &[SCRIPT]).await;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{trouble}");
        let page = dev.send("GET /.dev/", &[]).await.text();
        assert!(page.contains("Going wrong on purpose") && page.contains(&format!(r#"value="{trouble}" checked"#)));
    }
    dev.make_trouble("none").await;
    assert_eq!(dev.send_as(&user, "GET /", &[SCRIPT]).await.status, 200, "at once, as its keys are still known");
    assert_eq!(upstream.unasked().len(), 2, "nothing else reached the application");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_fetched_stay_an_outage_for_many_users() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    dev.make_trouble("keys_down").await;
    for number in 0..15 {
        let user = dev.sign_in(&format!("user{number}@example.com"), "data-team").await;
        let refused = dev.send_as(&user, "GET /", &[SCRIPT]).await;
        assert_eq!((refused.status, refused.code().as_str()), (503, "keys_unavailable"), "user {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_shows_its_refusal() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let stranger = dev.sign_in("dev@example.com", "").await;
    let body = vec![b'x'; 3_000_000];
    let length = body.len().to_string();
    for number in 0..20 {
        for (cookie, status) in [(stranger.0.as_str(), 403), ("", 302)] {
            let mut wire = crate::support::client::Wire::connect(dev.address).await;
            let expect = if number % 2 == 0 { ("X-Plain", "1") } else { ("Expect", "100-continue") };
            let fields = [SCRIPT, ("Content-Length", length.as_str()), ("Cookie", cookie), expect];
            wire.send(dev.text(&crate::support::client::request("POST /upload", &fields))).await;
            if expect.0 == "Expect" && status == 403 {
                assert!(wire.head_text().await.starts_with("HTTP/1.1 100 "), "it is carried on while it comes");
            }
            if expect.0 != "Expect" || status == 403 {
                wire.send(&body).await;
            }
            assert_eq!(wire.answer().await.status, status, "time {number}");
        }
    }
    assert_eq!(upstream.unasked().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_access_token_leads_to_a_new_sign_in_once() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    dev.make_trouble("expired_access_token").await;
    let again = dev.send_as(&user, "GET /deep?x=1", &[("Accept", "text/html")]).await;
    assert_eq!((again.status, again.field("location")), (302, Some("/deep?x=1")));
    let guard = cookies(&again).into_iter().find(|cookie| cookie.contains("relogin")).expect("the guard");
    let second = dev.sign_in("ann@example.com", "data-team").await;
    let refused =
        dev.send("GET /deep", &[("Accept", "text/html"), ("Cookie", &format!("{}; {guard}", second.0))]).await;
    assert!(refused.status == 401 && refused.text().contains("token_expired"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_nowhere_else() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    for elsewhere in
        ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\r\nb: c"]
    {
        let form = [("email", "a@example.com"), ("return", elsewhere)];
        let answer = dev.post("/.dev/sign-in", &form, &[]).await;
        assert_eq!((answer.status, answer.field("location")), (303, Some("/")), "{elsewhere}");
        let answer = dev.post("/.dev/trouble", &[("trouble", "none"), ("return", elsewhere)], &[]).await;
        assert_eq!((answer.status, answer.field("location")), (303, Some("/.dev/?return=%2F")), "{elsewhere}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_cannot_use_the_forms_nor_reach_it_under_another_name() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("ann@example.com", "data-team").await;
    let form = [("email", "evil@example.com"), ("trouble", "keys_down")];
    for path in ["/.dev/sign-in", "/.dev/trouble"] {
        for foreign in [("Origin", "https://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")] {
            let answer = dev.post(path, &form, &[foreign]).await;
            assert_eq!((answer.status, answer.all("set-cookie").len()), (403, 0), "{path} {foreign:?}");
        }
    }
    assert_eq!(dev.send_as(&user, "GET /", &[SCRIPT]).await.status, 200, "no trouble was made");
    upstream.next().await;
    for host in
        ["evil.example", "evil.example:4430", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", ""]
    {
        for path in ["/", "/.dev/", "/oauth2/idpresponse"] {
            let mut wire = crate::support::client::Wire::connect(dev.address).await;
            wire.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\n\r\n", user.0)).await;
            assert_eq!(wire.answer().await.status, 421, "{host:?} {path}");
        }
    }
    // Two names, or one in the target that is another than the field's.
    let own = dev.address.to_string();
    for head in [
        format!("GET /.dev/ HTTP/1.1\r\nHost: {own}\r\nHost: evil.example"),
        format!("GET http://evil.example/.dev/ HTTP/1.1\r\nHost: {own}"),
        format!("GET http://{own}/.dev/ HTTP/1.1\r\nHost: evil.example"),
        "GET /.dev/ HTTP/1.0".to_owned(),
    ] {
        let mut wire = crate::support::client::Wire::connect(dev.address).await;
        wire.send(format!("{head}\r\n\r\n")).await;
        assert_eq!(wire.answer().await.status, 421, "{head}");
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9", "app.localhost"] {
        let mut wire = crate::support::client::Wire::connect(dev.address).await;
        wire.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\n\r\n", user.0)).await;
        assert_eq!(wire.answer().await.status, 200, "{host:?}");
        upstream.next().await;
    }
    assert_eq!(upstream.unasked().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_shown_as_text() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    let user = dev.sign_in("\"><script>alert(1)</script>@example.com", "<b>").await;
    let page = dev.send_as(&user, "GET /.dev/?return=/%22%3E%3Cscript%3E", &[]).await;
    assert!(page.text().contains("&lt;script&gt;") && !page.text().contains("<script"), "{}", page.text());
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    assert_eq!(page.field("referrer-policy"), Some("strict-origin"), "the application is not told of this page");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_are_none_are_refused() {
    let upstream = Upstream::start().await;
    let dev = Dev::start(upstream.address).await;
    for (path, form, status) in [
        ("/.dev/sign-in", &[][..], 400),
        ("/.dev/sign-in", &[("email", " ")], 400),
        ("/.dev/sign-in", &[("email", "a@example.com"), ("persona", "99")], 400),
        ("/.dev/sign-in", &[("email", "a@example.com"), ("persona", "-1")], 400),
        ("/.dev/trouble", &[("trouble", "anything")], 400),
        ("/.dev/anything", &[("email", "a@example.com")], 404),
    ] {
        let answer = dev.post(path, form, &[]).await;
        assert_eq!((answer.status, answer.all("set-cookie").len()), (status, 0), "{path} {form:?}");
    }
    let long = "x".repeat(70_000);
    assert_eq!(dev.post("/.dev/sign-in", &[("email", &long)], &[]).await.status, 400);
    assert_eq!(dev.send("DELETE /.dev/", &[]).await.status, 404);
    assert_eq!(dev.send("HEAD /.dev/", &[]).await.status, 200);
    assert_eq!(dev.send("GET /.devx", &[SCRIPT]).await.status, 302, "that one is the application's");
}
