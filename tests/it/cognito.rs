//! The user pool's access token, what binds it to the load balancer's, and groups from userinfo in its place.

use cognito_auth_proxy::dev::{Fault, Issuer, Parties};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    door::{Door, with_access},
    draft::{Draft, now, remove},
    proxy::staff,
};

const UPDATED_ISSUER: &str = "https://issuer-cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example01";

async fn refuses_draft(door: &Door, what: &str, refusal: (u16, &str), bend: impl FnOnce(&mut Draft)) {
    let tokens = door.sign(&door.draft().but(bend));
    door.refuses(what, &tokens.fields(), refusal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_is_no_access_token() {
    let door = Door::new().await;
    let client = door.proxy.issuer.parties().client.clone();
    refuses_draft(&door, "an ID token with everything an access token has", (401, "wrong_token_use"), |draft| {
        draft.access_payload["token_use"] = json!("id");
        draft.access_payload["aud"] = json!(client);
    })
    .await;
    refuses_draft(&door, "a real ID token", (401, "wrong_token_use"), |draft| {
        draft.access_payload["token_use"] = json!("id");
        draft.access_payload["aud"] = json!(client);
        remove(&mut draft.access_payload, "client_id");
        remove(&mut draft.access_payload, "scope");
    })
    .await;
    for token_use in [json!(""), json!("Access"), json!("refresh"), Value::Null] {
        refuses_draft(&door, &token_use.to_string(), (401, "wrong_token_use"), |draft| {
            draft.access_payload["token_use"] = token_use.clone();
        })
        .await;
    }
    refuses_draft(&door, "absent", (401, "wrong_token_use"), |draft| remove(&mut draft.access_payload, "token_use"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_pool_has_no_key_here() {
    let door = Door::new().await;
    let other = Issuer::generate(Parties::default()).unwrap();
    let tokens = door.sign(&door.draft());
    let theirs = Draft::of(&other, &staff()).signed(&other);
    door.refuses("their id", &with_access(&tokens, &theirs.access_token), (401, "unknown_key")).await;
    let disguised = door.draft().signed(&other);
    door.refuses("our id", &with_access(&tokens, &disguised.access_token), (401, "bad_signature")).await;
    door.admits("our own", &tokens.fields()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_rs256_in_compact_form() {
    let door = Door::new().await;
    let issuer = &door.proxy.issuer;
    for algorithm in ["none", "HS256", "RS512", "PS256", "ES256", "rs256"] {
        refuses_draft(&door, algorithm, (401, "malformed_token"), |draft| {
            draft.access_header["alg"] = json!(algorithm)
        })
        .await;
    }
    refuses_draft(&door, "crit", (401, "malformed_token"), |draft| draft.access_header["crit"] = json!(["exp"])).await;
    refuses_draft(&door, "no kid", (401, "malformed_token"), |draft| remove(&mut draft.access_header, "kid")).await;
    let tokens = door.sign(&door.draft());
    let token = &tokens.access_token;
    let (input, signature) = token.rsplit_once('.').unwrap();
    let padded = {
        let draft = door.draft();
        let (header, payload) = (draft.access_header.to_string(), draft.access_payload.to_string() + "  ");
        cognito_auth_proxy::dev::TokenShape::Alb.token(&header, &payload, |input| issuer.pool_signature(input))
    };
    for (what, bent, code) in [
        ("junk behind", format!("{token}.AAAA"), "malformed_token"),
        ("no signature", format!("{input}."), "malformed_token"),
        ("padded and signed so", padded, "malformed_token"),
        ("the ALB's token", tokens.data.clone(), "malformed_token"),
        ("opaque", "opaque-access-token".to_owned(), "malformed_token"),
        ("a shortened signature", format!("{input}.{}", &signature[..signature.len() - 2]), "bad_signature"),
    ] {
        door.refuses(what, &with_access(&tokens, &bent), (401, code)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_for_the_client_of_the_load_balancers_token() {
    let ours = Parties::default().client;
    let door = Door::with(&[("COGNITO_AUTH_CLIENT_IDS", &format!("{ours},second"))]).await;
    refuses_draft(&door, "a stranger's client", (401, "wrong_client"), |draft| {
        draft.access_payload["client_id"] = json!("stranger");
    })
    .await;
    refuses_draft(&door, "no client", (401, "wrong_client"), |draft| remove(&mut draft.access_payload, "client_id"))
        .await;
    refuses_draft(&door, "our other client", (401, "wrong_client"), |draft| {
        draft.access_payload["client_id"] = json!("second");
    })
    .await;
    refuses_draft(&door, "the ALB's is the other", (401, "wrong_client"), |draft| {
        draft.header["client"] = json!("second")
    })
    .await;
    let both = door.draft().but(|draft| {
        draft.header["client"] = json!("second");
        draft.access_payload["client_id"] = json!("second");
    });
    door.admits("both the second", &door.sign(&both).fields()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_access_token_is_refused_though_the_load_balancers_is_fresh() {
    let door = Door::with(&[("COGNITO_AUTH_LEEWAY", "60s")]).await;
    refuses_draft(&door, "past", (401, "token_expired"), |draft| draft.access_payload["exp"] = json!(now() - 60)).await;
    for exp in [json!("1"), json!(1e300), Value::Null] {
        refuses_draft(&door, &exp.to_string(), (401, "malformed_token"), |draft| {
            draft.access_payload["exp"] = exp.clone();
        })
        .await;
    }
    let within = door.draft().but(|draft| draft.access_payload["exp"] = json!(now() - 10));
    door.admits("within the leeway", &door.sign(&within).fields()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_forms_of_the_pools_issuer_are_accepted_and_no_other() {
    let door = Door::new().await;
    for (alb, access) in [(true, false), (false, true), (true, true)] {
        let draft = door.draft().but(|draft| {
            if alb {
                draft.header["iss"] = json!(UPDATED_ISSUER);
                draft.payload["iss"] = json!(UPDATED_ISSUER);
            }
            if access {
                draft.access_payload["iss"] = json!(UPDATED_ISSUER);
            }
        });
        door.admits(&format!("{alb} {access}"), &door.sign(&draft).fields()).await;
    }
    for issuer in [
        "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example02",
        "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example01/",
        "http://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example01",
        "",
    ] {
        refuses_draft(&door, issuer, (401, "wrong_issuer"), |draft| draft.access_payload["iss"] = json!(issuer)).await;
    }
    refuses_draft(&door, "absent", (401, "wrong_issuer"), |draft| remove(&mut draft.access_payload, "iss")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_identity_fields_speak_of_one_subject() {
    let door = Door::new().await;
    let boss = cognito_auth_proxy::dev::User::new("boss", "boss@example.com").in_groups(&["staff"]);
    let visitor = cognito_auth_proxy::dev::User::new("visitor", "visitor@example.com");
    let (boss, visitor) = (door.proxy.issuer.tokens(&boss), door.proxy.issuer.tokens(&visitor));
    door.refuses(
        "a visitor with the boss's access token",
        &with_access(&visitor, &boss.access_token),
        (401, "subject_mismatch"),
    )
    .await;
    let [data, access_token, _] = boss.fields();
    for identity in ["visitor", "", "boss ,boss", "BOSS"] {
        door.refuses(identity, &[data, access_token, ("x-amzn-oidc-identity", identity)], (401, "subject_mismatch"))
            .await;
    }
    door.admits("no identity field", &[data, access_token]).await;
    door.admits("all of the boss", &boss.fields()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_groups_is_signed_in_but_not_allowed() {
    let door = Door::new().await;
    refuses_draft(&door, "no groups", (403, "not_allowed"), |draft| {
        remove(&mut draft.access_payload, "cognito:groups")
    })
    .await;
    for groups in [json!([]), json!(["visitors"]), json!(["Staff"]), json!(["staff "]), Value::Null] {
        refuses_draft(&door, &groups.to_string(), (403, "not_allowed"), |draft| {
            draft.access_payload["cognito:groups"] = groups.clone();
        })
        .await;
    }
    refuses_draft(&door, "groups where no ALB writes them", (403, "not_allowed"), |draft| {
        remove(&mut draft.access_payload, "cognito:groups");
        draft.payload["cognito:groups"] = json!(["staff"]);
    })
    .await;
    for groups in [json!(1), json!([["staff"]]), json!({"staff": true})] {
        refuses_draft(&door, &groups.to_string(), (401, "malformed_token"), |draft| {
            draft.access_payload["cognito:groups"] = groups.clone();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_username_of_the_access_token_and_the_address_of_the_other_are_told_together() {
    let door = Door::new().await;
    let draft = door.draft().but(|draft| {
        draft.access_payload["username"] = json!("from-access");
        draft.access_payload["email"] = json!("boss@example.com");
        draft.payload["username"] = json!("from-userinfo");
    });
    let claims = door.admits("both", &door.sign(&draft).fields()).await.claims();
    assert_eq!((&claims["username"], &claims["email"]), (&json!("from-access"), &json!("ann@example.com")));
}

fn userinfo() -> [(&'static str, &'static str); 2] {
    [("COGNITO_AUTH_GROUPS_SOURCE", "userinfo"), ("COGNITO_AUTH_GROUPS_CLAIM", "custom:teams")]
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_from_userinfo_are_an_array_or_a_list_in_a_string() {
    let door = Door::with(&userinfo()).await;
    for (written, read) in [
        (json!(["staff", "a b"]), json!(["staff", "a b"])),
        (json!("readers, staff"), json!(["readers", "staff"])),
        (json!("readers staff"), json!(["readers", "staff"])),
        (json!("staff"), json!(["staff"])),
    ] {
        let draft = door.draft().but(|draft| draft.payload["custom:teams"] = written.clone());
        let seen = door.admits(&written.to_string(), &door.sign(&draft).fields()).await;
        assert_eq!(seen.claims()["groups"], read, "{written}");
    }
    for (written, refusal) in [
        (json!("staffing"), (403, "not_allowed")),
        (json!("staff;admins"), (403, "not_allowed")),
        (json!(["staff,admins"]), (403, "not_allowed")),
        (json!([]), (403, "not_allowed")),
        (json!([7]), (401, "malformed_token")),
        (json!({"staff": 1}), (401, "malformed_token")),
    ] {
        refuses_draft(&door, &written.to_string(), refusal, |draft| draft.payload["custom:teams"] = written.clone())
            .await;
    }
    refuses_draft(&door, "only in the access token", (403, "not_allowed"), |draft| {
        draft.access_payload["custom:teams"] = json!(["staff"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_groups_from_userinfo_the_access_token_may_be_anything_or_nothing() {
    let door = Door::with(&userinfo()).await;
    let tokens = door.sign(&door.draft().but(|draft| draft.payload["custom:teams"] = json!(["staff"])));
    let [data, _, identity] = tokens.fields();
    for access_token in ["opaque", "a.b.c", "", &tokens.data] {
        door.admits(access_token, &with_access(&tokens, access_token)).await;
    }
    door.admits("absent", &[data, identity]).await;
    let twice = [data, identity, ("x-amzn-oidc-accesstoken", "a"), ("x-amzn-oidc-accesstoken", "b")];
    door.refuses("twice", &twice, (400, "bad_request")).await;
    door.refuses("other identity", &[data, ("x-amzn-oidc-identity", "x")], (401, "subject_mismatch")).await;
    door.refuses("no data token", &[("x-amzn-oidc-accesstoken", "opaque"), identity], (401, "missing_credential"))
        .await;
    assert_eq!(door.proxy.keys.requests(), 1, "the key set was not needed");
    door.proxy.keys.set_fault(Fault::Status(StatusCode::INTERNAL_SERVER_ERROR));
    let again = door.sign(&door.draft().but(|draft| draft.payload["custom:teams"] = json!("staff")));
    door.admits("with the pool down", &again.fields()).await;
}
