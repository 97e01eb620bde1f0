//! What the running proxy says of itself where requests show that a setting is wrong: once, unverified, bounded.

use cognito_auth_proxy::dev::{Issuer, Parties};
use serde_json::Value;

use crate::support::{
    client::{Answer, Wire, request},
    draft::Draft,
    process::Serving,
    proxy::{Setup, staff},
    upstream::Upstream,
};

const MORE: &str = "further load balancers";

const EXPIRED: &str = "hint (unverified): a token came after its time: if users have just signed in, this machine's clock is \
                       ahead (`doctor` compares it); if not, the identity provider gives no refresh token";

async fn serving() -> Serving {
    serving_with("COGNITO_AUTH_MAX_FIELD_SIZE", "16KiB").await
}

async fn serving_with(name: &str, value: &str) -> Serving {
    let upstream = Upstream::start().await;
    Setup::new(&upstream).await.set(name, value).start_process().await
}

fn arn(name: &str) -> String {
    format!("arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/{name}/0123456789abcdef")
}

/// A request with tokens of these parties, signed by nobody the proxy knows.
async fn ask(serving: &Serving, parties: Parties) -> Answer {
    let tokens = Issuer::generate(parties).unwrap().tokens(&staff());
    send(serving, &tokens.fields()).await
}

async fn send(serving: &Serving, fields: &[(&str, &str)]) -> Answer {
    let mut wire = Wire::connect(serving.address).await;
    wire.send(request("GET /", &[fields, &[("Accept", "application/json")]].concat())).await;
    wire.answer().await
}

/// A token whose header says that this load balancer signed it. Nothing verifies it.
fn forged(signer: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let header = serde_json::json!({
        "alg": "ES256", "kid": "00000000-0000-4000-8000-000000000000", "signer": signer, "client": "c", "iss": "i",
        "exp": 4_000_000_000_u64
    });
    let payload = serde_json::json!({ "sub": "s", "iss": "i", "exp": 4_000_000_000_u64 });
    [header.to_string(), payload.to_string(), "signature".to_owned()]
        .map(|part| BASE64_URL_SAFE_NO_PAD.encode(part))
        .join(".")
}

async fn send_forged(serving: &Serving, signer: &str) {
    let token = forged(signer);
    let answer = send(serving, &[("x-amzn-oidc-data", &token), ("x-amzn-oidc-accesstoken", "a.b.c")]).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "wrong_signer"));
}

