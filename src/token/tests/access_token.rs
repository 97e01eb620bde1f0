//! The user pool's access token.

use super::*;
use crate::dev::{Issuer, Parties, User};

struct Access {
    fixture: Fixture,
    verifier: CognitoVerifier,
    header: String,
    payload: String,
}

const EXPIRES: u64 = NOW + 3600;

impl Access {
    async fn start() -> Self {
        Self::expecting(|_| {}).await
    }

    async fn expecting(change: impl FnOnce(&mut Verification)) -> Self {
        let fixture = Fixture::start().await;
        let mut expected = fixture.verification();
        change(&mut expected);
        let issuer = fixture.issuer.parties().access_issuer.clone();
        let keys = vec![IssuerKeys { issuer, keys: fixture.pool_keys() }];
        Self {
            verifier: CognitoVerifier::new(&expected, keys, "cognito:groups".to_owned()),
            header: fixture.issuer.access_header(),
            payload: fixture.issuer.access_payload(&ann(), NOW),
            fixture,
        }
    }

    async fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        self.verify_at(token, NOW).await
    }

    async fn verify_at(&self, token: &str, now: u64) -> Result<AccessClaims, TokenError> {
        let client = &self.fixture.issuer.parties().client;
        self.verifier.verify(token.as_bytes(), client, now).await.map(Verified::into_claims)
    }

    async fn signed(&self, header: &str, payload: &str) -> Result<AccessClaims, TokenError> {
        self.verify(&self.fixture.issuer.sign_access(header, payload)).await
    }

    async fn with_payload(&self, bend: impl FnOnce(&mut serde_json::Value)) -> Result<AccessClaims, TokenError> {
        self.signed(&self.header, &bent(&self.payload, bend)).await
    }
}

#[tokio::test]
async fn a_good_token_gives_its_claims() {
    let access = Access::start().await;
    let claims = access.signed(&access.header, &access.payload).await.unwrap();
    let groups = ["staff", "readers"].map(str::to_owned).to_vec();
    let username = Some("ann-sub".to_owned());
    assert!(claims == AccessClaims { subject: "ann-sub".to_owned(), username, groups, expires_at: EXPIRES });
}

#[tokio::test]
async fn a_user_without_groups_has_no_claim_and_is_in_none() {
    let access = Access::start().await;
    let payload = access.fixture.issuer.access_payload(&User::new("ann-sub", "ann@example.com"), NOW);
    assert!(!payload.contains("cognito:groups"));
    assert_eq!(access.signed(&access.header, &payload).await.unwrap().groups, [""; 0]);
}

#[tokio::test]
async fn it_is_unpadded() {
    let access = Access::start().await;
    let padded =
        TokenShape::Alb.token(&access.header, &access.payload, |input| access.fixture.issuer.pool_signature(input));
    assert!(padded.contains('='));
    assert!(matches!(access.verify(&padded).await, Err(TokenError::Malformed(Malformation::Text(JwsError::Encoding)))));
    for text in ["", "opaque", "a.b", "eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA"] {
        assert!(matches!(access.verify(text).await, Err(TokenError::Malformed(_))), "{text}");
    }
}

#[tokio::test]
async fn only_rs256_is_an_algorithm() {
    let access = Access::start().await;
    for alg in ["none", "HS256", "RS384", "RS512", "PS256", "ES256", "rs256", ""] {
        let header = bent(&access.header, |header| header["alg"] = json!(alg));
        for token in [
            access.fixture.issuer.sign_access(&header, &access.payload),
            TokenShape::Compact.token(&header, &access.payload, |input| {
                let key =
                    aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, access.fixture.issuer.jwks().as_bytes());
                aws_lc_rs::hmac::sign(&key, input).as_ref().to_vec()
            }),
        ] {
            assert!(malformed(access.verify(&token).await, Malformation::Algorithm), "{alg}");
        }
    }
    let header = bent(&access.header, |header| header["crit"] = json!(["b64"]));
    assert!(malformed(access.signed(&header, &access.payload).await, Malformation::CriticalExtension));
    let header = without(&access.header, "kid");
    assert!(malformed(access.signed(&header, &access.payload).await, Malformation::KeyId));
    assert_eq!(access.fixture.endpoint.requests(), 0);
}

#[tokio::test]
async fn required_claims_have_their_types() {
    let access = Access::start().await;
    for claim in ["sub", "exp"] {
        assert!(malformed(
            access.signed(&access.header, &without(&access.payload, claim)).await,
            Malformation::Payload
        ));
        for value in [json!(null), json!(""), json!("1800003600x"), json!([1])] {
            let outcome = access.with_payload(|payload| payload[claim] = value.clone()).await;
            assert_eq!(malformed(outcome, Malformation::Payload), (claim, &value) != ("sub", &json!("1800003600x")));
        }
    }
    for groups in [json!(7), json!({}), json!([7])] {
        let outcome = access.with_payload(|payload| payload["cognito:groups"] = groups.clone()).await;
        assert!(malformed(outcome, Malformation::Payload), "{groups}");
    }
}

