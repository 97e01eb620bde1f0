//! The load balancer's token.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::*;
use crate::dev::User;

/// Fixture, verifier, and the header and payload of a good token.
struct Alb {
    fixture: Fixture,
    verifier: AlbVerifier,
    header: String,
    payload: String,
}

impl Alb {
    async fn start() -> Self {
        Self::expecting(|_| {}).await
    }

    async fn expecting(change: impl FnOnce(&mut Verification)) -> Self {
        let fixture = Fixture::start().await;
        let mut expected = fixture.verification();
        change(&mut expected);
        Self {
            verifier: AlbVerifier::new(&expected, fixture.alb_keys()),
            header: fixture.issuer.alb_header(DATA_EXPIRES),
            payload: fixture.issuer.alb_payload(&ann(), DATA_EXPIRES),
            fixture,
        }
    }

    async fn verify(&self, token: &str) -> Result<AlbClaims, TokenError> {
        self.verify_at(token, NOW).await
    }

    async fn verify_at(&self, token: &str, now: u64) -> Result<AlbClaims, TokenError> {
        self.verifier.verify(token.as_bytes(), now).await.map(Verified::into_claims)
    }

    /// The verdict on a rightly signed token of this header and payload.
    async fn signed(&self, header: &str, payload: &str) -> Result<AlbClaims, TokenError> {
        self.verify(&self.fixture.issuer.sign_alb(header, payload)).await
    }

    async fn with_header(&self, bend: impl FnOnce(&mut serde_json::Value)) -> Result<AlbClaims, TokenError> {
        self.signed(&bent(&self.header, bend), &self.payload).await
    }

    async fn with_payload(&self, bend: impl FnOnce(&mut serde_json::Value)) -> Result<AlbClaims, TokenError> {
        self.signed(&self.header, &bent(&self.payload, bend)).await
    }

    fn good(&self) -> String {
        self.fixture.issuer.sign_alb(&self.header, &self.payload)
    }
}

#[tokio::test]
async fn a_good_token_gives_its_claims() {
    let alb = Alb::start().await;
    let claims = alb.verify(&alb.good()).await.unwrap();
    let expected = AlbClaims {
        subject: "ann-sub".to_owned(),
        client: alb.fixture.issuer.parties().client.clone(),
        email: Some("ann@example.com".to_owned()),
        email_verified: Some(true),
        username: Some("ann-sub".to_owned()),
        name: Some("Ann Lee".to_owned()),
        given_name: None,
        family_name: None,
        groups: Vec::new(),
        expires_at: DATA_EXPIRES,
    };
    assert!(claims == expected);
}

#[tokio::test]
async fn every_length_of_padding_verifies_and_none_may_be_stripped_of_what_was_signed() {
    let alb = Alb::start().await;
    let mut paddings = [std::collections::BTreeSet::new(), std::collections::BTreeSet::new()];
    for length in 0..9 {
        let pad = "x".repeat(length);
        let header = bent(&alb.header, |header| header["pad"] = json!(pad));
        for extra in 0..3 {
            let user = User::new(&format!("sub-{}", "y".repeat(extra)), "ann@example.com");
            let token = alb.fixture.issuer.sign_alb(&header, &alb.fixture.issuer.alb_payload(&user, DATA_EXPIRES));
            alb.verify(&token).await.unwrap();
            let segments: Vec<&str> = token.split('.').collect();
            assert!(segments[2].ends_with("=="), "64 bytes always need padding");
            for place in 0..2 {
                let bare = segments[place].trim_end_matches('=');
                paddings[place].insert(segments[place].len() - bare.len());
                if bare != segments[place] {
                    let mut stripped = segments.clone();
                    stripped[place] = bare;
                    let outcome = alb.verify(&stripped.join(".")).await;
                    assert!(matches!(outcome, Err(TokenError::BadSignature)));
                }
            }
            // The third segment is not part of what was signed.
            alb.verify(token.trim_end_matches('=')).await.unwrap();
        }
    }
    assert!(paddings.iter().all(|seen| seen.len() == 3), "{paddings:?}");
}

#[tokio::test]
async fn text_that_is_no_token_is_malformed_and_costs_no_fetch() {
    let alb = Alb::start().await;
    let good = alb.good();
    let (input, signature) = good.rsplit_once('.').unwrap();
    for text in [
        String::new(),
        "opaque".to_owned(),
        input.to_owned(),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}A"),
        format!("{good}, {good}"),
        format!("{input}.{}", signature.replace("==", "=")),
        format!("{input}.{signature}="),
        format!("{input}.+/{}", signature.get(2..).unwrap()),
        good.replace('.', ".."),
        format!("\u{e9}{good}"),
    ] {
        let outcome = alb.verify(&text).await;
        assert!(matches!(outcome, Err(TokenError::Malformed(Malformation::Text(_)))), "{text}");
    }
    assert_eq!(alb.fixture.endpoint.requests(), 0);
}

