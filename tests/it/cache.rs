//! A credential that was verified once is answered from memory, and the memory never answers for anything else: what the
//! application is told is what would have been found by verifying and deciding anew.

use std::fs;

use cognito_auth_proxy::dev::{Issuer, Parties, Tokens, User};
use serde_json::{Value, json};

use crate::support::{
    door::{Door, with_access, with_data},
    draft::{Draft, now},
    eventually,
    proxy::{Setup, staff},
    upstream::Upstream,
};

/// What the application is told of who presents these fields, after asking often enough to be answered from memory.
async fn told(door: &Door, what: &str, fields: &[(&str, &str)]) -> Value {
    let first = door.admits(what, fields).await;
    for _ in 0..3 {
        let again = door.admits(what, fields).await;
        assert_eq!(again.field("x-auth-user"), first.field("x-auth-user"), "{what}: the same statement again");
    }
    first.claims()
}

/// A door whose policy is a file, and that file.
async fn with_policy_file(policy: &str) -> (Door, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("policy.json"), policy).unwrap();
    let upstream = Upstream::start().await;
    let path = directory.path().join("policy.json");
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_ALLOWED_GROUPS", "");
    let proxy = setup.set("COGNITO_AUTH_CONFIG_PATH", path.to_str().unwrap()).start().await;
    (Door { upstream, proxy }, directory)
}

