//! `explain`: its first word, the rule, and that the proxy itself decides the same.

use std::fs;

use crate::support::{
    process::{Ended, Process},
    proxy::Setup,
    upstream::Upstream,
};

async fn setup() -> Setup {
    Setup::new(&Upstream::start().await)
        .await
        .set("COGNITO_AUTH_ALLOWED_USERS", "ben@example.com")
        .set("COGNITO_AUTH_ADMIN_GROUPS", "platform")
        .set("COGNITO_AUTH_PUBLIC_PATHS", "/robots.txt")
}

async fn explain(setup: &Setup, arguments: &[&str]) -> Ended {
    Process::start(&[&["explain"], arguments].concat(), &setup.variables()).ended().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_word_is_the_decision_and_the_rule_and_its_layer_follow() {
    let setup = setup().await;
    for (arguments, first, words) in [
        (
            &["--email", "ann@example.com", "--group", "readers", "--group", "staff"][..],
            "allow group:staff",
            &[
                "allowed_groups (environment COGNITO_AUTH_ALLOWED_GROUPS)",
                "allowed_users (environment COGNITO_AUTH_ALLOWED_USERS) does not name",
            ][..],
        ),
        (&["--email", "Ben@Example.com", "--path", "/a?b"], "allow user", &["authoriser.allowed_users"]),
        (&["--group", "platform"], "allow admin-group:platform", &["is_admin"]),
        (
            &["--email", "ben@example.com", "--unverified-email"],
            "deny no rule admits this user (403 not_allowed)",
            &["would, if the address were verified"],
        ),
        (&["--email", "eve@example.com", "--group", "Staff"], "deny no rule", &["does not name this user"]),
        (&["--path", "/robots.txt"], "public authoriser.public_paths", &["COGNITO_AUTH_PUBLIC_PATHS"]),
        (&["--path", "/robots.txt/"], "deny no rule", &[]),
        (&["--path", "/.auth/health"], "public the proxy answers /.auth/health itself", &[]),
        (&["--path", "/.auth/me", "--group", "staff"], "allow group:staff", &[]),
        (&["--path", "/.auth/unknown", "--group", "staff"], "deny nothing is at /.auth/unknown (404)", &[]),
        (&["--path", "/.auth/health", "--method", "POST"], "deny /.auth/health answers GET, HEAD only (405)", &[]),
        (&["--method", "TRACE", "--group", "staff"], "deny TRACE is never forwarded (405)", &[]),
        (&["--method", "POST", "--group", "staff"], "allow group:staff", &["cross_site"]),
    ] {
        let ended = explain(&setup, arguments).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(ended.stdout.starts_with(first), "{arguments:?}: {}", ended.stdout);
        for word in words {
            assert!(ended.stdout.contains(word), "{word:?} for {arguments:?}: {}", ended.stdout);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_decides_as_was_explained() {
    for (group, path, word, status) in
        [("staff", "/", "allow", 200), ("sales", "/", "deny", 403), ("sales", "/robots.txt", "public", 200)]
    {
        let setup = setup().await;
        let ended = explain(&setup, &["--email", "ann@example.com", "--group", group, "--path", path]).await;
        assert_eq!(ended.stdout.split(' ').next(), Some(word));
        let upstream = Upstream::start().await;
        let proxy = setup.set("COGNITO_AUTH_UPSTREAM_URL", &format!("http://{}", upstream.address)).start().await;
        let user = crate::support::proxy::staff().in_groups(&[group]);
        let tokens = proxy.issuer.tokens(&user);
        let fields = [&tokens.fields()[..], &[("Accept", "application/json")]].concat();
        assert_eq!(proxy.send(&format!("GET {path}"), &fields).await.status, status, "{group} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_file_is_explained_as_it_is_now() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    let setup = setup()
        .await
        .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
        .set("COGNITO_AUTH_ALLOWED_USERS", "")
        .set("COGNITO_AUTH_ADMIN_GROUPS", "")
        .set("COGNITO_AUTH_CONFIG_PATH", file.to_str().unwrap());
    for (policy, first) in [
        (r#"{"allowed_groups": ["staff"]}"#, "allow group:staff"),
        (r#"{"allowed_groups": ["staff"], "allowed_users": ["ben@example.com"], "require_all": true}"#, "deny no rule"),
    ] {
        fs::write(&file, policy).unwrap();
        let ended = explain(&setup, &["--email", "ann@example.com", "--group", "staff"]).await;
        assert!(ended.stdout.starts_with(first), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("of the policy file \"{}\"", file.display())), "{}", ended.stdout);
    }
    fs::write(&file, "{").unwrap();
    assert_eq!(explain(&setup, &["--group", "staff"]).await.code, Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_makes_no_sense_is_usage() {
    let setup = setup().await;
    for (arguments, told) in [
        (&["--path", "robots.txt"][..], "--path"),
        (&["--method", "G T"], "--method"),
        (&["--email", "ann"], "--email"),
        (&["--colour", "red"], "--colour"),
    ] {
        let ended = explain(&setup, arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{arguments:?}");
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}