#[tokio::test]
async fn only_es256_is_an_algorithm() {
    let alb = Alb::start().await;
    let (issuer, pem) = (&alb.fixture.issuer, alb.fixture.issuer.alb_pem().to_owned());
    for alg in ["none", "None", "", "HS256", "RS256", "ES384", "ES512", "ES256K", "es256", "EdDSA", "PS256"] {
        let header = bent(&alb.header, |header| header["alg"] = json!(alg));
        for token in [
            issuer.sign_alb(&header, &alb.payload),
            TokenShape::Alb.token(&header, &alb.payload, |_| b"x".to_vec()),
            // The public key as a secret: whoever takes the algorithm from the token would be satisfied.
            TokenShape::Alb.token(&header, &alb.payload, |input| {
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, pem.as_bytes());
                aws_lc_rs::hmac::sign(&key, input).as_ref().to_vec()
            }),
            TokenShape::Alb.token(&header, &alb.payload, |input| issuer.pool_signature(input)),
        ] {
            assert!(malformed(alb.verify(&token).await, Malformation::Algorithm), "{alg}");
        }
    }
    let header = without(&alb.header, "alg");
    assert!(malformed(alb.signed(&header, &alb.payload).await, Malformation::Header));
    // `alg: none` with an empty signature is not even a token.
    let empty = TokenShape::Alb.token(&alb.header, &alb.payload, |_| Vec::new());
    assert!(matches!(alb.verify(&empty).await, Err(TokenError::Malformed(_))));
}

#[tokio::test]
async fn critical_extensions_are_refused() {
    let alb = Alb::start().await;
    for crit in [json!(["exp"]), json!([]), json!(null), json!("b64")] {
        let outcome = alb.with_header(|header| header["crit"] = crit.clone()).await;
        assert!(malformed(outcome, Malformation::CriticalExtension), "{crit}");
    }
}

#[tokio::test]
async fn a_key_id_that_is_no_uuid_never_reaches_a_url() {
    let alb = Alb::start().await;
    let upper = alb.fixture.issuer.alb_key_id().to_uppercase();
    for kid in ["../x", "..%2fx", "%2e%2e", "https://evil.example/key", "", "x?y", "x#y", &upper, "//evil.example/x"] {
        let outcome = alb.with_header(|header| header["kid"] = json!(kid)).await;
        assert!(malformed(outcome, Malformation::KeyId), "{kid}");
    }
    assert!(malformed(alb.signed(&without(&alb.header, "kid"), &alb.payload).await, Malformation::KeyId));
    assert!(malformed(alb.with_header(|header| header["kid"] = json!(7)).await, Malformation::Header));
    assert_eq!(alb.fixture.endpoint.requests(), 0);
}

#[tokio::test]
async fn where_a_token_says_its_key_is_does_not_matter() {
    let alb = Alb::start().await;
    let outcome = alb.with_header(|header| {
        for member in ["jku", "x5u"] {
            header[member] = json!(alb.fixture.endpoint.jwks_url());
        }
        header["jwk"] = json!({ "kty": "EC" });
        header["x5c"] = json!(["AAAA"]);
    });
    outcome.await.unwrap();
    assert_eq!(alb.fixture.endpoint.requests(), 1);
}

