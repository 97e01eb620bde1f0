//! The signed statement to the application: its algorithms, its keys, and exactly the claims of interface.md section 3.

use aws_lc_rs::{rand, signature::Ed25519KeyPair};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use cognito_auth_proxy::dev::{Issuer, Parties, User};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::{Value, json};

use crate::support::{
    door::Door,
    draft::{Draft, now},
    pem::p256_pem,
    proxy::staff,
    upstream::Seen,
};

const SIGNING_KEY: &str = "COGNITO_AUTH_SIGNING_KEY";
const ALGORITHM: &str = "COGNITO_AUTH_ASSERTION_ALGORITHM";

/// What a member of `staff` is said to be.
async fn admitted(door: &Door) -> Seen {
    door.admits("staff", &door.proxy.tokens().fields()).await
}

async fn published(door: &Door) -> JwkSet {
    serde_json::from_slice(&door.proxy.send("GET /.auth/jwks.json", &[]).await.body).unwrap()
}

/// The claims, after verification with the published key that the header names.
async fn verified(door: &Door, seen: &Seen, algorithm: Algorithm) -> Value {
    let assertion = seen.field("x-auth-user").unwrap();
    let header = jsonwebtoken::decode_header(assertion).unwrap();
    assert_eq!((header.typ.as_deref(), header.alg), (Some("JWT"), algorithm));
    let set = published(door).await;
    let key = set.find(header.kid.as_deref().unwrap()).expect("the key that signed is published");
    assert_eq!(key.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).ok(), header.kid, "RFC 7638");
    let mut expected = Validation::new(algorithm);
    expected.set_audience(&["upstream"]);
    expected.set_issuer(&["cognito-auth-proxy"]);
    jsonwebtoken::decode::<Value>(assertion, &DecodingKey::from_jwk(key).unwrap(), &expected).unwrap().claims
}

