use super::*;

/// [`MINIMAL`] without its rule.
fn without_rule(text: &str) -> Start {
    Start::with(&format!("{}\n{text}", MINIMAL.replace("authoriser.allowed_groups = [\"staff\"]", "")))
}

#[test]
fn an_empty_policy_does_not_start() {
    assert!(without_rule("").problem().contains("nobody could come in"));
    assert_eq!(without_rule("authoriser.public_paths = ['/a']").refused(), ["authoriser.allowed_groups"]);
    assert_eq!(without_rule("authoriser.require_all = true").refused(), ["authoriser.require_all"]);
}

#[test]
fn an_admin_list_is_a_rule() {
    without_rule("authoriser.admin_groups = ['ops']").config();
    without_rule("authoriser.admin_users = ['a@b.example']").config();
    assert_eq!(
        without_rule("authoriser.admin_groups = ['ops']\nauthoriser.require_all = true").refused(),
        ["authoriser.require_all"]
    );
}

#[test]
fn anybody_is_admitted_only_by_saying_so() {
    let config = without_rule("authoriser.allow_any_authenticated = true").config();
    assert_eq!(config.authoriser.when_empty, EmptyPolicy::AdmitAuthenticated);
    assert!(config.warns_of("allow_any_authenticated"));
    assert_eq!(Start::minimal("").config().authoriser.when_empty, EmptyPolicy::Refuse);
}

#[test]
fn an_address_counts_unverified_only_by_saying_so() {
    let config = Start::minimal("authoriser.require_verified_email = false").config();
    assert_eq!(config.authoriser.email_rules, EmailRules::AcceptUnverified);
    assert!(config.warns_of("require_verified_email"));
    assert_eq!(Start::minimal("").config().authoriser.email_rules, EmailRules::RequireVerified);
}

#[test]
fn every_bad_entry_is_reported_and_nothing_else() {
    let start = without_rule(
        "authoriser.allowed_users = ['ann', 'a@b@c']\nauthoriser.allowed_domains = ['@corp.com']\n\
         authoriser.admin_groups = [' ops']",
    );
    assert_eq!(
        start.refused(),
        [
            "authoriser.allowed_users",
            "authoriser.allowed_users",
            "authoriser.allowed_domains",
            "authoriser.admin_groups"
        ]
    );
}

