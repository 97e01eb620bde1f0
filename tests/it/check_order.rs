//! The first check that fails names the code (interface.md, section 3), whatever else is wrong.

use serde_json::json;

use crate::support::{door::Door, draft::Draft};

/// One thing wrong with a request.
struct Flaw {
    step: usize,
    status: u16,
    code: &'static str,
    bend: fn(&mut Draft),
    spoil: fn(&mut Vec<(&'static str, String)>),
}

const fn in_claims(step: usize, code: &'static str, bend: fn(&mut Draft)) -> Flaw {
    Flaw { step, status: 401, code, bend, spoil: |_| {} }
}

const fn in_fields(
    step: usize,
    (status, code): (u16, &'static str),
    spoil: fn(&mut Vec<(&'static str, String)>),
) -> Flaw {
    Flaw { step, status, code, bend: |_| {}, spoil }
}

/// Every check in the order of interface.md section 3; flaws of one step are not compared.
const FLAWS: [Flaw; 20] = [
    in_fields(0, (400, "bad_request"), |fields| fields.push(("x-amzn-oidc-identity", "x".to_owned()))),
    in_fields(0, (431, "too_large"), |fields| fields.push(("x-filler", "x".repeat(17_000)))),
    in_fields(1, (401, "missing_credential"), |fields| fields.retain(|(name, _)| *name != "x-amzn-oidc-accesstoken")),
    in_claims(2, "malformed_token", |draft| draft.header["alg"] = json!("HS256")),
    in_claims(3, "wrong_signer", |draft| draft.header["signer"] = json!("arn:other")),
    in_claims(4, "wrong_client", |draft| draft.header["client"] = json!("other")),
    in_claims(5, "wrong_issuer", |draft| draft.payload["iss"] = json!("https://other.example")),
    in_claims(6, "token_expired", |draft| draft.payload["exp"] = json!(1)),
    in_claims(7, "unknown_key", |draft| draft.header["kid"] = json!("00000000-0000-4000-8000-000000000000")),
    in_fields(8, (401, "bad_signature"), |fields| spoil_signature(fields, "x-amzn-oidc-data")),
    in_claims(9, "malformed_token", |draft| draft.access_header["alg"] = json!("none")),
    in_claims(10, "unknown_key", |draft| draft.access_header["kid"] = json!("nobody's")),
    in_fields(11, (401, "bad_signature"), |fields| spoil_signature(fields, "x-amzn-oidc-accesstoken")),
    in_claims(12, "wrong_issuer", |draft| draft.access_payload["iss"] = json!("https://other.example")),
    in_claims(13, "wrong_token_use", |draft| draft.access_payload["token_use"] = json!("id")),
    in_claims(14, "wrong_client", |draft| draft.access_payload["client_id"] = json!("other")),
    in_claims(15, "token_expired", |draft| draft.access_payload["exp"] = json!(1)),
    in_claims(16, "subject_mismatch", |draft| draft.access_payload["sub"] = json!("somebody-else")),
    in_fields(17, (403, "cross_site"), |fields| fields.push(("origin", "https://evil.example".to_owned()))),
    Flaw {
        step: 18,
        status: 403,
        code: "not_allowed",
        bend: |draft| draft.access_payload["cognito:groups"] = json!(["visitors"]),
        spoil: |_| {},
    },
];

/// Another signature of the right length.
fn spoil_signature(fields: &mut [(&'static str, String)], name: &str) {
    for (_, token) in fields.iter_mut().filter(|(field, _)| *field == name) {
        let (input, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        *token = format!("{input}.{first}{}", &signature[1..]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_flaws_the_earlier_check_names_the_code() {
    let door = Door::new().await;
    for (index, first) in FLAWS.iter().enumerate() {
        for second in FLAWS[index..].iter().filter(|second| second.step != first.step || second.code == first.code) {
            let mut draft = door.draft();
            (second.bend)(&mut draft);
            (first.bend)(&mut draft);
            let tokens = door.sign(&draft);
            let mut fields: Vec<(&'static str, String)> =
                tokens.fields().map(|(name, value)| (name, value.to_owned())).into();
            (second.spoil)(&mut fields);
            if !std::ptr::eq(first, second) {
                (first.spoil)(&mut fields);
            }
            let sent: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let what = format!("{} (step {}) before {} (step {})", first.code, first.step, second.code, second.step);
            door.refuses(&what, &sent, (first.status, first.code)).await;
        }
    }
}