fn header_of(seen: &Seen) -> Value {
    let header = seen.field("x-auth-user").unwrap().split('.').next().unwrap();
    serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_one_is_made_and_each_proxy_has_its_own() {
    let (one, two) = (Door::new().await, Door::new().await);
    let (seen, other) = (admitted(&one).await, admitted(&two).await);
    assert_eq!(verified(&one, &seen, Algorithm::ES256).await["email"], "ann@example.com");
    verified(&two, &other, Algorithm::ES256).await;
    assert_ne!(header_of(&seen)["kid"], header_of(&other)["kid"]);
    assert_eq!(names(&header_of(&seen)), ["alg", "kid", "typ"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proxies_with_one_key_speak_with_one_voice() {
    let pem = p256_pem();
    let (one, two) = (Door::with(&[(SIGNING_KEY, &pem)]).await, Door::with(&[(SIGNING_KEY, &pem)]).await);
    let (seen, other) = (admitted(&one).await, admitted(&two).await);
    assert_eq!(header_of(&seen)["kid"], header_of(&other)["kid"]);
    verified(&two, &seen, Algorithm::ES256).await;
    verified(&one, &other, Algorithm::ES256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_keys_the_first_signs_and_all_are_published() {
    let (first, second) = (p256_pem(), p256_pem());
    let both = Door::with(&[(SIGNING_KEY, &format!("{first}{second}"))]).await;
    let old = Door::with(&[(SIGNING_KEY, &second)]).await;
    assert_eq!(published(&both).await.keys.len(), 2);
    let seen = admitted(&both).await;
    verified(&both, &seen, Algorithm::ES256).await;
    let before = admitted(&old).await;
    assert_ne!(header_of(&seen)["kid"], header_of(&before)["kid"]);
    verified(&both, &before, Algorithm::ES256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eddsa_signs_with_a_made_key_and_with_a_configured_one() {
    let made = Door::with(&[(ALGORITHM, "EdDSA")]).await;
    let seen = admitted(&made).await;
    assert_eq!(verified(&made, &seen, Algorithm::EdDSA).await["email"], "ann@example.com");
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new()).unwrap();
    let text = BASE64_STANDARD.encode(pkcs8.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    let (one, two) = (
        Door::with(&[(ALGORITHM, "EdDSA"), (SIGNING_KEY, &pem)]).await,
        Door::with(&[(ALGORITHM, "EdDSA"), (SIGNING_KEY, &pem)]).await,
    );
    let seen = admitted(&one).await;
    verified(&two, &seen, Algorithm::EdDSA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hs256_signs_with_the_shared_secret_and_publishes_nothing() {
    let secret = "0123456789abcdef0123456789abcdef";
    let door = Door::with(&[(ALGORITHM, "HS256"), (SIGNING_KEY, secret)]).await;
    let seen = admitted(&door).await;
    let mut expected = Validation::new(Algorithm::HS256);
    expected.set_audience(&["upstream"]);
    let assertion = seen.field("x-auth-user").unwrap();
    let decoded = jsonwebtoken::decode::<Value>(assertion, &DecodingKey::from_secret(secret.as_bytes()), &expected);
    assert_eq!(decoded.unwrap().claims["email"], "ann@example.com");
    let other = DecodingKey::from_secret(b"another secret of 32 bytes or so");
    assert!(jsonwebtoken::decode::<Value>(assertion, &other, &expected).is_err());
    assert_eq!(names(&header_of(&seen)), ["alg", "typ"]);
    assert_eq!(door.proxy.send("GET /.auth/jwks.json", &[]).await.json(), json!({"keys": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn issuer_audience_header_and_life_are_configured() {
    let door = Door::with(&[
        ("COGNITO_AUTH_ASSERTION_ISSUER", "my-proxy"),
        ("COGNITO_AUTH_ASSERTION_AUDIENCE", "my-app"),
        ("COGNITO_AUTH_ASSERTION_HEADER", "X-Identity"),
        ("COGNITO_AUTH_ASSERTION_TTL", "7m"),
    ])
    .await;
    let tokens = door.proxy.tokens();
    let forged: Vec<(&str, &str)> = tokens
        .fields()
        .into_iter()
        .chain([("X_Identity", "forged"), ("x-identity", "forged"), ("X-Auth-User", "forged")])
        .collect();
    let before = now();
    let seen = door.admits("staff", &forged).await;
    let assertion = seen.field("x-identity").expect("one field of that name").to_owned();
    assert_eq!(seen.field("x-auth-user"), None);
    let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("my-proxy"), &json!("my-app")));
    let (issued_at, expires_at) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert_eq!(expires_at - issued_at, 420);
    assert!((before..=now()).contains(&issued_at));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_whom_everything_is_known_has_exactly_the_claims_of_the_contract() {
    let door = Door::new().await;
    let user = User {
        name: Some("Ann Lee".to_owned()),
        given_name: Some("Ann".to_owned()),
        family_name: Some("Lee".to_owned()),
        username: "ann".to_owned(),
        ..staff()
    }
    .in_groups(&["staff", "staff", "readers"]);
    let draft = Draft::of(&door.proxy.issuer, &user).but(|draft| {
        draft.payload["phone_number"] = json!("+44");
        draft.payload["custom:secret"] = json!("x");
        draft.payload["is_admin"] = json!(true);
        draft.payload["groups"] = json!(["admins"]);
        draft.access_payload["is_admin"] = json!(true);
    });
    let seen = door.admits("everything", &door.sign(&draft).fields()).await;
    let mut claims = verified(&door, &seen, Algorithm::ES256).await;
    assert_eq!(
        names(&claims),
        [
            "aud",
            "email",
            "email_verified",
            "exp",
            "family_name",
            "given_name",
            "groups",
            "iat",
            "is_admin",
            "iss",
            "jti",
            "name",
            "sub",
            "username"
        ]
    );
    for volatile in ["exp", "iat", "jti"] {
        claims.as_object_mut().unwrap().remove(volatile);
    }
    assert_eq!(
        claims,
        json!({
            "iss": "cognito-auth-proxy",
            "aud": "upstream",
            "sub": user.sub,
            "email": "ann@example.com",
            "email_verified": true,
            "username": "ann",
            "name": "Ann Lee",
            "given_name": "Ann",
            "family_name": "Lee",
            "groups": ["staff", "readers"],
            "is_admin": false,
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_is_absent_and_groups_are_always_an_array() {
    let door =
        Door::with(&[("COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED", "true"), ("COGNITO_AUTH_ALLOWED_GROUPS", "")]).await;
    let draft = door.draft().but(|draft| {
        for member in ["email", "email_verified", "username"] {
            draft.payload.as_object_mut().unwrap().remove(member).unwrap();
        }
        for member in ["username", "cognito:groups"] {
            draft.access_payload.as_object_mut().unwrap().remove(member).unwrap();
        }
    });
    let seen = door.admits("nothing known", &door.sign(&draft).fields()).await;
    let claims = verified(&door, &seen, Algorithm::ES256).await;
    assert_eq!(names(&claims), ["aud", "exp", "groups", "iat", "is_admin", "iss", "jti", "sub"]);
    assert_eq!(claims["groups"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_about_two_users_are_two_statements() {
    let door = Door::new().await;
    let ids: Vec<Value> = {
        let mut ids = Vec::new();
        for email in ["ann@example.com", "bob@example.com", "ann@example.com"] {
            let user = User::new("same-sub", email).in_groups(&["staff"]);
            let claims = door.admits(email, &door.proxy.issuer.tokens(&user).fields()).await.claims();
            assert_eq!(claims["email"], email);
            ids.push(claims["jti"].clone());
        }
        ids
    };
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_assertion_is_replaced_and_never_accepted_as_a_credential() {
    let door = Door::new().await;
    let genuine = admitted(&door).await.field("x-auth-user").unwrap().to_owned();
    door.refuses("our own assertion", &[("X-Auth-User", &genuine)], (401, "missing_credential")).await;
    let other = Issuer::generate(Parties::default()).unwrap();
    let forged = other.sign_access(&other.access_header(), r#"{"sub":"root","is_admin":true}"#);
    let tokens = door.proxy.tokens();
    let fields: Vec<(&str, &str)> = tokens.fields().into_iter().chain([("x-auth-user", forged.as_str())]).collect();
    let seen = door.admits("a forged one beside a credential", &fields).await;
    assert_eq!(verified(&door, &seen, Algorithm::ES256).await["is_admin"], false);
}