#[test]
fn a_policy_file_replaces_the_inline_rules_and_excludes_them() {
    let start =
        without_rule("authoriser.config_path = 'policy.json'").file("policy.json", r#"{"allowed_groups": ["a"]}"#);
    let PolicySource::File(path) = start.config().authoriser.policy else { panic!("file") };
    assert_eq!(path.to_str().unwrap(), start.path("policy.json"));
    for inline in [
        ("COGNITO_AUTH_ALLOWED_GROUPS", "a"),
        ("COGNITO_AUTH_ALLOWED_USERS", "a@b"),
        ("COGNITO_AUTH_ALLOWED_DOMAINS", "b"),
        ("COGNITO_AUTH_REQUIRE_ALL", "false"),
        ("COGNITO_AUTH_ADMIN_GROUPS", "a"),
        ("COGNITO_AUTH_ADMIN_USERS", "a@b"),
    ] {
        let start = without_rule("authoriser.config_path = 'policy.json'")
            .file("policy.json", r#"{"allowed_groups": ["a"]}"#)
            .variable(inline.0, inline.1);
        let problem = start.problem();
        assert!(problem.contains("cannot be set together with authoriser.config_path"), "{problem}");
        assert!(problem.contains(inline.0), "{problem}");
    }
}

#[test]
fn a_policy_file_that_cannot_be_used_stops_the_start() {
    let with = |text: &str| without_rule("authoriser.config_path = 'policy.json'").file("policy.json", text);
    for text in
        ["", "{", r#"{"alowed_groups": ["a"]}"#, r#"{"allowed_users": ["ann"]}"#, "{}", r#"{"require_all": true}"#]
    {
        assert!(with(text).problem().starts_with("authoriser.config_path (file "), "{text}");
    }
    assert_eq!(with(r#"{"alowed_groups": ["a"], "allowed_users": [""]}"#).refused().len(), 2);
    let missing = without_rule("authoriser.config_path = 'policy.json'");
    assert!(missing.problem().contains("cannot read"));
    let anybody =
        without_rule("authoriser.config_path = 'p'\nauthoriser.allow_any_authenticated = true").file("p", "{}");
    anybody.config();
}

#[test]
fn a_public_path_is_canonical() {
    let config = Start::minimal("authoriser.public_paths = ['/', '/healthz', '/.authx', '/a/b.c/']").config();
    assert_eq!(config.authoriser.public_paths.len(), 4);
    for refused in [
        "a",
        "//",
        "/a//b",
        "/a/../b",
        "/a/.",
        "/..",
        "/a%2fb",
        "/a?b",
        "/a#b",
        "/a\\b",
        "/a;b",
        "/a b",
        "/a\\u0000",
        "/é",
        "/*",
        "/.auth",
        "/.auth/health",
        "http://a/b",
    ] {
        let start = Start::minimal("").file(
            "config.toml",
            &format!(
                "{MINIMAL}\nauthoriser.public_paths = [\"{}\"]",
                refused.replace('\\', "\\\\").replace("\\\\u", "\\u")
            ),
        );
        assert_eq!(start.refused(), ["authoriser.public_paths"], "{refused}");
    }
}

#[test]
fn public_paths_stay_out_of_the_reserved_prefix_that_is_set() {
    let text = "server.reserved_prefix = '/-/auth'\nauthoriser.public_paths = ['/-/auth/me']";
    assert_eq!(Start::minimal(text).refused(), ["authoriser.public_paths"]);
    Start::minimal("server.reserved_prefix = '/-/auth'\nauthoriser.public_paths = ['/.auth/me']").config();
}

/// Where a policy may be kept.
const KEPT: [(&str, &str); 3] = [
    ("authoriser.config_path", "policy.json"),
    ("authoriser.secret_name", "app/policy"),
    ("authoriser.ssm_parameter", "/app/policy"),
];

fn kept(at: &[(&str, &str)]) -> Start {
    let lines: String = at.iter().map(|(key, value)| format!("{key} = '{value}'\n")).collect();
    without_rule(&lines).file("policy.json", r#"{"allowed_groups": ["a"]}"#).variable("AWS_REGION", "eu-west-2")
}

#[test]
fn a_policy_is_kept_at_one_place_only() {
    for (number, first) in KEPT.into_iter().enumerate() {
        kept(&[first]).config();
        for second in &KEPT[number + 1..] {
            let problem = kept(&[first, *second]).problem();
            assert!(problem.starts_with(second.0) && problem.contains(first.0), "both are named: {problem}");
        }
        for (key, value) in [("COGNITO_AUTH_ALLOWED_GROUPS", "a"), ("COGNITO_AUTH_REQUIRE_ALL", "false")] {
            let problem = kept(&[first]).variable(key, value).problem();
            assert!(problem.contains(key) && problem.contains(first.0), "both are named: {problem}");
        }
    }
}

#[test]
fn a_policy_at_aws_has_a_region_before_anybody_is_asked() {
    for (key, value) in &KEPT[1..] {
        let start = || without_rule(&format!("{key} = '{value}'"));
        let problem = start().problem();
        assert!(problem.starts_with(key) && problem.contains("AWS_REGION"), "{problem}");
        for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            let policy = start().variable(variable, "eu-north-1").config().authoriser.policy;
            let PolicySource::Aws { kept: policy, .. } = policy else { panic!("at AWS") };
            assert_eq!((policy.name(), policy.region()), (*value, "eu-north-1"));
            assert_eq!((policy.store().key(), policy.refresh().as_secs()), (*key, 300));
        }
    }
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf";
    without_rule(&format!("authoriser.secret_name = '{arn}'\nauthoriser.refresh = '1s'")).config();
}

#[test]
fn aws_is_not_asked_more_than_once_a_second() {
    for refresh in ["0s", "999ms", "often"] {
        let start = kept(&[KEPT[1], ("authoriser.refresh", refresh)]);
        assert_eq!(start.refused(), ["authoriser.refresh"], "{refresh}");
    }
}

#[test]
fn aws_is_not_asked_where_anybody_could_answer_for_it() {
    for (at, own, other) in [
        (KEPT[1], "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM"),
        (KEPT[2], "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    ] {
        for variable in [own, "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
            for open in ["http://aws.example", "http://10.0.0.1:80", "aws.example", ""] {
                let problem = kept(&[at]).variable(variable, open).problem();
                assert!(problem.starts_with(at.0) && problem.contains("AWS_ENDPOINT_URL"), "{problem}");
            }
            for closed in ["https://vpce-1.ssm.eu-west-2.vpce.amazonaws.com", "http://127.0.0.1:5000"] {
                kept(&[at]).variable(variable, closed).config();
            }
        }
        kept(&[at]).variable(other, "http://aws.example").config();
    }
    kept(&[KEPT[0]]).variable("AWS_ENDPOINT_URL", "http://aws.example").config();
}
