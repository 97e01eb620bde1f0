//! May they: every kind of rule over HTTP, what the application is told of it, and what the log says granted it.

use cognito_auth_proxy::dev::User;
use serde_json::json;

use crate::support::{door::Door, log};

/// The default rule taken away, so that only what a test sets counts.
const NO_GROUPS: (&str, &str) = ("COGNITO_AUTH_ALLOWED_GROUPS", "");
const USERS: &str = "COGNITO_AUTH_ALLOWED_USERS";
const DOMAINS: &str = "COGNITO_AUTH_ALLOWED_DOMAINS";
const GROUPS: &str = "COGNITO_AUTH_ALLOWED_GROUPS";
const ADMIN_GROUPS: &str = "COGNITO_AUTH_ADMIN_GROUPS";
const ADMIN_USERS: &str = "COGNITO_AUTH_ADMIN_USERS";
const REQUIRE_ALL: (&str, &str) = ("COGNITO_AUTH_REQUIRE_ALL", "true");

fn user(email: &str, groups: &[&str]) -> User {
    User::new("0f1e2d3c-0000-4000-8000-00000000000b", email).in_groups(groups)
}

fn unverified(email: &str, groups: &[&str]) -> User {
    User { email_verified: false, ..user(email, groups) }
}

async fn start(settings: &[(&str, &str)]) -> Door {
    log::record();
    let all: Vec<(&str, &str)> = [NO_GROUPS].into_iter().chain(settings.iter().copied()).collect();
    Door::with(&all).await
}

/// Admitted by this rule, as an admin where it is one for admins; and the log says so without naming the address.
async fn admits(door: &Door, user: &User, granted_by: &str) {
    let is_admin = granted_by.starts_with("admin-");
    let answer = door.ask_as(user).await;
    assert_eq!(answer.status, 200, "{} {:?}: {}", user.email, user.groups, answer.text());
    let claims = door.upstream.next().await.claims();
    assert_eq!((&claims["email"], &claims["is_admin"]), (&json!(user.email), &json!(is_admin)));
    let line = log::access(answer.field("x-request-id").unwrap()).await;
    assert_eq!((line["decision"].as_str(), line["granted_by"].as_str()), ("allow", granted_by), "{}", user.email);
    assert_eq!(line["subject"], user.sub);
    assert!(!format!("{line:?}").contains(&user.email), "{line:?}");
}

