//! What is taken for a credential, and what of it for a user (attack classes 6.3–6.5, 6.10, 6.14, 6.15, 6.31).

use crate::support::{
    answers::{hello, with},
    forgery::{FORGED, assert_nothing_forged, other_spellings},
    proxy::{Proxy, Setup, staff},
    upstream::Upstream,
};

const JSON: (&str, &str) = ("Accept", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_in_a_header_is_not_a_sign_in() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let other = Proxy::start(&upstream).await;
    // The assertion of another proxy, for a user who would be admitted.
    other.send_signed_in("GET /page", &[]).await;
    let assertion = upstream.next().await.field("x-auth-user").unwrap().to_owned();
    let bearer = format!("Bearer {assertion}");
    for name in ["x-auth-user", "X-Auth-User", "X_Auth_User", "x.auth.user", "x-forwarded-user", "remote-user"] {
        let answer = proxy.send("GET /page", &[JSON, (name, &assertion), ("Authorization", &bearer)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{name}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_of_a_credential_field_is_never_read_as_the_credential() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    let spellings = tokens.fields().map(|(name, _)| other_spellings(name));
    for spelling in 0..4 {
        let fields: Vec<_> =
            tokens.fields().iter().zip(&spellings).map(|((_, v), s)| (s[spelling].as_str(), *v)).collect();
        let answer = proxy.send("GET /page", &with(&[JSON], &fields)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{fields:?}");
    }
    // One alias among the real ones is as good as absent.
    for odd in 0..2 {
        let mut fields = tokens.fields();
        fields[odd].0 = &spellings[odd][0];
        let answer = proxy.send("GET /page", &with(&[JSON], &fields)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{fields:?}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_dev_mode_any_identity_field_keeps_the_mock_user_away() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream)
        .await
        .set("COGNITO_AUTH_DEV_MODE", "true")
        .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
        .set("COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED", "true")
        .start()
        .await;
    let answer = proxy.send("GET /page", &[JSON]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.next().await.claims()["email"], "dev@example.com");
    for (name, value) in [
        ("x_amzn_oidc_data", "x"),
        ("X.Amzn.Oidc.Data", ""),
        ("x-amzn-oidc-anything", "x"),
        ("x-amzn-oidc-identity", "x"),
        ("x-amzn-oidc-accesstoken", "x"),
    ] {
        for connection in ["keep-alive".to_owned(), format!("close, {name}")] {
            let answer = proxy.send("GET /page", &[JSON, ("Connection", &connection), (name, value)]).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{name} {connection}");
        }
    }
    for connection in ["keep-alive", "close, X-Amzn-Oidc-Data, X-Amzn-Oidc-Accesstoken"] {
        let bad = [("x-amzn-oidc-data", "x"), ("x-amzn-oidc-accesstoken", "x")];
        let answer = proxy.send("GET /page", &with(&[JSON, ("Connection", connection)], &bad)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "malformed_token"), "{connection}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_connection_names_does_not_hide_a_bad_credential() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    let fields = [
        JSON,
        ("Connection", "close, x-amzn-oidc-identity"),
        ("x-amzn-oidc-data", &tokens.data),
        ("x-amzn-oidc-accesstoken", &tokens.access_token),
        ("x-amzn-oidc-identity", "somebody-else"),
    ];
    let answer = proxy.send("GET /page", &fields).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "subject_mismatch"));
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubled_credential_field_is_refused_and_not_chosen_from() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    for (name, value) in tokens.fields() {
        for second in [value, "", FORGED] {
            let name = name.to_ascii_uppercase();
            let fields = with(&tokens.fields(), &[JSON, (&name, second)]);
            let answer = proxy.send("GET /page", &fields).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{name} {second}");
        }
    }
    for (place, code) in [(0, "malformed_token"), (1, "malformed_token"), (2, "subject_mismatch")] {
        let mut fields = tokens.fields();
        let joined = format!("{0}, {0}", fields[place].1);
        fields[place].1 = &joined;
        let answer = proxy.send("GET /page", &with(&[JSON], &fields)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, code), "joined {place}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_cannot_become_a_second_field_or_a_second_group() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut user = staff().in_groups(&["staff", "users,admins", "a|b", "ü 😀"]);
    user.name = Some(format!("Ann\r\nX-Auth-User: {FORGED}\r\n\r\n ü 😀"));
    let tokens = proxy.issuer.tokens(&user);
    let answer = proxy.send("GET /page", &tokens.fields()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = upstream.next().await;
    assert_nothing_forged(&seen, "claims");
    assert_eq!(seen.claims()["groups"], serde_json::json!(["staff", "users,admins", "a|b", "ü 😀"]));
    assert_eq!(seen.claims()["name"].as_str(), user.name.as_deref());
    for group in ["x,staff", "staff,x", "staff ", "Staff", "staff\r\n", "staff\0"] {
        let tokens = proxy.issuer.tokens(&staff().in_groups(&[group]));
        let answer = proxy.send("GET /page", &with(&tokens.fields(), &[JSON])).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "not_allowed"), "{group:?}");
    }
    assert!(upstream.unasked().is_empty());
}
