use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use serde_json::{Value, json};

use super::*;
use crate::{
    authenticator::{Authenticator, Credential},
    authoriser::Authoriser,
    config::{
        AssertionAlgorithm, Credentials, Dev, DevMode, EmailAddress, EmailRules, EmptyPolicy, MockUser, PolicyRules,
        Secret,
    },
    keys::Fetching,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const TTL: Duration = Duration::from_secs(60);

fn asserter(keys: SigningKeys) -> Asserter {
    Asserter::from_config(&config::Assertion {
        header: HeaderName::from_static("x-auth-user"),
        keys,
        key_source: config::KeySource::Fixed,
        issuer: "cognito-auth-proxy".to_owned(),
        audience: "upstream".to_owned(),
        ttl: TTL,
    })
    .unwrap()
}

fn es256() -> Asserter {
    asserter(SigningKeys::generate(AssertionAlgorithm::Es256).unwrap())
}

fn ann() -> Profile {
    Profile {
        subject: "sub-1".to_owned(),
        client: "client".to_owned(),
        email: Some("Ann@Corp.com".to_owned()),
        email_address: EmailAddress::parse("Ann@Corp.com").ok(),
        email_verified: Some(true),
        username: Some("ann".to_owned()),
        name: Some("Ann Lee".to_owned()),
        given_name: Some("Ann".to_owned()),
        family_name: Some("Lee".to_owned()),
        groups: vec!["staff".to_owned(), "users,admins".to_owned()],
        expires_at: 1,
        session_expires_at: 1,
    }
}

fn nobody() -> Profile {
    Profile {
        email: None,
        email_address: None,
        email_verified: None,
        username: None,
        name: None,
        given_name: None,
        family_name: None,
        groups: Vec::new(),
        ..ann()
    }
}

fn sign(asserter: &Asserter, profile: Profile) -> HeaderValue {
    asserter.sign_for(&profile, Standing::Member, &Memo::default(), SystemTime::now()).unwrap()
}

fn at(seconds: f64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_secs_f64(seconds)
}

fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&["upstream"]);
    validation.set_issuer(&["cognito-auth-proxy"]);
    validation
}

/// The claims after another library verified them with the published key that `kid` names.
fn verified(asserter: &Asserter, value: &HeaderValue, algorithm: Algorithm) -> Value {
    let token = value.to_str().unwrap();
    let jwks: JwkSet = serde_json::from_slice(&asserter.jwks()).unwrap();
    let jwk = jwks.find(&decode_header(token).unwrap().kid.unwrap()).unwrap();
    decode(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation(algorithm)).unwrap().claims
}

/// The claims, unverified.
fn claims(value: &HeaderValue) -> Value {
    part(value, 1)
}

