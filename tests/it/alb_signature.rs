//! Who signed the load balancer's token, and how: the algorithm, the numbers of the signature, and whose key verifies it.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use cognito_auth_proxy::dev::{Issuer, KeyEndpoint, Parties, TokenShape};
use p256::ecdsa::Signature;
use serde_json::{Value, json};

use crate::support::{
    door::{Door, refuses_data, refuses_draft, with_data},
    draft::{Draft, remove, texts},
};

/// The order of P-256.
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// An ALB token whose signature is made by `sign`.
fn signed_by(draft: &Draft, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let (header, payload) = texts(draft);
    TokenShape::Alb.token(&header, &payload, sign)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_algorithm_is_taken_from_a_token() {
    let door = Door::new().await;
    let issuer = &door.proxy.issuer;
    let of = |algorithm: Value| door.draft().but(|draft| draft.header["alg"] = algorithm);
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let hmac = |secret: &[u8], message: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
    };
    let tokens = [
        ("none, unsigned", signed_by(&of(json!("none")), |_| Vec::new())),
        ("none, one byte", signed_by(&of(json!("none")), |_| vec![0])),
        ("none, well signed", signed_by(&of(json!("none")), |input| issuer.alb_signature(input))),
        ("NONE", signed_by(&of(json!("NONE")), |_| vec![0])),
        ("HS256 under the PEM", signed_by(&of(json!("HS256")), |input| hmac(issuer.alb_pem().as_bytes(), input))),
        (
            "HS256 under the trimmed PEM",
            signed_by(&of(json!("HS256")), |input| hmac(issuer.alb_pem().trim().as_bytes(), input)),
        ),
        ("HS256 under nothing", signed_by(&of(json!("HS256")), |input| hmac(b"", input))),
        ("RS256 by the pool", signed_by(&of(json!("RS256")), |input| issuer.pool_signature(input))),
        (
            "ES384",
            signed_by(&of(json!("ES384")), |input| p384.sign(&SystemRandom::new(), input).unwrap().as_ref().to_vec()),
        ),
        ("ES384, well signed", signed_by(&of(json!("ES384")), |input| issuer.alb_signature(input))),
        ("es256", signed_by(&of(json!("es256")), |input| issuer.alb_signature(input))),
        ("no text", signed_by(&of(json!(["ES256"])), |input| issuer.alb_signature(input))),
        ("null", signed_by(&of(Value::Null), |input| issuer.alb_signature(input))),
    ];
    for (what, token) in tokens {
        refuses_data(&door, what, &token, "malformed_token").await;
    }
    refuses_draft(&door, "absent", "malformed_token", |draft| remove(&mut draft.header, "alg")).await;
    assert_eq!(door.proxy.keys.requests(), 0, "no key was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_64_bytes_of_r_and_s_in_range() {
    let door = Door::new().await;
    let issuer = &door.proxy.issuer;
    let draft = door.draft();
    let halves = |input: &[u8]| {
        let raw = issuer.alb_signature(input);
        (raw[..32].to_vec(), raw[32..].to_vec())
    };
    let zero = [0_u8; 32].as_slice();
    let beyond = [0xff_u8; 32].as_slice();
    let join = |r: &[u8], s: &[u8]| [r, s].concat();
    let tokens = [
        (
            "DER",
            signed_by(&draft, |input| {
                Signature::from_slice(&issuer.alb_signature(input)).unwrap().to_der().as_bytes().to_vec()
            }),
        ),
        ("63 bytes", signed_by(&draft, |input| issuer.alb_signature(input)[..63].to_vec())),
        ("63 bytes, the first gone", signed_by(&draft, |input| issuer.alb_signature(input)[1..].to_vec())),
        ("65 bytes", signed_by(&draft, |input| join(&issuer.alb_signature(input), &[0]))),
        ("65 bytes, zero first", signed_by(&draft, |input| join(&[0], &issuer.alb_signature(input)))),
        ("r = 0", signed_by(&draft, |input| join(zero, &halves(input).1))),
        ("s = 0", signed_by(&draft, |input| join(&halves(input).0, zero))),
        ("r = s = 0", signed_by(&draft, |_| join(zero, zero))),
        ("r = n", signed_by(&draft, |input| join(&N, &halves(input).1))),
        ("s = n", signed_by(&draft, |input| join(&halves(input).0, &N))),
        ("r = s = n", signed_by(&draft, |_| join(&N, &N))),
        ("r beyond n", signed_by(&draft, |input| join(beyond, &halves(input).1))),
        ("s beyond n", signed_by(&draft, |input| join(&halves(input).0, beyond))),
        ("r and s exchanged", signed_by(&draft, |input| join(&halves(input).1, &halves(input).0))),
        ("of other text", signed_by(&draft, |_| issuer.alb_signature(b"other"))),
    ];
    for (what, token) in tokens {
        refuses_data(&door, what, &token, "bad_signature").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mirrored_signature_is_as_good_as_the_first() {
    let door = Door::new().await;
    let issuer = &door.proxy.issuer;
    let draft = door.draft();
    let mirrored = signed_by(&draft, |input| {
        let (r, s) = Signature::from_slice(&issuer.alb_signature(input)).unwrap().split_scalars();
        Signature::from_scalars(r, -s).unwrap().to_vec()
    });
    let tokens = door.sign(&draft);
    assert_ne!(mirrored, tokens.data);
    door.admits("r, s", &tokens.fields()).await;
    door.admits("r, n - s", &with_data(&tokens, &mirrored)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_extension_is_refused_whatever_it_says() {
    let door = Door::new().await;
    for crit in [json!(["exp"]), json!([]), json!(["b64"]), Value::Null, json!(false)] {
        refuses_draft(&door, &crit.to_string(), "malformed_token", |draft| draft.header["crit"] = crit.clone()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_not_say_where_its_key_is() {
    let door = Door::new().await;
    let attacker = Issuer::generate(Parties::default()).unwrap();
    let (endpoint, serving) = KeyEndpoint::bind(&attacker).await.unwrap();
    let tasks = tokio_util::task::TaskTracker::new();
    tasks.spawn(serving);
    let jwk: Value = serde_json::from_str(&attacker.jwks()).unwrap();
    let pointed = |draft: Draft| {
        draft.but(|draft| {
            draft.header["jku"] = json!(endpoint.jwks_url());
            draft.header["x5u"] = json!(format!("{}/{}", endpoint.alb_url(), attacker.alb_key_id()));
            draft.header["jwk"] = jwk["keys"][0].clone();
            draft.header["x5c"] = json!([attacker.alb_pem()]);
            draft.access_header["jku"] = json!(endpoint.jwks_url());
            draft.access_header["jwk"] = jwk["keys"][0].clone();
        })
    };
    let genuine = door.sign(&pointed(door.draft()));
    let their_key = Draft::of(&attacker, &crate::support::proxy::staff());
    let foreign = pointed(their_key.clone()).signed(&attacker);
    door.refuses("an attacker's own id", &with_data(&genuine, &foreign.data), (401, "unknown_key")).await;
    let disguised = pointed(door.draft()).signed(&attacker);
    door.refuses("our id", &with_data(&genuine, &disguised.data), (401, "bad_signature")).await;
    door.refuses(
        "an access token of theirs",
        &crate::support::door::with_access(&genuine, &disguised.access_token),
        (401, "bad_signature"),
    )
    .await;
    door.admits("the pointers of a genuine token are not followed", &genuine.fields()).await;
    assert_eq!(endpoint.requests(), 0, "nobody asked the attacker");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_id_that_is_no_lower_case_uuid_goes_nowhere() {
    let door = Door::new().await;
    let upper = door.proxy.issuer.alb_key_id().to_uppercase();
    let beyond = format!("{}/../jwks.json", door.proxy.issuer.alb_key_id());
    for id in ["../x", "../jwks.json", "%2e%2e", "..%2fjwks.json", "http://127.0.0.1/", "", " ", &upper, &beyond] {
        refuses_draft(&door, id, "malformed_token", |draft| draft.header["kid"] = json!(id)).await;
    }
    refuses_draft(&door, "a number", "malformed_token", |draft| draft.header["kid"] = json!(1)).await;
    refuses_draft(&door, "absent", "malformed_token", |draft| remove(&mut draft.header, "kid")).await;
    assert_eq!(door.proxy.keys.requests(), 0, "no key was asked for");
}
