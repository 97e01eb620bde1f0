//! What the load balancer's token says: for which parties, until when, and of whom.

use cognito_auth_proxy::dev::Parties;
use serde_json::{Value, json};

use crate::support::{
    door::{Door, refuses_draft},
    draft::{now, remove},
};

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