/// The hints in the log of a process that was ended.
async fn hints(serving: Serving) -> Vec<Value> {
    let log = serving.terminated().await.stdout;
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    events.filter(|event| event["message"].as_str().is_some_and(|text| text.starts_with("hint"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_load_balancer_is_told_once_with_the_line_to_add_which_then_works() {
    let mut serving = serving().await;
    let other = Parties { signer: arn("other"), ..Parties::default() };
    for _ in 0..3 {
        assert_eq!(ask(&serving, other.clone()).await.code(), "wrong_signer");
    }
    let hint = serving
        .process
        .event("hint (unverified): a token names a load balancer that is not in alb.arns; if it is yours, use this setting")
        .await;
    assert_eq!((hint["level"].as_str(), hint["signer"].as_str()), (Some("WARN"), Some(arn("other").as_str())));
    let setting = hint["setting"].as_str().unwrap().to_owned();
    assert_eq!(setting, format!("COGNITO_AUTH_ALB_ARNS={},{}", Parties::default().signer, arn("other")));
    assert_eq!(hints(serving).await.len(), 1, "the others say nothing new");

    let upstream = Upstream::start().await;
    let (name, value) = setting.split_once('=').unwrap();
    let mended = Setup::new(&upstream).await.set(name, value).start_process().await;
    assert_ne!(ask(&mended, other).await.code(), "wrong_signer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_load_balancers_is_sixteen_lines_and_one_that_says_so() {
    let serving = serving().await;
    for number in 0..200 {
        send_forged(&serving, &arn(&format!("made-up-{number}"))).await;
    }
    let hints = hints(serving).await;
    let signers: Vec<&str> = hints.iter().filter_map(|hint| hint["signer"].as_str()).collect();
    assert_eq!((signers.len(), hints.len()), (16, 17), "{hints:#?}");
    assert!(hints.iter().any(|hint| hint["message"].as_str().unwrap().contains(MORE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_arn_is_never_repeated() {
    let serving = serving().await;
    let long = arn(&"n".repeat(300));
    for signer in
        ["", "injected\n{\"message\":\"forged\"}", &format!("{}\u{1b}[2J", arn("x")), &long, "arn:aws:s3:::bucket"]
    {
        send_forged(&serving, signer).await;
    }
    let log = serving.terminated().await.stdout;
    for text in ["injected", "forged", "[2J", "nnnn", "s3:::bucket", "hint"] {
        assert!(!log.contains(text), "{text} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_wrong_setting_is_told_once() {
    let serving = serving().await;
    let now = serving.issuer.tokens(&staff());
    let long = "a".repeat(17 * 1024);
    for _ in 0..2 {
        assert_eq!(send(&serving, &[("x-amzn-oidc-data", &now.data)]).await.code(), "missing_credential");
        assert_eq!(send(&serving, &[("x-long", &long)]).await.status, 431);
        let client = Parties { client: "another".to_owned(), ..Parties::default() };
        assert_eq!(ask(&serving, client).await.code(), "wrong_client");
        let issuer = Parties { issuer: "https://idp.example".to_owned(), ..Parties::default() };
        assert_eq!(ask(&serving, issuer).await.code(), "wrong_issuer");
        let old = serving.issuer.tokens_at(&staff(), 1_700_000_000);
        assert_eq!(send(&serving, &old.fields()).await.code(), "token_expired");
        let id_token =
            Draft::of(&serving.issuer, &staff()).but(|draft| draft.access_payload["token_use"] = "id".into());
        assert_eq!(send(&serving, &id_token.signed(&serving.issuer).fields()).await.code(), "wrong_token_use");
    }
    let hints = hints(serving).await;
    for text in [
        "the listener rule needs openid",
        "too long: raise",
        "COGNITO_AUTH_CLIENT_IDS",
        "COGNITO_AUTH_USER_POOL_ID",
        "clock is ahead",
        "an ID token perhaps",
    ] {
        told(&hints, text);
    }
    assert_eq!(hints.len(), 6, "{hints:#?}");
    let length = told(&hints, "too long: raise");
    assert_eq!(
        (&length["name"], &length["size"], &length["limit"]),
        (&"x-long".into(), &17_408.into(), &16_384.into())
    );
}

/// The one hint that says this.
fn told<'a>(hints: &'a [Value], text: &str) -> &'a Value {
    let found: Vec<&Value> = hints.iter().filter(|hint| hint["message"].as_str().unwrap().contains(text)).collect();
    let [hint] = found[..] else { panic!("{text:?} is not told once in {hints:#?}") };
    assert_eq!((&hint["level"], &hint["target"]), (&"WARN".into(), &"cognito_auth_proxy::hints".into()));
    hint
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_being_too_long_is_told_once_and_hides_no_other() {
    let serving = serving_with("COGNITO_AUTH_MAX_FIELD_SIZE", "32KiB").await;
    let [identity, field, part] = [17, 33, 1].map(|size| "a".repeat(size * 1024));
    let names: Vec<String> = (0..65).map(|number| format!("x-part-{number}")).collect();
    let parts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), part.as_str())).collect();
    for _ in 0..2 {
        for fields in [&[("x-amzn-oidc-data", identity.as_str())][..], &[("x-long", &field)], &parts] {
            let answer = send(&serving, fields).await;
            assert_eq!((answer.status, answer.code().as_str()), (431, "too_large"));
        }
    }
    let hints = hints(serving).await;
    assert_eq!(hints.len(), 3, "{hints:#?}");
    let identity = told(&hints, "longer than the 16 KiB a load balancer sends at most: look what stands before");
    assert_eq!(identity["field"], "x-amzn-oidc-data");
    let field = told(&hints, "raise limits.max_field_size");
    assert_eq!((&field["name"], &field["size"], &field["limit"]), (&"x-long".into(), &33_792.into(), &32_768.into()));
    let fields = told(&hints, "raise limits.max_fields_size or limits.max_fields");
    assert_eq!((&fields["limit"], &fields["most"]), (&65_536.into(), &200.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_login_in_place_of_a_refusal_gives_its_hint_too_and_they_are_one() {
    // What an operator meets whose clock is ahead: browsers are sent round to sign in and see no refusal.
    let mut serving = serving().await;
    let old = serving.issuer.tokens_at(&staff(), 1_700_000_000);
    let session = [("Accept", "text/html"), ("Cookie", "AWSELBAuthSessionCookie-0=session")];
    let browser = [&old.fields()[..], &session].concat();
    for _ in 0..2 {
        let answer = serving.send("GET /page", &browser).await;
        assert_eq!((answer.status, answer.field("location")), (302, Some("/page")), "a new login");
    }
    // Before anybody was refused.
    let hint = serving.process.event(EXPIRED).await;
    assert!(hint["seconds"].as_u64().is_some_and(|seconds| seconds > 1_000_000), "{hint}");
    assert_eq!(send(&serving, &old.fields()).await.code(), "token_expired");
    let hints = hints(serving).await;
    assert_eq!(hints.len(), 1, "{hints:#?}");
}
