//! Dev mode: a mock user where no credential is presented, the same rules for everything else, and interlocks.

use std::path::Path;

use cognito_auth_proxy::{
    config::{Config, ConfigErrors, Environment, Flags},
    dev::User,
};
use serde_json::json;

use crate::support::{
    door::{Door, with_data},
    proxy::Setup,
    upstream::Upstream,
};

const DEV: (&str, &str) = ("COGNITO_AUTH_DEV_MODE", "true");
const MOCK_USER: &str =
    r#"{"_comment": "x", "email": "dev@corp.com", "sub": "dev-sub", "groups": ["staff"], "name": "Dev"}"#;

fn mock_user(directory: &Path, text: &str) -> String {
    let path = directory.join("mock.json");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Dev mode with a mock user, and with everything production has.
async fn start(text: &str) -> Door {
    let directory = tempfile::tempdir().unwrap();
    Door::with(&[DEV, ("COGNITO_AUTH_DEV_CONFIG", &mock_user(directory.path(), text))]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_identity_fields_is_the_mock_user_with_a_signed_assertion() {
    let door = start(MOCK_USER).await;
    let seen = door.admits("nobody", &[]).await;
    let claims = seen.claims();
    assert_eq!((&claims["sub"], &claims["email"]), (&json!("dev-sub"), &json!("dev@corp.com")));
    assert_eq!((&claims["groups"], &claims["email_verified"]), (&json!(["staff"]), &json!(true)));
    let set: jsonwebtoken::jwk::JwkSet =
        serde_json::from_slice(&door.proxy.send("GET /.auth/jwks.json", &[]).await.body).unwrap();
    let mut expected = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    expected.set_audience(&["upstream"]);
    let key = jsonwebtoken::DecodingKey::from_jwk(&set.keys[0]).unwrap();
    jsonwebtoken::decode::<serde_json::Value>(seen.field("x-auth-user").unwrap(), &key, &expected).unwrap();
    let me = door.proxy.send("GET /.auth/me", &[]).await;
    assert_eq!((me.status, &me.json()["email"]), (200, &json!("dev@corp.com")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mock_user_is_subject_to_the_policy() {
    let door = start(r#"{"email": "dev@corp.com", "groups": ["visitors"]}"#).await;
    door.refuses("a mock user without a rule", &[], (403, "not_allowed")).await;
    let answer =
        door.proxy.send("POST /page", &[("Origin", "https://evil.example"), ("Accept", "application/json")]).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "cross_site"));
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_user_with_an_unverified_address_matches_no_rule_by_address() {
    let directory = tempfile::tempdir().unwrap();
    let path = mock_user(directory.path(), r#"{"email": "dev@corp.com", "email_verified": false}"#);
    let settings = [
        DEV,
        ("COGNITO_AUTH_DEV_CONFIG", path.as_str()),
        ("COGNITO_AUTH_ALLOWED_GROUPS", ""),
        ("COGNITO_AUTH_ALLOWED_DOMAINS", "corp.com"),
    ];
    Door::with(&settings).await.refuses("unverified", &[], (403, "not_allowed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_any_identity_field_is_not_the_mock_user() {
    let door = start(MOCK_USER).await;
    for name in [
        "x-amzn-oidc-accesstoken",
        "x-amzn-oidc-identity",
        "x-amzn-oidc-other",
        "X_Amzn_Oidc_Data",
        "x.amzn.oidc.identity",
        "X-AMZN-OIDC-Identity",
    ] {
        for value in ["", "x"] {
            door.refuses(name, &[(name, value)], (401, "missing_credential")).await;
        }
    }
    door.refuses("an empty data token alone", &[("x-amzn-oidc-data", "")], (401, "missing_credential")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_is_refused_and_a_good_one_is_its_own_user() {
    let door = start(MOCK_USER).await;
    let tokens = door.proxy.tokens();
    let bent = tokens.data.replacen('.', ".A", 1);
    door.refuses("bent", &with_data(&tokens, &bent), (401, "malformed_token")).await;
    let foreign = door.draft().but(|draft| draft.header["signer"] = json!("arn:other"));
    door.refuses("foreign", &door.sign(&foreign).fields(), (401, "wrong_signer")).await;
    let expired = door.draft().but(|draft| draft.payload["exp"] = json!(1));
    door.refuses("expired", &door.sign(&expired).fields(), (401, "token_expired")).await;
    let visitor = door.proxy.issuer.tokens(&User::new("visitor", "visitor@example.com"));
    door.refuses("not allowed", &visitor.fields(), (403, "not_allowed")).await;
    assert_eq!(door.admits("good", &tokens.fields()).await.claims()["email"], "ann@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_load_balancer_every_presented_token_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = mock_user(directory.path(), MOCK_USER);
    let door = Door::with(&[
        DEV,
        ("COGNITO_AUTH_DEV_CONFIG", &path),
        ("COGNITO_AUTH_ALB_ARNS", ""),
        ("COGNITO_AUTH_CLIENT_IDS", ""),
        ("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", ""),
        ("COGNITO_AUTH_USER_POOL_ID", ""),
        ("COGNITO_AUTH_COGNITO_JWKS_URL", ""),
    ])
    .await;
    door.refuses("a token", &door.proxy.tokens().fields(), (401, "wrong_signer")).await;
    assert_eq!(door.admits("nobody", &[]).await.claims()["email"], "dev@corp.com");
    assert_eq!(door.proxy.keys.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_path_names_not_even_the_mock_user() {
    let directory = tempfile::tempdir().unwrap();
    let path = mock_user(directory.path(), MOCK_USER);
    let settings = [DEV, ("COGNITO_AUTH_DEV_CONFIG", path.as_str()), ("COGNITO_AUTH_PUBLIC_PATHS", "/page")];
    let seen = Door::with(&settings).await.admits("public", &[("X-Auth-User", "forged")]).await;
    assert_eq!(seen.field("x-auth-user"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_dev_mode_nobody_is_nobody() {
    for off in ["false", "no", "0", ""] {
        let door = Door::with(&[("COGNITO_AUTH_DEV_MODE", off)]).await;
        door.refuses("nobody", &[], (401, "missing_credential")).await;
    }
}

/// The keys a configuration is refused for.
fn refused(loaded: Result<Config, ConfigErrors>) -> Vec<String> {
    loaded.expect_err("refused").problems().iter().map(|problem| problem.key.clone()).collect()
}

/// An environment of dev mode alone, with these variables as well.
fn load(settings: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let all = [DEV, ("COGNITO_AUTH_ALLOWED_GROUPS", "staff")].into_iter().chain(settings.iter().copied());
    Config::load(&Flags::default(), &Environment::from_pairs(all))
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_mode_does_not_start_on_a_listener_that_others_reach() {
    let upstream = Upstream::start().await;
    for listen in ["0.0.0.0:8080", "[::]:8080", "10.0.0.1:8080", "192.168.1.1:8080", "[::ffff:127.0.0.1]:8080"] {
        let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_LISTEN", listen);
        assert!(setup.config().is_ok(), "{listen} is fine in production");
        assert_eq!(refused(setup.set(DEV.0, DEV.1).config()), ["dev.mode"], "{listen}");
        let allowed = [("COGNITO_AUTH_LISTEN", listen), ("COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE", "true")];
        assert!(load(&allowed).is_ok(), "{listen}");
    }
    assert_eq!(load(&[]).unwrap().server.listen.to_string(), "127.0.0.1:8080");
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_mode_does_not_start_on_a_real_platform() {
    let platform = ["ECS_CONTAINER_METADATA_URI_V4", "AWS_EXECUTION_ENV", "KUBERNETES_SERVICE_HOST"];
    for name in platform {
        assert_eq!(refused(load(&[(name, "x")])), ["dev.mode"], "{name}");
        for no in ["false", "0", ""] {
            let not_allowed = [(name, "x"), ("COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE", no)];
            assert_eq!(refused(load(&not_allowed)), ["dev.mode"], "{name} {no}");
        }
        assert!(load(&[(name, "x"), ("COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE", "true")]).is_ok(), "{name}");
    }
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set(platform[0], "x");
    let keys = refused(setup.config());
    assert_eq!(keys, ["alb.public_keys_url", "cognito.jwks_url"], "plain http keys are for development too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_mock_user_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    for text in [
        "",
        "{",
        "[]",
        r#"{"mail": "x"}"#,
        r#"{"groups": "staff"}"#,
        r#"{"email": ""}"#,
        r#"{"email_verified": "true"}"#,
    ] {
        let path = mock_user(directory.path(), text);
        assert_eq!(refused(load(&[("COGNITO_AUTH_DEV_CONFIG", &path)])), ["dev.mock_user"], "{text}");
    }
    let absent = directory.path().join("absent.json");
    assert_eq!(refused(load(&[("COGNITO_AUTH_DEV_CONFIG", absent.to_str().unwrap())])), ["dev.mock_user"]);
}