#[tokio::test]
async fn a_token_of_another_pool_is_refused() {
    let access = Access::start().await;
    let parties = Parties {
        access_issuer: "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Other".to_owned(),
        ..Parties::default()
    };
    let other = Issuer::generate(parties).unwrap();
    let payload = other.access_payload(&ann(), NOW);
    // Its key is in its own set, which is never fetched, whatever its `iss` says.
    let outcome = access.verify(&other.sign_access(&other.access_header(), &payload)).await;
    assert!(matches!(outcome, Err(TokenError::Key(KeyError::Unknown))));
    let outcome = access.verify(&other.sign_access(&access.header, &access.payload)).await;
    assert!(matches!(outcome, Err(TokenError::BadSignature)));
    // And were it signed with our pool's key, the issuer would still tell.
    assert!(matches!(access.signed(&access.header, &payload).await, Err(TokenError::WrongIssuer)));
    let payload = without(&access.payload, "iss");
    assert!(matches!(access.signed(&access.header, &payload).await, Err(TokenError::WrongIssuer)));
}

#[tokio::test]
async fn the_updated_form_of_the_issuer_is_served_by_the_same_keys() {
    let updated = "https://issuer-cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example01";
    let access = Access::expecting(|expected| expected.issuers.push(updated.to_owned())).await;
    access.with_payload(|payload| payload["iss"] = json!(updated)).await.unwrap();
}

#[tokio::test]
async fn an_issuer_with_a_key_set_of_its_own_is_verified_with_that() {
    let (first, second) = (Fixture::start().await, Fixture::with_issuer(new_issuer().into()).await);
    let mut expected = first.verification();
    expected.issuers.push("https://second.example".to_owned());
    let key_sets = vec![
        IssuerKeys { issuer: first.issuer.parties().access_issuer.clone(), keys: first.pool_keys() },
        IssuerKeys { issuer: "https://second.example".to_owned(), keys: second.pool_keys() },
    ];
    let verifier = CognitoVerifier::new(&expected, key_sets, "cognito:groups".to_owned());
    let payload =
        bent(&first.issuer.access_payload(&ann(), NOW), |payload| payload["iss"] = json!("https://second.example"));
    let client = &first.issuer.parties().client;
    let good = second.issuer.sign_access(&second.issuer.access_header(), &payload);
    drop(verifier.verify(good.as_bytes(), client, NOW).await.unwrap());
    let mixed = first.issuer.sign_access(&first.issuer.access_header(), &payload);
    let outcome = verifier.verify(mixed.as_bytes(), client, NOW).await;
    assert!(matches!(outcome, Err(TokenError::Key(KeyError::Unknown))));
}

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    let access = Access::start().await;
    let client = &access.fixture.issuer.parties().client;
    let outcome = access.with_payload(|payload| {
        payload["token_use"] = json!("id");
        payload["aud"] = json!(client);
    });
    assert!(matches!(outcome.await, Err(TokenError::WrongTokenUse)));
    let outcome = access.signed(&access.header, &without(&access.payload, "token_use")).await;
    assert!(matches!(outcome, Err(TokenError::WrongTokenUse)));
}

#[tokio::test]
async fn it_was_issued_to_the_client_of_the_alb_token() {
    use crate::config::ClientId;
    let access = Access::expecting(|expected| expected.client_ids.push(ClientId::parse("second").unwrap())).await;
    for client in [json!("second"), json!("other"), json!(""), json!(null)] {
        let outcome = access.with_payload(|payload| payload["client_id"] = client.clone()).await;
        assert!(matches!(outcome, Err(TokenError::WrongClient)), "{client}");
    }
    // Even two tokens that agree need a configured client.
    let payload = bent(&access.payload, |payload| payload["client_id"] = json!("other"));
    let token = access.fixture.issuer.sign_access(&access.header, &payload);
    let outcome = access.verifier.verify(token.as_bytes(), "other", NOW).await;
    assert!(matches!(outcome, Err(TokenError::WrongClient)));
}

#[tokio::test]
async fn a_token_is_over_on_its_expiration_time_and_the_leeway() {
    let access = Access::start().await;
    let token = access.fixture.issuer.sign_access(&access.header, &access.payload);
    access.verify_at(&token, EXPIRES + 4).await.unwrap();
    assert!(matches!(access.verify_at(&token, EXPIRES + 5).await, Err(TokenError::Expired { at: EXPIRES, .. })));
}

#[tokio::test]
async fn checks_fail_in_the_order_of_the_contract() {
    let access = Access::start().await;
    access.fixture.endpoint.set_fault(Fault::Down);
    let bad = bent(&access.payload, |payload| {
        payload["iss"] = json!("x");
        payload["token_use"] = json!("id");
        payload["client_id"] = json!("x");
        payload["exp"] = json!(1);
    });
    let unsigned = TokenShape::Compact.token(&access.header, &bad, |_| vec![1; 256]);
    assert!(matches!(access.verify(&unsigned).await, Err(TokenError::Key(KeyError::Unavailable { .. }))));
    access.fixture.endpoint.set_fault(Fault::None);
    pass(std::time::Duration::from_secs(2)).await;
    assert!(matches!(access.verify(&unsigned).await, Err(TokenError::BadSignature)));
    assert!(matches!(access.signed(&access.header, &bad).await, Err(TokenError::WrongIssuer)));
    let good: serde_json::Value = serde_json::from_str(&access.payload).unwrap();
    let mend = |json: &str, claim: &str| bent(json, |payload| payload[claim] = good[claim].clone());
    let bad = mend(&bad, "iss");
    assert!(matches!(access.signed(&access.header, &bad).await, Err(TokenError::WrongTokenUse)));
    let bad = mend(&bad, "token_use");
    assert!(matches!(access.signed(&access.header, &bad).await, Err(TokenError::WrongClient)));
    let bad = mend(&bad, "client_id");
    assert!(matches!(access.signed(&access.header, &bad).await, Err(TokenError::Expired { at: 1, .. })));
}