/// Refused by the policy, with nothing at the application.
async fn denies(door: &Door, user: &User) {
    let tokens = door.proxy.issuer.tokens(user);
    let what = format!("{} {:?}", user.email, user.groups);
    let answer = door.refuses(&what, &tokens.fields(), (403, "not_allowed")).await;
    assert!(user.email.is_empty() || !answer.text().contains(&user.email), "{}", answer.text());
    let line = log::access(answer.field("x-request-id").unwrap()).await;
    assert_eq!((line["decision"].as_str(), line["reason"].as_str()), ("deny", "not_allowed"));
    assert!(!line.contains_key("granted_by"), "{line:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_allowed_group_is_enough_and_is_compared_exactly() {
    let door = start(&[(GROUPS, "staff,readers")]).await;
    admits(&door, &user("a@example.com", &["x", "readers"]), "group:readers").await;
    admits(&door, &unverified("a@example.com", &["staff"]), "group:staff").await;
    for groups in [&["Staff"][..], &["staf"], &["staff,readers"], &["staff "], &[""], &[]] {
        denies(&door, &user("a@example.com", groups)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_user_is_admitted_by_a_verified_address_in_any_case() {
    let door = start(&[(USERS, "Ann.Lee@example.com")]).await;
    admits(&door, &user("ann.lee@EXAMPLE.com", &[]), "user").await;
    denies(&door, &unverified("ann.lee@example.com", &["staff"])).await;
    for email in
        ["ann@example.com", "ann.lee@example.com.evil.example", "ann.lee@example.co", "", "xann.lee@example.com"]
    {
        denies(&door, &user(email, &["staff"])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_exact_and_the_address_has_one_at() {
    let door = start(&[(DOMAINS, "corp.com")]).await;
    admits(&door, &user("a@Corp.COM", &[]), "domain:corp.com").await;
    denies(&door, &unverified("a@corp.com", &[])).await;
    for email in [
        "a@sub.corp.com",
        "a@notcorp.com",
        "a@corp.com.evil.example",
        "a@evil.example@corp.com",
        "a@corp.com@evil.example",
        "\"a@evil.example\"@corp.com",
        "@corp.com",
        "a@corp.com.",
        "a@corp.com ",
        "a@corp.com\n",
        " a@corp.com",
        "corp.com",
        "a@",
        "",
        "a@\u{441}orp.com",
    ] {
        denies(&door, &user(email, &[])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_require_all_one_kind_of_rule_is_enough() {
    let door = start(&[(GROUPS, "staff"), (USERS, "ann@corp.com"), (DOMAINS, "other.com")]).await;
    admits(&door, &user("x@example.com", &["staff"]), "group:staff").await;
    admits(&door, &user("ann@corp.com", &[]), "user").await;
    admits(&door, &user("x@other.com", &[]), "domain:other.com").await;
    denies(&door, &user("x@example.com", &["x"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_require_all_every_kind_that_is_set_must_pass() {
    let door = start(&[(GROUPS, "staff"), (DOMAINS, "corp.com"), REQUIRE_ALL]).await;
    admits(&door, &user("a@corp.com", &["staff"]), "group:staff+domain:corp.com").await;
    denies(&door, &user("a@corp.com", &[])).await;
    denies(&door, &user("a@example.com", &["staff"])).await;
    denies(&door, &unverified("a@corp.com", &["staff"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_pass_every_rule_and_only_they_are_admins() {
    let door = start(&[
        (GROUPS, "staff"),
        (DOMAINS, "corp.com"),
        REQUIRE_ALL,
        (ADMIN_GROUPS, "admins"),
        (ADMIN_USERS, "root@example.com"),
    ])
    .await;
    admits(&door, &user("a@example.com", &["admins"]), "admin-group:admins").await;
    admits(&door, &user("Root@example.com", &[]), "admin-user").await;
    admits(&door, &user("a@corp.com", &["staff", "admins"]), "admin-group:admins").await;
    admits(&door, &user("a@corp.com", &["staff"]), "group:staff+domain:corp.com").await;
    denies(&door, &unverified("root@example.com", &["staff"])).await;
    denies(&door, &user("a@example.com", &["Admins"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_but_an_admin_list_only_admins_pass() {
    let door = start(&[(ADMIN_GROUPS, "admins")]).await;
    admits(&door, &user("a@example.com", &["admins"]), "admin-group:admins").await;
    denies(&door, &user("a@example.com", &["staff"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unverified_address_counts_only_where_the_operator_says_so() {
    let door = start(&[
        (USERS, "ann@example.com"),
        (ADMIN_USERS, "root@example.com"),
        ("COGNITO_AUTH_REQUIRE_VERIFIED_EMAIL", "false"),
    ])
    .await;
    admits(&door, &unverified("ann@example.com", &[]), "user").await;
    admits(&door, &unverified("root@example.com", &[]), "admin-user").await;
    denies(&door, &unverified("x@example.com", &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_yes_verifies_no_address() {
    let door = start(&[(USERS, "ann@example.com")]).await;
    let ann = user("ann@example.com", &[]);
    let stated = |value: serde_json::Value| {
        crate::support::draft::Draft::of(&door.proxy.issuer, &ann).but(|draft| draft.payload["email_verified"] = value)
    };
    for value in [json!("false"), json!(false), json!("TRUE"), json!("1"), json!(1), json!(null), json!(["true"])] {
        let tokens = door.sign(&stated(value.clone()));
        door.refuses(&value.to_string(), &tokens.fields(), (403, "not_allowed")).await;
    }
    let silent = stated(json!(true)).but(|draft| crate::support::draft::remove(&mut draft.payload, "email_verified"));
    door.refuses("absent", &door.sign(&silent).fields(), (403, "not_allowed")).await;
    for value in [json!("true"), json!(true)] {
        let seen = door.admits(&value.to_string(), &door.sign(&stated(value)).fields()).await;
        assert_eq!(seen.claims()["email_verified"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_signed_in_user_passes_where_that_is_switched_on_and_nobody_else() {
    let door = start(&[("COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED", "true")]).await;
    admits(&door, &unverified("a@example.com", &[]), "any-authenticated").await;
    door.refuses("nobody", &[], (401, "missing_credential")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_set_still_counts_where_everybody_may_pass() {
    let door = start(&[("COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED", "true"), (GROUPS, "staff")]).await;
    admits(&door, &user("a@example.com", &["staff"]), "group:staff").await;
    denies(&door, &user("a@example.com", &["visitors"])).await;
}