/// Answers until the application is told this about the admin, or until it is not asked any more (`None`).
async fn until_told(door: &Door, tokens: &Tokens, is_admin: Option<bool>) {
    eventually("the new policy", async || {
        let status = door.ask(&tokens.fields()).await.status;
        let seen = door.upstream.unasked();
        match is_admin {
            Some(is_admin) => seen.last().is_some_and(|seen| seen.claims()["is_admin"] == is_admin),
            None => status == 403 && seen.is_empty(),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_policy_decides_anew_about_a_credential_seen_before() {
    let (door, directory) = with_policy_file(r#"{"allowed_groups": ["staff"]}"#).await;
    let write = |policy: &str| fs::write(directory.path().join("policy.json"), policy).unwrap();
    let tokens = door.sign(&door.draft());
    assert_eq!(told(&door, "a member", &tokens.fields()).await["is_admin"], false);
    write(r#"{"admin_groups": ["staff"]}"#);
    until_told(&door, &tokens, Some(true)).await;
    assert_eq!(told(&door, "an admin", &tokens.fields()).await["is_admin"], true);
    write(r#"{"allowed_groups": ["others"]}"#);
    until_told(&door, &tokens, None).await;
    for _ in 0..3 {
        door.refuses("nobody", &tokens.fields(), (403, "not_allowed")).await;
    }
    // The very text of the first policy is another policy: what was decided then does not come back, but is found again.
    write(r#"{"allowed_groups": ["staff"]}"#);
    until_told(&door, &tokens, Some(false)).await;
    assert_eq!(told(&door, "a member again", &tokens.fields()).await["is_admin"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_key_that_was_taken_out_ends_what_it_verified() {
    let door = Door::new().await;
    let removed = Issuer::generate(Parties::default()).unwrap();
    door.proxy.keys.publish(&removed);
    let old = Draft::of(&removed, &staff()).signed(&removed);
    told(&door, "under the first key", &old.fields()).await;
    door.proxy.keys.publish(&door.proxy.issuer);
    let new = door.sign(&door.draft());
    told(&door, "under the new key", &new.fields()).await;
    door.refuses("what the removed key verified", &old.fields(), (401, "unknown_key")).await;
    door.refuses("its access token alone", &with_data(&old, &new.data), (401, "unknown_key")).await;
    told(&door, "under the new key, still", &new.fields()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_keeps_the_former_keys_keeps_what_they_verified() {
    let mut door = Door::new().await;
    let before = door.sign(&door.draft());
    let first = door.admits("before", &before.fields()).await;
    door.proxy.issuer.rotate().unwrap();
    door.proxy.keys.publish(&door.proxy.issuer);
    told(&door, "after", &door.sign(&door.draft()).fields()).await;
    let again = door.admits("before, again", &before.fields()).await;
    assert_eq!(again.field("x-auth-user"), first.field("x-auth-user"), "from memory, statement and all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_ends_with_either_of_its_tokens() {
    let door = Door::with(&[("COGNITO_AUTH_LEEWAY", "0s")]).await;
    let end = json!(now() + 2);
    let short = [
        door.draft().but(|draft| draft.header["exp"] = end.clone()),
        door.draft().but(|draft| draft.payload["exp"] = end.clone()),
        door.draft().but(|draft| draft.access_payload["exp"] = end.clone()),
    ];
    let long = door.sign(&door.draft());
    told(&door, "the one that lives on", &long.fields()).await;
    for draft in short {
        let tokens = door.sign(&draft);
        eventually("its end", async || {
            let before = now();
            let answer = door.ask(&tokens.fields()).await;
            assert!(answer.status == 401 || end.as_u64().unwrap() > before, "answered after its end");
            answer.status == 401
        })
        .await;
        let _until_then = door.upstream.unasked();
        door.refuses("after its end", &tokens.fields(), (401, "token_expired")).await;
    }
    told(&door, "the one that lives on, still", &long.fields()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_access_token_beside_the_same_load_balancers_token_is_another_credential() {
    let door = Door::with(&[("COGNITO_AUTH_ALLOWED_GROUPS", "staff,readers")]).await;
    let tokens = door.sign(&door.draft());
    assert_eq!(told(&door, "staff", &tokens.fields()).await["groups"], json!(["staff"]));
    let in_groups = |groups: &[&str]| door.proxy.issuer.tokens(&staff().in_groups(groups)).access_token;
    let (readers, strangers) = (in_groups(&["readers"]), in_groups(&["strangers"]));
    assert_eq!(told(&door, "readers", &with_access(&tokens, &readers)).await["groups"], json!(["readers"]));
    door.refuses("strangers", &with_access(&tokens, &strangers), (403, "not_allowed")).await;
    let eve = door.proxy.issuer.tokens(&User::new("eve", "eve@example.com").in_groups(&["staff"]));
    told(&door, "eve with her own", &eve.fields()).await;
    door.refuses("eve's beside ann's", &with_access(&tokens, &eve.access_token), (401, "subject_mismatch")).await;
    door.refuses("ann's beside eve's", &with_data(&tokens, &eve.data), (401, "subject_mismatch")).await;
    assert_eq!(told(&door, "staff, still", &tokens.fields()).await["groups"], json!(["staff"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_beside_a_known_access_token_is_told_of_as_the_one_before_only_where_it_says_the_same() {
    let door = Door::with(&[("COGNITO_AUTH_ADMIN_USERS", "root@example.com")]).await;
    let draft = door.draft();
    let first = door.sign(&draft);
    let before = door.admits("the first", &first.fields()).await;
    let later = door.sign(&draft.clone().but(|draft| draft.header["exp"] = json!(now() + 240)));
    assert!(later.data != first.data && later.access_token == first.access_token);
    let again = door.admits("one that lives longer", &later.fields()).await;
    assert_eq!(again.field("x-auth-user"), before.field("x-auth-user"));
    for (claim, value) in [
        ("email", json!("root@example.com")),
        ("email", json!("ann.moss@example.com")),
        ("email_verified", json!("false")),
        ("name", json!("Ann Moss")),
        ("given_name", json!("Anne")),
        ("family_name", json!("Moss")),
    ] {
        let other = door.sign(&draft.clone().but(|draft| draft.payload[claim] = value.clone()));
        assert!(other.access_token == first.access_token);
        let said = door.admits(claim, &other.fields()).await;
        assert_ne!(said.field("x-auth-user"), before.field("x-auth-user"), "{claim} {value}");
        assert_eq!(said.claims()["is_admin"], value == "root@example.com", "{claim} {value}");
        let again = door.admits("the first again", &first.fields()).await;
        assert_eq!(again.field("x-auth-user"), before.field("x-auth-user"), "{claim} {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_of_every_field_counts() {
    let door = Door::new().await;
    let tokens = door.sign(&door.draft());
    let genuine = told(&door, "the genuine one", &tokens.fields()).await;
    for field in 0..3 {
        let text = tokens.fields()[field].1.to_owned();
        // Every byte of the short field, of the long ones those around every border and some between, to the very last:
        // in the load balancer's token that is a padding character of its signature.
        let places = (0..text.len()).filter(|at| {
            text.len() < 64
                || at % 97 == 0
                || text.len() - at < 4
                || text[..=*at].ends_with('.')
                || text[*at..].starts_with('.')
        });
        for at in places {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let bent = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            let mut fields = tokens.fields();
            fields[field].1 = &bent;
            let answer = door.ask(&fields).await;
            assert_eq!(answer.status, 401, "field {field}, byte {at}: {}", answer.text());
        }
        for bent in [&text[..text.len() - 1], &format!("{text}A"), &format!("{text}=")] {
            let mut fields = tokens.fields();
            fields[field].1 = bent;
            assert_eq!(door.ask(&fields).await.status, 401, "field {field}, {} of {} bytes", bent.len(), text.len());
        }
    }
    assert!(tokens.data.ends_with('='), "there is padding to bend");
    assert!(door.upstream.unasked().is_empty(), "no changed credential reached the application");
    assert_eq!(told(&door, "the genuine one, still", &tokens.fields()).await, genuine);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_field_and_an_empty_one_are_different_credentials() {
    let door = Door::new().await;
    let tokens = door.sign(&door.draft());
    let [data, access, identity] = tokens.fields();
    let (no_identity, no_access) = (("x-amzn-oidc-identity", ""), ("x-amzn-oidc-accesstoken", ""));
    for _ in 0..2 {
        told(&door, "all three", &[data, access, identity]).await;
        told(&door, "without the identity, which proves nothing", &[data, access]).await;
        door.refuses("an empty identity", &[data, access, no_identity], (401, "subject_mismatch")).await;
        door.refuses("no access token", &[data, identity], (401, "missing_credential")).await;
        door.refuses("an empty one", &[data, no_access, identity], (401, "malformed_token")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_twice_is_told_of_as_each_credential_says() {
    let door = Door::new().await;
    let named = |name: &str| User { name: Some(name.to_owned()), ..staff() };
    let (before, after) = (door.proxy.issuer.tokens(&named("Ann Lee")), door.proxy.issuer.tokens(&named("Ann Moss")));
    for _ in 0..3 {
        assert_eq!(door.admits("before", &before.fields()).await.claims()["name"], "Ann Lee");
        assert_eq!(door.admits("after", &after.fields()).await.claims()["name"], "Ann Moss");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_less_room_than_users_everybody_is_still_told_of_as_themselves() {
    let door = Door::with(&[("COGNITO_AUTH_CREDENTIAL_CACHE_SIZE", "1MiB")]).await;
    let user = |number: usize| User::new(&format!("user-{number}"), "ann@example.com").in_groups(&["staff"]);
    let users: Vec<Tokens> = (0..300).map(|number| door.proxy.issuer.tokens(&user(number))).collect();
    for round in 0..2 {
        for (number, tokens) in users.iter().enumerate() {
            let seen = door.admits("a user", &tokens.fields()).await;
            assert_eq!(seen.claims()["sub"], format!("user-{number}"), "round {round}");
        }
    }
}