#[tokio::test]
async fn expiration_times_and_a_subject_are_required_in_their_types() {
    let alb = Alb::start().await;
    let wrong = [json!("1800000120"), json!(null), json!(-1), json!(1e300), json!(true), json!([1])];
    for exp in &wrong {
        assert!(malformed(alb.with_header(|header| header["exp"] = exp.clone()).await, Malformation::Header), "{exp}");
        assert!(
            malformed(alb.with_payload(|payload| payload["exp"] = exp.clone()).await, Malformation::Payload),
            "{exp}"
        );
    }
    for sub in [json!(""), json!(7), json!(null), json!(["ann-sub"])] {
        assert!(
            malformed(alb.with_payload(|payload| payload["sub"] = sub.clone()).await, Malformation::Payload),
            "{sub}"
        );
    }
    assert!(malformed(alb.signed(&without(&alb.header, "exp"), &alb.payload).await, Malformation::Header));
    for claim in ["exp", "sub"] {
        assert!(malformed(alb.signed(&alb.header, &without(&alb.payload, claim)).await, Malformation::Payload));
    }
    let doubled = alb.payload.replacen('{', r#"{"sub":"admin","#, 1);
    assert!(malformed(alb.signed(&alb.header, &doubled).await, Malformation::Payload));
    let doubled = alb.header.replacen('{', r#"{"signer":"x","#, 1);
    assert!(malformed(alb.signed(&doubled, &alb.payload).await, Malformation::Header));
}

#[tokio::test]
async fn a_token_another_load_balancer_of_the_region_signed_is_refused() {
    let alb = Alb::start().await;
    let foreign = alb.fixture.issuer.parties().signer.replace("123456789012", "999999999999");
    let outcome = alb.with_header(|header| header["signer"] = json!(foreign)).await;
    assert!(matches!(&outcome, Err(TokenError::WrongSigner { found }) if *found == foreign));
    let own = &alb.fixture.issuer.parties().signer;
    for signer in
        [format!("{own}/"), format!("{own} "), own.to_uppercase(), own.trim_end_matches('f').to_owned(), String::new()]
    {
        let outcome = alb.with_header(|header| header["signer"] = json!(signer)).await;
        assert!(matches!(outcome, Err(TokenError::WrongSigner { .. })), "{signer}");
    }
    let outcome = alb.signed(&without(&alb.header, "signer"), &alb.payload).await;
    assert!(matches!(outcome, Err(TokenError::WrongSigner { .. })));
    let outcome = alb.with_header(|header| header["signer"] = json!("\r\nx: y\u{1f600}".repeat(1000))).await;
    assert!(matches!(&outcome, Err(error @ TokenError::WrongSigner { found })
        if found.chars().count() == 256 && !error.to_string().contains('\n')));
    assert_eq!(alb.fixture.endpoint.requests(), 0);
}

#[tokio::test]
async fn a_token_of_another_client_is_refused() {
    let alb = Alb::start().await;
    for client in [json!("other"), json!(""), json!(null)] {
        let outcome = alb.with_header(|header| header["client"] = client.clone()).await;
        assert!(matches!(outcome, Err(TokenError::WrongClient)), "{client}");
    }
}

#[tokio::test]
async fn both_issuers_must_be_accepted_and_the_same() {
    let alb = Alb::expecting(|expected| expected.issuers.push("https://second.example".to_owned())).await;
    let second = |value: &mut serde_json::Value| value["iss"] = json!("https://second.example");
    alb.signed(&bent(&alb.header, second), &bent(&alb.payload, second)).await.unwrap();
    for (header, payload) in [
        (bent(&alb.header, second), alb.payload.clone()),
        (alb.header.clone(), bent(&alb.payload, second)),
        (without(&alb.header, "iss"), without(&alb.payload, "iss")),
        (alb.header.clone(), without(&alb.payload, "iss")),
        (without(&alb.header, "iss"), alb.payload.clone()),
        (alb.header.replace("eu-west-2_", "eu-west-2_x"), alb.payload.replace("eu-west-2_", "eu-west-2_x")),
    ] {
        assert!(matches!(alb.signed(&header, &payload).await, Err(TokenError::WrongIssuer)), "{header} {payload}");
    }
}

#[tokio::test]
async fn a_token_is_over_on_its_expiration_time_and_the_leeway() {
    let alb = Alb::start().await;
    let good = alb.good();
    alb.verify_at(&good, DATA_EXPIRES + 4).await.unwrap();
    for now in [DATA_EXPIRES + 5, DATA_EXPIRES + 6, u64::MAX] {
        let outcome = alb.verify_at(&good, now).await;
        assert!(matches!(outcome, Err(TokenError::Expired { at: DATA_EXPIRES, now: found }) if found == now));
    }
    // Either of the two times ends it.
    let past = json!(NOW - 6);
    let outcome = alb.with_header(|header| header["exp"] = past.clone()).await;
    assert!(matches!(outcome, Err(TokenError::Expired { .. })));
    let outcome = alb.with_payload(|payload| payload["exp"] = past.clone()).await;
    assert!(matches!(outcome, Err(TokenError::Expired { .. })));
    let claims = alb.with_header(|header| header["exp"] = json!(NOW + 1)).await.unwrap();
    assert_eq!(claims.expires_at, NOW + 1);
}

#[tokio::test]
async fn any_other_signature_is_bad() {
    let alb = Alb::start().await;
    let other = new_issuer();
    let raw = alb.fixture.issuer.alb_signature(alb.good().rsplit_once('.').unwrap().0.as_bytes());
    let compact = alb.fixture.issuer.alb_signature(
        [&alb.header, &alb.payload].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".").as_bytes(),
    );
    for (what, signature) in [
        ("another key", other.alb_signature(alb.good().rsplit_once('.').unwrap().0.as_bytes())),
        ("zeros", vec![0; 64]),
        ("63 bytes", raw[..63].to_vec()),
        ("65 bytes", [&raw[..], &[0]].concat()),
        ("der", p256::ecdsa::Signature::from_slice(&raw).unwrap().to_der().as_bytes().to_vec()),
        ("of the text without padding", compact),
    ] {
        let token = TokenShape::Alb.token(&alb.header, &alb.payload, |_| signature.clone());
        assert!(matches!(alb.verify(&token).await, Err(TokenError::BadSignature)), "{what}");
    }
    let promoted = bent(&alb.payload, |payload| payload["sub"] = json!("admin"));
    let token = TokenShape::Alb.token(&alb.header, &promoted, |_| raw.clone());
    assert!(matches!(alb.verify(&token).await, Err(TokenError::BadSignature)));
}

#[tokio::test]
async fn checks_fail_in_the_order_of_the_contract() {
    let alb = Alb::start().await;
    alb.fixture.endpoint.set_fault(Fault::Down);
    // Everything is wrong at first; each round mends what failed.
    let mut header = bent(&alb.header, |header| {
        header["kid"] = json!("00000000-0000-4000-8000-000000000000");
        header["exp"] = json!(1);
        for party in ["signer", "client", "iss"] {
            header[party] = json!("x");
        }
    });
    let mut payload = without(&alb.payload, "sub");
    let sign = |header: &str, payload: &str| TokenShape::Alb.token(header, payload, |_| vec![1; 64]);
    let mend = |header: &str, member: &str| {
        let good: serde_json::Value = serde_json::from_str(&alb.header).unwrap();
        bent(header, |header| header[member] = good[member].clone())
    };
    assert!(malformed(alb.verify(&sign(&header, &payload)).await, Malformation::Payload));
    payload = alb.payload.clone();
    assert!(matches!(alb.verify(&sign(&header, &payload)).await, Err(TokenError::WrongSigner { .. })));
    header = mend(&header, "signer");
    assert!(matches!(alb.verify(&sign(&header, &payload)).await, Err(TokenError::WrongClient)));
    header = mend(&header, "client");
    assert!(matches!(alb.verify(&sign(&header, &payload)).await, Err(TokenError::WrongIssuer)));
    header = mend(&header, "iss");
    assert!(matches!(alb.verify(&sign(&header, &payload)).await, Err(TokenError::Expired { at: 1, .. })));
    assert_eq!(alb.fixture.endpoint.requests(), 0, "no key is asked for before");
    header = mend(&header, "exp");
    let outcome = alb.verify(&sign(&header, &payload)).await;
    assert!(matches!(outcome, Err(TokenError::Key(KeyError::Unavailable { .. }))), "an outage is not a bad token");
    alb.fixture.endpoint.set_fault(Fault::None);
    pass(std::time::Duration::from_secs(2)).await;
    assert!(matches!(alb.verify(&sign(&header, &payload)).await, Err(TokenError::Key(KeyError::Unknown))));
    header = mend(&header, "kid");
    assert!(matches!(alb.verify(&sign(&header, &payload)).await, Err(TokenError::BadSignature)));
    alb.signed(&header, &payload).await.unwrap();
}

#[tokio::test]
async fn groups_are_read_from_this_token_where_so_configured() {
    let alb = Alb::expecting(|expected| expected.groups = GroupsSource::Userinfo { claim: "roles".to_owned() }).await;
    let groups = |roles: serde_json::Value| alb.with_payload(move |payload| payload["roles"] = roles);
    assert_eq!(alb.verify(&alb.good()).await.unwrap().groups, [""; 0]);
    assert_eq!(groups(json!(["a", "b", "a"])).await.unwrap().groups, ["a", "b"]);
    assert_eq!(groups(json!("a,b c")).await.unwrap().groups, ["a", "b", "c"]);
    assert!(malformed(groups(json!({ "a": true })).await, Malformation::Payload));
    let elsewhere = Alb::start().await;
    let claims = elsewhere.with_payload(|payload| payload["cognito:groups"] = json!(["admins"])).await.unwrap();
    assert_eq!(claims.groups, [""; 0], "a claim of the other token does not count here");
}

#[tokio::test]
async fn an_error_does_not_repeat_the_token() {
    let alb = Alb::start().await;
    let good = alb.good();
    let error = alb.verify_at(&good, u64::MAX).await.unwrap_err();
    let text = format!("{error} {error:?}");
    for part in good.split('.').chain(["ann"]) {
        assert!(!text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn verified_claims_print_a_subject_and_nothing_else_of_a_person() {
    let alb = Alb::start().await;
    let verified = alb.verifier.verify(alb.good().as_bytes(), NOW).await.unwrap();
    assert_eq!(format!("{verified:?}"), "Verified(…)");
    assert_eq!(format!("{:?}", verified.claims()), r#"AlbClaims { subject: "ann-sub", .. }"#);
    let AlbClaims { subject, username, groups, expires_at, .. } = verified.into_claims();
    let access = AccessClaims { subject, username, groups, expires_at };
    assert_eq!(format!("{access:?}"), r#"AccessClaims { subject: "ann-sub", .. }"#);
}
