//! The fields that carry a credential: each once, none too long, none without the other.

use serde_json::json;

use crate::support::door::Door;

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
