//! Where keys come from and what their source can do to us: floods, outages, lies, rotation.

use cognito_auth_proxy::dev::{Fault, Tokens};
use http::StatusCode;
use serde_json::json;

use crate::support::{
    client::{Wire, request},
    door::{Door, with_access, with_data},
    draft::Draft,
    eventually, log,
    proxy::{Setup, staff},
    soon,
    upstream::Upstream,
};

/// Everything an endpoint can do that is no answer.
const FAULTS: [Fault; 10] = [
    Fault::Down,
    Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
    Fault::Status(StatusCode::TOO_MANY_REQUESTS),
    Fault::Status(StatusCode::REQUEST_TIMEOUT),
    Fault::Status(StatusCode::NO_CONTENT),
    Fault::Html,
    Fault::WrongKind,
    Fault::Oversized,
    Fault::Redirect,
    Fault::Twice,
];

/// A random key id.
fn any_id() -> String {
    use aws_lc_rs::rand;
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Has the load balancer's key fetched, and not the pool's.
async fn learn_alb_key(door: &Door) {
    let tokens = door.sign(&door.draft());
    door.refuses("no access token of ours", &with_access(&tokens, "opaque"), (401, "malformed_token")).await;
    assert_eq!(door.proxy.keys.requests(), 1);
}

fn fresh(door: &Door) -> Tokens {
    door.sign(&door.draft())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_first_requests_at_once_cost_one_fetch_of_each_key() {
    let door = Door::new().await;
    door.proxy.keys.set_fault(Fault::Held);
    let mut wires = Vec::new();
    for _ in 0..50 {
        let tokens = fresh(&door);
        let mut wire = Wire::connect(door.proxy.address).await;
        wire.send(request("GET /page", &tokens.fields())).await;
        wires.push(wire);
    }
    soon("the fetch", door.proxy.keys.reached(1)).await;
    door.proxy.keys.set_fault(Fault::None);
    for wire in &mut wires {
        assert_eq!(wire.answer().await.status, 200);
        door.upstream.next().await;
    }
    assert_eq!(door.proxy.keys.requests(), 2, "one of the load balancer's, one of the pool's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_does_not_take_the_fetch_along() {
    log::record();
    let door = Door::with(&[("COGNITO_AUTH_ACCEPT_REQUEST_ID", "true")]).await;
    door.proxy.keys.set_fault(Fault::Held);
    let (tokens, id) = (fresh(&door), any_id());
    let mut wire = Wire::connect(door.proxy.address).await;
    let fields: Vec<(&str, &str)> = tokens.fields().into_iter().chain([("X-Request-Id", id.as_str())]).collect();
    wire.send(request("GET /page", &fields)).await;
    soon("the fetch", door.proxy.keys.reached(1)).await;
    drop(wire);
    assert_eq!(log::access(&id).await["end"], "aborted", "the request is over, the fetch is not");
    door.proxy.keys.set_fault(Fault::None);
    door.admits("the next", &fresh(&door).fields()).await;
    assert_eq!(door.proxy.keys.requests(), 2, "the first fetch of the load balancer's key was the only one");
}

/// 300 requests whose key ids nobody has, and now and then a known user.
async fn flood(make_up: fn(&mut Draft)) {
    let door = Door::new().await;
    door.admits("a known user", &fresh(&door).fields()).await;
    let began = std::time::Instant::now();
    for round in 0..300 {
        let tokens = door.sign(&door.draft().but(make_up));
        door.refuses("made up", &tokens.fields(), (401, "unknown_key")).await;
        if round % 50 == 0 {
            door.admits("a known user meanwhile", &fresh(&door).fields()).await;
        }
    }
    // The budget's own terms: ten at once and then one a second.
    let budget = 10 + usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let asked = door.proxy.keys.requests() - 2;
    assert!((1..=budget).contains(&asked), "{asked} of at most {budget}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_key_ids_is_bounded_and_known_users_pass() {
    flood(|draft| draft.header["kid"] = json!(any_id())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_pool_key_ids_is_bounded_and_known_users_pass() {
    flood(|draft| draft.access_header["kid"] = json!(any_id())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_does_not_wait_on_an_endpoint_that_hangs() {
    let door = Door::new().await;
    door.admits("a known user", &fresh(&door).fields()).await;
    door.proxy.keys.set_fault(Fault::Held);
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let tokens = door.sign(&door.draft().but(|draft| draft.header["kid"] = json!(any_id())));
        let mut wire = Wire::connect(door.proxy.address).await;
        wire.send(request("GET /page", &tokens.fields())).await;
        waiting.push(wire);
    }
    soon("the fetches", door.proxy.keys.reached(10)).await;
    door.admits("a known user meanwhile", &fresh(&door).fields()).await;
    door.proxy.keys.set_fault(Fault::Status(StatusCode::NOT_FOUND));
    for wire in &mut waiting {
        assert_eq!(wire.answer().await.status, 401);
    }
    assert!(door.upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_503_for_an_unknown_key_while_known_users_go_on() {
    let mut door = Door::new().await;
    door.admits("before", &fresh(&door).fields()).await;
    let known = fresh(&door);
    door.proxy.keys.set_fault(Fault::Down);
    door.admits("a known key", &known.fields()).await;
    door.proxy.issuer.rotate().unwrap();
    let rotated = fresh(&door);
    let answer = door.refuses("a new key of the load balancer", &rotated.fields(), (503, "keys_unavailable")).await;
    assert_eq!(answer.field("retry-after"), Some("5"));
    assert_eq!(answer.field("location"), None);
    let answer =
        door.refuses("a new key of the pool", &with_data(&rotated, &known.data), (503, "keys_unavailable")).await;
    assert_eq!(answer.field("retry-after"), Some("5"));
    door.admits("a known key, still", &known.fields()).await;

    door.proxy.keys.publish(&door.proxy.issuer);
    door.proxy.keys.set_fault(Fault::None);
    eventually("recovery", async || door.ask(&fresh(&door).fields()).await.status == 200).await;
    assert_eq!(door.upstream.next().await.claims()["email"], "ann@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_endpoint_answers_for_a_load_balancers_key_is_503_and_never_a_key() {
    for fault in FAULTS {
        let door = Door::new().await;
        door.proxy.keys.set_fault(fault);
        let answer = door.refuses(&format!("{fault:?}"), &fresh(&door).fields(), (503, "keys_unavailable")).await;
        assert_eq!(answer.field("retry-after"), Some("5"), "{fault:?}");
        assert_eq!(door.proxy.keys.requests(), 1, "{fault:?}: no second look, no redirect followed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_endpoint_answers_for_a_key_set_is_503_and_never_a_key() {
    for fault in FAULTS.into_iter().chain([Fault::Status(StatusCode::NOT_FOUND), Fault::Status(StatusCode::FORBIDDEN)])
    {
        let door = Door::new().await;
        learn_alb_key(&door).await;
        door.proxy.keys.set_fault(fault);
        let answer = door.refuses(&format!("{fault:?}"), &fresh(&door).fields(), (503, "keys_unavailable")).await;
        assert_eq!(answer.field("retry-after"), Some("5"), "{fault:?}");
        assert_eq!(door.proxy.keys.requests(), 2, "{fault:?}: no second look, no redirect followed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_exist_is_the_tokens_fault() {
    for status in [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN, StatusCode::GONE] {
        let door = Door::new().await;
        door.proxy.keys.set_fault(Fault::Status(status));
        door.refuses(status.as_str(), &fresh(&door).fields(), (401, "unknown_key")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_id_that_does_not_exist_is_asked_for_once() {
    let door = Door::new().await;
    door.admits("a known user", &fresh(&door).fields()).await;
    let draft = door.draft().but(|draft| draft.header["kid"] = json!(any_id()));
    let pool_draft = door.draft().but(|draft| draft.access_header["kid"] = json!(any_id()));
    for _ in 0..20 {
        door.refuses("the load balancer's", &door.sign(&draft).fields(), (401, "unknown_key")).await;
        door.refuses("the pool's", &door.sign(&pool_draft).fields(), (401, "unknown_key")).await;
    }
    assert_eq!(door.proxy.keys.requests(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_in_the_middle_of_traffic_refuses_nobody() {
    let mut door = Door::new().await;
    let old = Draft::of(&door.proxy.issuer, &staff());
    door.admits("the first key", &door.sign(&old).fields()).await;
    for round in 1..4 {
        let before = door.sign(&door.draft());
        door.proxy.issuer.rotate().unwrap();
        door.proxy.keys.publish(&door.proxy.issuer);
        for _ in 0..3 {
            door.admits("the new key", &fresh(&door).fields()).await;
            door.admits("the former key", &before.fields()).await;
        }
        assert_eq!(door.proxy.keys.requests(), 2 + 2 * round, "one fetch of each new key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_does_not_verify_what_another_signed() {
    let mut door = Door::new().await;
    let old_id = json!(door.proxy.issuer.alb_key_id());
    let old_pool_id = door.draft().access_header["kid"].clone();
    door.admits("the first key", &fresh(&door).fields()).await;
    door.proxy.issuer.rotate().unwrap();
    door.proxy.keys.publish(&door.proxy.issuer);
    door.admits("the new key", &fresh(&door).fields()).await;
    let draft = door.draft().but(|draft| draft.header["kid"] = old_id);
    door.refuses("the new key under the old id", &door.sign(&draft).fields(), (401, "bad_signature")).await;
    let draft = door.draft().but(|draft| draft.access_header["kid"] = old_pool_id);
    door.refuses("the same of the pool", &door.sign(&draft).fields(), (401, "bad_signature")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_seen_before_costs_no_fetch_and_one_changed_byte_is_another_credential() {
    let door = Door::new().await;
    let tokens = fresh(&door);
    door.admits("the first time", &tokens.fields()).await;
    door.proxy.keys.set_fault(Fault::Down);
    for _ in 0..20 {
        door.admits("again", &tokens.fields()).await;
    }
    let places = |token: &str| {
        let dots: Vec<usize> = token.match_indices('.').map(|(at, _)| at).collect();
        [dots[0] / 2, (dots[0] + dots[1]) / 2, dots[1] + 20]
    };
    for (place, at) in places(&tokens.data).into_iter().enumerate() {
        let bent = flipped(&tokens.data, at);
        let answer = door.ask(&with_data(&tokens, &bent)).await;
        assert_eq!(answer.status, 401, "data token, segment {place}: {}", answer.text());
    }
    for (place, at) in places(&tokens.access_token).into_iter().enumerate() {
        let bent = flipped(&tokens.access_token, at);
        let answer = door.ask(&with_access(&tokens, &bent)).await;
        // A bent header may name another key, and the endpoint is down.
        assert!(matches!(answer.status, 401 | 503), "access token, segment {place}: {}", answer.text());
    }
    let [data, access_token, identity] = tokens.fields();
    let other = flipped(identity.1, 3);
    door.refuses("identity", &[data, access_token, ("x-amzn-oidc-identity", &other)], (401, "subject_mismatch")).await;
    assert!(door.upstream.unasked().is_empty(), "no changed credential reached the application");
    door.admits("unchanged", &tokens.fields()).await;
}

/// The text with another character at one place.
fn flipped(text: &str, at: usize) -> String {
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_may_do_is_decided_anew_for_a_credential_seen_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.json");
    std::fs::write(&path, r#"{"allowed_groups": ["staff"]}"#).unwrap();
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let proxy = setup
        .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
        .set("COGNITO_AUTH_CONFIG_PATH", path.to_str().unwrap())
        .start()
        .await;
    let door = Door { upstream, proxy };
    let tokens = fresh(&door);
    door.admits("by the first policy", &tokens.fields()).await;
    std::fs::write(&path, r#"{"allowed_groups": ["others"]}"#).unwrap();
    eventually("the second policy", async || door.ask(&tokens.fields()).await.status == 403).await;
    let _before = door.upstream.unasked();
    door.refuses("by the second policy", &tokens.fields(), (403, "not_allowed")).await;
}