fn part(value: &HeaderValue, index: usize) -> Value {
    let part = value.to_str().unwrap().split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn another_library_verifies_what_a_public_key_signs() {
    for (ours, theirs) in [(AssertionAlgorithm::Es256, Algorithm::ES256), (AssertionAlgorithm::EdDsa, Algorithm::EdDSA)]
    {
        let asserter = asserter(SigningKeys::generate(ours).unwrap());
        assert_eq!(verified(&asserter, &sign(&asserter, ann()), theirs)["sub"], "sub-1");
    }
}

#[test]
fn p256_verifies_an_es256_statement() {
    let asserter = es256();
    let jwks: Value = serde_json::from_slice(&asserter.jwks()).unwrap();
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwks["keys"][0][name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let value = sign(&asserter, ann());
    let (message, signature) = value.to_str().unwrap().rsplit_once('.').unwrap();
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    VerifyingKey::from_sec1_bytes(&point).unwrap().verify(message.as_bytes(), &signature).unwrap();
}

#[test]
fn another_library_verifies_an_hs256_statement_which_names_no_key() {
    let secret = Secret::from_text(SECRET.to_owned());
    let asserter = asserter(SigningKeys::parse(AssertionAlgorithm::Hs256, &secret).unwrap());
    let value = sign(&asserter, ann());
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let claims: Value = decode(value.to_str().unwrap(), &key, &validation(Algorithm::HS256)).unwrap().claims;
    assert_eq!(claims["sub"], "sub-1");
    assert_eq!(part(&value, 0), json!({"typ": "JWT", "alg": "HS256"}));
    assert_eq!(asserter.jwks(), r#"{"keys":[]}"#);
}

#[test]
fn the_header_names_the_key() {
    let asserter = es256();
    assert_eq!(part(&sign(&asserter, ann()), 0), json!({"typ": "JWT", "alg": "ES256", "kid": kids(&asserter)[0]}));
}

fn kids(asserter: &Asserter) -> Vec<String> {
    kids_at(asserter, Instant::now())
}

/// Of the keys that are published then.
fn kids_at(asserter: &Asserter, now: Instant) -> Vec<String> {
    let jwks: Value = serde_json::from_slice(&asserter.signer.load().jwks(now)).unwrap();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn made() -> SigningKeys {
    SigningKeys::generate(AssertionAlgorithm::Es256).unwrap()
}

#[test]
fn after_a_rotation_the_new_key_signs_at_once_and_the_old_one_is_still_published() {
    let (asserter, memo) = (es256(), Memo::default());
    let sign = || asserter.sign_for(&ann(), Standing::Member, &memo, SystemTime::now()).unwrap();
    let before = sign();
    asserter.sign_with(made(), Instant::now());
    let after = sign();
    assert_ne!(part(&before, 0)["kid"], part(&after, 0)["kid"], "what is remembered is not said again");
    assert_eq!(kids(&asserter), [&after, &before].map(|value| part(value, 0)["kid"].as_str().unwrap().to_owned()));
    for value in [before, after] {
        assert_eq!(verified(&asserter, &value, Algorithm::ES256)["sub"], "sub-1");
    }
}

#[test]
fn a_key_of_before_is_published_for_twice_the_life_of_a_statement_and_ten_minutes_at_least() {
    let (now, minutes) = (Instant::now(), |minutes: u64| Duration::from_secs(60 * minutes));
    for (ttl, stay) in [(TTL, minutes(10)), (minutes(20), minutes(40))] {
        let asserter = Asserter { ttl, ..es256() };
        asserter.sign_with(made(), now);
        let published = |after: Duration| kids_at(&asserter, now + after).len();
        assert_eq!([published(stay - Duration::from_secs(1)), published(stay)], [2, 1]);
    }
}

#[test]
fn rotations_follow_each_other_and_a_key_that_comes_back_is_published_once() {
    let (asserter, now) = (es256(), Instant::now());
    let (first, second) = (asserter.signer.load().jwks(now), made());
    asserter.sign_with(second.clone(), now);
    asserter.sign_with(made(), now + LEAST_STAY / 2);
    assert_eq!(kids_at(&asserter, now + LEAST_STAY / 2).len(), 3);
    assert_eq!(kids_at(&asserter, now + LEAST_STAY).len(), 2, "{first:?} has had its time");
    asserter.sign_with(second.clone(), now + LEAST_STAY);
    let kids = kids_at(&asserter, now + LEAST_STAY);
    assert_eq!((kids.len(), kids.first().map(String::as_str)), (2, second.kid()));
}

#[test]
fn a_rotation_keeps_the_algorithm_and_what_is_broken_changes_nothing() {
    let asserter = es256();
    let before = sign(&asserter, ann());
    for text in ["", SECRET, "-----BEGIN PRIVATE KEY-----", include_str!("../../../tests/it/main.rs")] {
        asserter.rotate(&Secret::from_text(text.to_owned())).unwrap_err();
    }
    assert_eq!(part(&sign(&asserter, ann()), 0), part(&before, 0));
}

#[test]
fn a_shared_secret_is_replaced_at_once_and_the_old_one_never_published() {
    let asserter =
        asserter(SigningKeys::parse(AssertionAlgorithm::Hs256, &Secret::from_text(SECRET.to_owned())).unwrap());
    let other = SECRET.repeat(2);
    asserter.rotate(&Secret::from_text(other.clone())).unwrap();
    let value = sign(&asserter, ann());
    let by = |secret: &str| {
        let key = DecodingKey::from_secret(secret.as_bytes());
        decode::<Value>(value.to_str().unwrap(), &key, &validation(Algorithm::HS256)).is_ok()
    };
    assert_eq!((by(&other), by(SECRET), asserter.jwks().as_ref()), (true, false, br#"{"keys":[]}"#.as_slice()));
}

#[test]
fn every_known_claim_is_stated() {
    let asserter = es256();
    let value = asserter.sign_for(&ann(), Standing::Admin, &Memo::default(), at(0.9)).unwrap();
    let mut claims = claims(&value);
    assert!(claims.as_object_mut().unwrap().remove("jti").unwrap().as_str().unwrap().len() > 16);
    assert_eq!(
        claims,
        json!({
            "iss": "cognito-auth-proxy", "aud": "upstream", "iat": 1_800_000_000, "exp": 1_800_000_060,
            "sub": "sub-1", "email": "Ann@Corp.com", "email_verified": true, "username": "ann", "name": "Ann Lee",
            "given_name": "Ann", "family_name": "Lee", "groups": ["staff", "users,admins"], "is_admin": true,
        })
    );
}

#[test]
fn unknown_claims_are_absent_and_groups_are_always_a_list() {
    let claims = claims(&sign(&es256(), nobody()));
    let names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["aud", "exp", "groups", "iat", "is_admin", "iss", "jti", "sub"]);
    assert_eq!((&claims["groups"], &claims["is_admin"]), (&json!([]), &json!(false)));
}

#[test]
fn line_breaks_and_emoji_in_claims_arrive_unchanged() {
    let odd = "a\r\nx-auth-user: forged\0\u{7f}\u{e9}\u{1f980}\u{202e}\"\\,";
    let asserter = es256();
    let profile = Profile { name: Some(odd.to_owned()), groups: vec![odd.to_owned()], ..ann() };
    let value = sign(&asserter, profile);
    assert!(value.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)));
    let claims = verified(&asserter, &value, Algorithm::ES256);
    assert_eq!((&claims["name"], &claims["groups"]), (&json!(odd), &json!([odd])));
}

#[test]
fn a_statement_is_said_again_while_half_of_its_life_is_left() {
    let (asserter, memo) = (es256(), Memo::default());
    let sign = |seconds| asserter.sign_for(&ann(), Standing::Member, &memo, at(seconds)).unwrap();
    let first = sign(0.5);
    assert_eq!(sign(30.0), first);
    let second = sign(30.1);
    assert_ne!(second, first);
    assert_eq!(claims(&second)["exp"], 1_800_000_090);
    assert_eq!(sign(31.0), second);
}

#[test]
fn a_statement_from_the_future_is_not_said_again() {
    let (asserter, memo) = (es256(), Memo::default());
    let sign = |seconds| asserter.sign_for(&ann(), Standing::Member, &memo, at(seconds)).unwrap();
    let (first, second) = (sign(100.0), sign(0.0));
    assert_ne!(first, second);
    assert_eq!(claims(&second)["iat"], 1_800_000_000);
}

#[test]
fn a_statement_is_said_again_only_by_the_signer_that_made_it() {
    let (one, other, memo) = (es256(), es256(), Memo::default());
    for asserter in [&one, &other, &one] {
        let value = asserter.sign_for(&ann(), Standing::Member, &memo, SystemTime::now()).unwrap();
        assert_eq!(verified(asserter, &value, Algorithm::ES256)["sub"], "sub-1");
        assert_eq!(asserter.sign_for(&ann(), Standing::Member, &memo, SystemTime::now()).unwrap(), value);
    }
}

/// Signs a user in who presents nothing, by way of dev mode: the shortest way to the proof.
async fn admitted(authenticator: &Authenticator, rules: &PolicyRules) -> Authorised {
    let identity = authenticator.authenticate(Credential::Absent).await.unwrap();
    policy(rules).authorise(identity).unwrap()
}

fn policy(rules: &PolicyRules) -> Authoriser {
    Authoriser::from_rules(rules, EmptyPolicy::AdmitAuthenticated, EmailRules::default()).unwrap()
}

fn signing_in(subject: &str) -> Authenticator {
    let mock = MockUser {
        sub: subject.to_owned(),
        email: "dev@example.com".to_owned(),
        email_verified: true,
        username: None,
        name: None,
        given_name: None,
        family_name: None,
        groups: vec!["staff".to_owned()],
    };
    let dev = Dev::On(DevMode::for_tests(mock));
    Authenticator::from_config(&Credentials::RefuseAll, &dev, 1 << 20, Fetching::default()).unwrap()
}

#[tokio::test]
async fn a_statement_is_said_again_only_under_the_policy_it_was_made_under() {
    let (asserter, authenticator) = (es256(), signing_in("sub-1"));
    let [staff, ops] = ["staff", "ops"].map(|group| vec![group.to_owned()]);
    let admins = policy(&PolicyRules { admin_groups: staff, ..PolicyRules::default() });
    let everybody = policy(&PolicyRules { admin_groups: ops, ..PolicyRules::default() });
    let sign = async |authoriser: &Authoriser| {
        let authorised = authoriser.authorise(authenticator.authenticate(Credential::Absent).await.unwrap());
        authorised.ok().map(|authorised| asserter.sign(&authorised, at(0.0)).unwrap())
    };
    let admin = sign(&admins).await.unwrap();
    assert_eq!((claims(&admin)["is_admin"].clone(), sign(&admins).await), (json!(true), Some(admin)));
    assert_eq!(sign(&everybody).await, None);
    let members = policy(&PolicyRules::default());
    for _ in 0..2 {
        let (member, again) = (sign(&members).await.unwrap(), sign(&members).await.unwrap());
        assert_eq!((claims(&member)["is_admin"].clone(), again), (json!(false), member));
        assert_eq!(claims(&sign(&admins).await.unwrap())["is_admin"], true);
    }
}

#[tokio::test]
async fn a_freed_credential_is_never_taken_for_another() {
    let asserter = es256();
    // The allocator gives each of them the address of the one before.
    for n in 0..100 {
        let subject = format!("sub-{n}");
        let authorised = admitted(&signing_in(&subject), &PolicyRules::default()).await;
        let value = asserter.sign(&authorised, SystemTime::now()).unwrap();
        assert_eq!(claims(&value)["sub"], subject.as_str());
    }
}

#[test]
fn no_two_statements_have_the_same_id() {
    let (one, other) = (es256(), es256());
    let ids: HashSet<String> = (0..100)
        .flat_map(|_| [sign(&one, ann()), sign(&other, ann())])
        .map(|v| claims(&v)["jti"].to_string())
        .collect();
    assert_eq!(ids.len(), 200);
}

#[test]
fn a_statement_never_prints() {
    let asserter = es256();
    let value = sign(&asserter, ann());
    let token = value.to_str().unwrap();
    assert!(value.is_sensitive());
    for printed in [format!("{value:?}"), format!("{asserter:?}")] {
        assert!(!printed.contains(token) && !printed.contains("Corp"), "{printed}");
    }
}

#[test]
fn a_clock_before_1970_makes_no_statement() {
    let before = UNIX_EPOCH - Duration::from_secs(1);
    let refused = es256().sign_for(&ann(), Standing::Member, &Memo::default(), before);
    assert!(matches!(refused, Err(AssertionError::Clock)));
}
