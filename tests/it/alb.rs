//! The load balancer's token: what is accepted, what is refused and under which name, before anything is forwarded.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use cognito_auth_proxy::dev::{Issuer, KeyEndpoint, Parties, TokenShape};
use p256::ecdsa::Signature;
use serde_json::{Value, json};

use crate::support::{
    door::{Door, with_data},
    draft::{Draft, alb_of_bytes, now, remove},
};

/// The order of P-256.
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The parts of an ALB token as text.
fn texts(draft: &Draft) -> (String, String) {
    (draft.header.to_string(), draft.payload.to_string())
}

/// An ALB token whose signature is made by `sign`.
fn signed_by(draft: &Draft, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let (header, payload) = texts(draft);
    TokenShape::Alb.token(&header, &payload, sign)
}

async fn refuses_data(door: &Door, what: &str, data: &str, code: &str) {
    let tokens = door.sign(&door.draft());
    door.refuses(what, &with_data(&tokens, data), (401, code)).await;
}

async fn refuses_draft(door: &Door, what: &str, code: &str, bend: impl FnOnce(&mut Draft)) {
    let tokens = door.sign(&door.draft().but(bend));
    door.refuses(what, &tokens.fields(), (401, code)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn padding_of_every_length_is_accepted_on_header_and_payload() {
    let door = Door::new().await;
    let mut seen = std::collections::BTreeSet::new();
    for header_length in 0..3 {
        for payload_length in 0..3 {
            let draft = door.draft().but(|draft| {
                draft.header["filler"] = json!("h".repeat(header_length));
                draft.payload["name"] = json!("n".repeat(5 + payload_length));
            });
            let tokens = door.sign(&draft);
            let padding: Vec<usize> = tokens.data.split('.').map(|segment| segment.matches('=').count()).collect();
            let app = door.admits(&format!("padded {padding:?}"), &tokens.fields()).await;
            assert_eq!(app.claims()["name"], "n".repeat(5 + payload_length));
            seen.insert((padding[0], padding[1]));
        }
    }
    assert_eq!(seen.len(), 9, "every combination was tried: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_padding_was_stripped_is_not_what_was_signed() {
    let door = Door::new().await;
    for segment in 0..2 {
        let mut draft = door.draft();
        let token = loop {
            let token = door.sign(&draft).data;
            if token.split('.').nth(segment).unwrap().ends_with('=') {
                break token;
            }
            let part = if segment == 0 { &mut draft.header } else { &mut draft.payload };
            part["filler"] = json!(format!("{}x", part["filler"].as_str().unwrap_or_default()));
        };
        let mut segments: Vec<&str> = token.split('.').collect();
        segments[segment] = segments[segment].trim_end_matches('=');
        refuses_data(&door, &format!("segment {segment}"), &segments.join("."), "bad_signature").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_base64_alphabet_is_refused_even_where_it_was_signed() {
    let door = Door::new().await;
    let draft = door.draft().but(|draft| {
        draft.header["filler"] = json!("~~~???");
        draft.payload["name"] = json!("~~~???");
    });
    let standard = |text: &str| text.replace('-', "+").replace('_', "/");
    let data = door.sign(&draft).data;
    let segments: Vec<&str> = data.split('.').collect();
    for index in 0..2 {
        let mut bent: Vec<String> = segments.iter().map(|segment| (*segment).to_owned()).collect();
        bent[index] = standard(segments[index]);
        assert_ne!(bent[index], segments[index]);
        let signature = door.proxy.issuer.alb_signature(bent[..2].join(".").as_bytes());
        bent[2] = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE, signature);
        refuses_data(&door, &format!("segment {index}"), &bent.join("."), "malformed_token").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_may_stand_around_or_beyond_three_segments() {
    let door = Door::new().await;
    let tokens = door.sign(&door.draft());
    let data = &tokens.data;
    let unpadded = data.trim_end_matches('=');
    for (bent, code) in [
        (format!("{data}AAAA"), "malformed_token"),
        (format!("{data}."), "malformed_token"),
        (format!("{data}.AAAA"), "malformed_token"),
        (format!("{data},{data}"), "malformed_token"),
        (format!("{data}=="), "malformed_token"),
        (format!("\"{data}\""), "malformed_token"),
        (format!("Bearer {data}"), "malformed_token"),
        (data.replacen('.', "%2e", 1), "malformed_token"),
        (data.rsplit_once('.').unwrap().0.to_owned(), "malformed_token"),
        (format!("{}.", data.rsplit_once('.').unwrap().0), "malformed_token"),
        (String::new(), "malformed_token"),
        (format!("{}AAAAAA", &unpadded[..unpadded.len() - 2]), "bad_signature"),
    ] {
        door.refuses(&bent, &with_data(&tokens, &bent), (401, code)).await;
    }
    door.admits("untouched", &tokens.fields()).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_good_signature_of_another_load_balancer_of_the_region_is_refused() {
    let door = Door::new().await;
    let ours = door.proxy.issuer.parties().signer.clone();
    for signer in [
        "arn:aws:elasticloadbalancing:eu-west-2:999999999999:loadbalancer/app/evil/fedcba9876543210".to_owned(),
        format!("{ours}x"),
        ours[..ours.len() - 1].to_owned(),
        ours.to_uppercase(),
        format!(" {ours}"),
        format!("{ours},{ours}"),
        String::new(),
    ] {
        refuses_draft(&door, &signer, "wrong_signer", |draft| draft.header["signer"] = json!(signer)).await;
    }
    refuses_draft(&door, "absent", "wrong_signer", |draft| remove(&mut draft.header, "signer")).await;
    refuses_draft(&door, "in the payload", "wrong_signer", |draft| {
        remove(&mut draft.header, "signer");
        draft.payload["signer"] = json!(ours);
    })
    .await;
    assert_eq!(door.proxy.keys.requests(), 0, "no key was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_configured_load_balancer_is_accepted() {
    let second = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/second/aaaaaaaaaaaaaaaa";
    let first = Parties::default().signer;
    let door = Door::with(&[("COGNITO_AUTH_ALB_ARNS", &format!("{first},{second}"))]).await;
    for signer in [&first, second] {
        let draft = door.draft().but(|draft| draft.header["signer"] = json!(signer));
        door.admits(signer, &door.sign(&draft).fields()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_and_both_issuers_are_the_configured_ones() {
    let door = Door::new().await;
    refuses_draft(&door, "other client", "wrong_client", |draft| draft.header["client"] = json!("other")).await;
    refuses_draft(&door, "no client", "wrong_client", |draft| remove(&mut draft.header, "client")).await;
    let foreign = "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Evil";
    refuses_draft(&door, "header iss", "wrong_issuer", |draft| draft.header["iss"] = json!(foreign)).await;
    refuses_draft(&door, "payload iss", "wrong_issuer", |draft| draft.payload["iss"] = json!(foreign)).await;
    refuses_draft(&door, "no header iss", "wrong_issuer", |draft| remove(&mut draft.header, "iss")).await;
    refuses_draft(&door, "no payload iss", "wrong_issuer", |draft| remove(&mut draft.payload, "iss")).await;
    refuses_draft(&door, "both iss", "wrong_issuer", |draft| {
        draft.header["iss"] = json!(foreign);
        draft.payload["iss"] = json!(foreign);
    })
    .await;
    refuses_draft(&door, "two accepted forms that differ", "wrong_issuer", |draft| {
        draft.payload["iss"] = json!("https://issuer-cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example01");
    })
    .await;
    assert_eq!(door.proxy.keys.requests(), 0, "no key was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_is_a_sane_number_in_header_and_payload() {
    let door = Door::new().await;
    let absurd = [
        json!(format!("{}", now() + 60)),
        json!("exp"),
        json!(1e300),
        json!(-1),
        json!(u64::MAX),
        json!(true),
        Value::Null,
        json!([now() + 60]),
    ];
    for value in absurd {
        refuses_draft(&door, &format!("header {value}"), "malformed_token", |draft| {
            draft.header["exp"] = value.clone()
        })
        .await;
        refuses_draft(&door, &format!("payload {value}"), "malformed_token", |draft| {
            draft.payload["exp"] = value.clone()
        })
        .await;
    }
    refuses_draft(&door, "header without", "malformed_token", |draft| remove(&mut draft.header, "exp")).await;
    refuses_draft(&door, "payload without", "malformed_token", |draft| remove(&mut draft.payload, "exp")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lives_until_its_expiry_and_the_leeway() {
    let door = Door::with(&[("COGNITO_AUTH_LEEWAY", "60s")]).await;
    let expiring = |header: u64, payload: u64| {
        door.draft().but(|draft| {
            draft.header["exp"] = json!(header);
            draft.payload["exp"] = json!(payload);
        })
    };
    let (past, within, later) = (now() - 60, now() - 10, now() + 60);
    door.admits("within the leeway", &door.sign(&expiring(within, within)).fields()).await;
    door.admits(
        "with a fraction",
        &door.sign(&door.draft().but(|draft| draft.header["exp"] = json!(later as f64 + 0.5))).fields(),
    )
    .await;
    for (header, payload) in [(past, later), (later, past), (past, past), (0, later)] {
        let tokens = door.sign(&expiring(header, payload));
        door.refuses("past", &tokens.fields(), (401, "token_expired")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_is_text_that_is_not_empty() {
    let door = Door::new().await;
    for subject in [json!(""), json!(7), json!(["a"]), Value::Null] {
        refuses_draft(&door, &subject.to_string(), "malformed_token", |draft| draft.payload["sub"] = subject.clone())
            .await;
    }
    refuses_draft(&door, "absent", "malformed_token", |draft| remove(&mut draft.payload, "sub")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn header_and_payload_are_one_json_object_of_utf_8_without_doubled_members() {
    let door = Door::new().await;
    let issuer = &door.proxy.issuer;
    let (header, payload) = texts(&door.draft());
    let doubled = |text: &str, member: &str| {
        let value = serde_json::from_str::<Value>(text).unwrap()[member].to_string();
        format!(r#"{{"{member}":{value},{}"#, &text[1..])
    };
    let mut bent: Vec<(String, Vec<u8>, Vec<u8>)> = Vec::new();
    for member in ["alg", "kid", "signer", "client", "iss", "exp"] {
        bent.push((format!("header {member} twice"), doubled(&header, member).into(), payload.clone().into()));
    }
    for member in ["sub", "exp", "iss", "email", "email_verified", "username"] {
        bent.push((format!("payload {member} twice"), header.clone().into(), doubled(&payload, member).into()));
    }
    let broken = |text: &str| {
        text.replacen("example", "ex\u{1}mple", 1)
            .into_bytes()
            .into_iter()
            .map(|b| if b == 1 { 0xff } else { b })
            .collect::<Vec<u8>>()
    };
    bent.push(("header not UTF-8".to_owned(), broken(&header), payload.clone().into()));
    bent.push(("payload not UTF-8".to_owned(), header.clone().into(), broken(&payload)));
    let deep = |key: &str| format!(r#"{{"{key}":{}1{},{}"#, "[".repeat(4000), "]".repeat(4000), &payload[1..]);
    for key in ["name", "email_verified", "exp"] {
        bent.push((format!("{key} nested deep"), header.clone().into(), deep(key).into()));
    }
    for text in ["null", "[]", "\"x\"", "{", "{}{}", "1"] {
        bent.push((format!("header {text}"), text.into(), payload.clone().into()));
        bent.push((format!("payload {text}"), header.clone().into(), text.into()));
    }
    bent.push(("bytes after the payload".to_owned(), header.clone().into(), format!("{payload}\0").into()));
    bent.push(("a byte order mark".to_owned(), header.clone().into(), format!("\u{feff}{payload}").into()));
    for (what, header, payload) in bent {
        refuses_data(&door, &what, &alb_of_bytes(issuer, &header, &payload), "malformed_token").await;
    }
    let tokens = door.sign(&door.draft());
    // What no check reads may be of any depth: it is passed over without recursion.
    let skipped = alb_of_bytes(issuer, header.as_bytes(), deep("unread").as_bytes());
    door.admits("nested deep where nobody reads", &with_data(&tokens, &skipped)).await;
    door.admits("unbent", &with_data(&tokens, &alb_of_bytes(issuer, header.as_bytes(), payload.as_bytes()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_in_claims_reach_the_application_only_inside_the_assertion() {
    let door = Door::new().await;
    let name = "Ann\r\nX-Evil: 1\r\n\r\nGET /admin HTTP/1.1\r\n\u{0}\u{7f}\u{1f600} \u{fc}";
    let group = "staff\r\nX-Evil: 2,admins|x";
    let draft = door.draft().but(|draft| {
        draft.payload["name"] = json!(name);
        draft.payload["family_name"] = json!("\u{0}");
        draft.access_payload["cognito:groups"] = json!(["staff", group]);
    });
    let seen = door.admits("control characters", &door.sign(&draft).fields()).await;
    let claims = seen.claims();
    assert_eq!(claims["name"], name);
    assert_eq!(claims["family_name"], "\u{0}");
    assert_eq!(claims["groups"], json!(["staff", group]), "one group stays one (attack class 6.14)");
    assert_eq!((seen.field("x-evil"), seen.line.as_str()), (None, "GET /page HTTP/1.1"));
    assert!(door.upstream.unasked().is_empty(), "there was one request");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_field_that_stands_twice_is_refused() {
    let door = Door::new().await;
    let tokens = door.sign(&door.draft());
    let fields = tokens.fields();
    for doubled in fields {
        let both: Vec<(&str, &str)> = fields.into_iter().chain([doubled]).collect();
        door.refuses(doubled.0, &both, (400, "bad_request")).await;
        let with_garbage: Vec<(&str, &str)> = fields.into_iter().chain([(doubled.0, "x")]).collect();
        door.refuses(doubled.0, &with_garbage, (400, "bad_request")).await;
        let garbage_first: Vec<(&str, &str)> = [(doubled.0, "x")].into_iter().chain(fields).collect();
        door.refuses(doubled.0, &garbage_first, (400, "bad_request")).await;
    }
    door.admits("once each", &fields).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_17_kib_is_too_large_and_one_of_15_kib_is_not() {
    let door = Door::new().await;
    let filled = |bytes: usize| door.draft().but(|draft| draft.payload["filler"] = json!("x".repeat(bytes)));
    let fits = door.sign(&filled(10_000));
    assert!((13_000..16_384).contains(&fits.data.len()));
    door.admits("15 KiB", &fits.fields()).await;
    let exceeds = door.sign(&filled(12_500));
    assert!(exceeds.data.len() > 17_000);
    door.refuses("17 KiB", &exceeds.fields(), (431, "too_large")).await;
    let long = "x".repeat(17 * 1024);
    for name in ["x-amzn-oidc-accesstoken", "x-amzn-oidc-identity"] {
        let fields: Vec<(&str, &str)> =
            fits.fields().into_iter().filter(|(field, _)| *field != name).chain([(name, long.as_str())]).collect();
        door.refuses(name, &fields, (431, "too_large")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_alone_is_no_credential() {
    let door = Door::new().await;
    let tokens = door.sign(&door.draft());
    let [data, access_token, identity] = tokens.fields();
    for (what, fields) in [
        ("only the data token", vec![data]),
        ("only the access token", vec![access_token]),
        ("only the identity", vec![identity]),
        ("data and identity", vec![data, identity]),
        ("access token and identity", vec![access_token, identity]),
        ("an alias of the data token", vec![("x_amzn_oidc_data", data.1), access_token]),
        ("an alias of the access token", vec![data, ("x.amzn.oidc.accesstoken", access_token.1)]),
        ("nothing", vec![]),
    ] {
        door.refuses(what, &fields, (401, "missing_credential")).await;
    }
    door.admits("both without the identity", &[data, access_token]).await;
    assert_eq!(door.proxy.keys.requests(), 2);
}
