//! What the `dev` command loads, over files written for production.

use super::*;

/// What the command passes: its own parties, keys and addresses, on loopback.
const COMMAND: [(&str, &str); 13] = [
    ("server.listen", "127.0.0.1:8080"),
    ("server.admin_listen", "127.0.0.1:9090"),
    ("server.drain_delay", "0s"),
    ("alb.arns", "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/example/0123456789abcdef"),
    ("alb.client_ids", "exampleclient0123456789abc"),
    ("alb.public_keys_url", "http://127.0.0.1:4431/alb"),
    ("cognito.user_pool_id", "eu-west-2_Example01"),
    ("cognito.jwks_url", "http://127.0.0.1:4431/jwks.json"),
    ("identity.issuers", "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example01"),
    ("dev.mode", "false"),
    ("logout.cognito_domain", ""),
    ("logout.redirect_url", ""),
    ("upstream.url", "http://127.0.0.1:7861"),
];

/// Somebody else's load balancer, pool, addresses and landing pages.
const PRODUCTION: &str = r#"
    [server]
    listen = "0.0.0.0:80"
    admin_listen = "0.0.0.0:9000"
    drain_delay = "30s"
    [upstream]
    url = "unix:/run/app.sock"
    preset = "gradio"
    [alb]
    arns = [
        "arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:210987654321:loadbalancer/app/front/50dc6c495c0c9188",
    ]
    client_ids = ["production"]
    public_keys_url = "https://keys.example/alb"
    [cognito]
    user_pool_id = "us-gov-west-1_Production"
    jwks_url = "https://keys.example/jwks"
    [identity]
    issuers = ["https://login.example/v2.0"]
    groups_source = "userinfo"
    groups_claim = "roles"
    [authoriser]
    allowed_domains = ["corp.com"]
    [assertion]
    algorithm = "HS256"
    signing_key = "0123456789abcdef0123456789abcdef"
    [rejection]
    redirect_url = "https://corp.com/401"
    [logout]
    cognito_domain = "corp.auth.eu-west-2.amazoncognito.com"
    redirect_url = "https://corp.com/bye"
"#;

impl Start {
    /// As the `dev` command starts.
    fn dev(text: &str) -> Self {
        COMMAND.into_iter().fold(Self::with(text), |start, (key, value)| start.command(key, value))
    }

    fn development(&self) -> Development {
        self.load_as(Development::load_at).unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn refused_development(&self) -> String {
        self.load_as(Development::load_at).unwrap_err().to_string()
    }
}

fn texts(settings: &[EmailAddress]) -> Vec<&str> {
    settings.iter().map(EmailAddress::as_str).collect()
}

#[test]
fn without_any_file_everything_is_built_in_and_nothing_warned_of() {
    let Development { config, rules, mock_user } = Start::dev("").development();
    assert_eq!(mock_user, FoundMockUser { user: MockUser::default(), path: None });
    assert_eq!(
        (rules.allowed_groups.as_slice(), rules.admin_groups.as_slice()),
        (&["data-team".into()][..], &["admins".into()][..])
    );
    assert_eq!(texts(&rules.allowed_users), ["guest@example.com"]);
    let built_in = "built in for dev, as no policy is set";
    assert_eq!(config.setting("authoriser.allowed_groups"), (r#"["data-team"]"#, built_in));
    assert_eq!(config.setting("authoriser.allowed_users"), (r#"["guest@example.com"]"#, built_in));
    assert_eq!(config.setting("authoriser.admin_groups"), (r#"["admins"]"#, built_in));
    assert_eq!(config.setting("authoriser.allowed_domains"), ("[]", "default"));
    assert_eq!(config.setting("alb.client_ids").1, "command dev");
    assert_eq!(config.setting("dev.mock_user"), ("\"built in\"", "default"));
    assert_eq!(config.warnings, Vec::<String>::new());
    assert!(matches!(config.authoriser.policy, PolicySource::Inline(inline) if inline == rules));
}

#[test]
fn a_file_of_production_loads_with_the_parties_of_the_stand_in() {
    let start = Start::dev(PRODUCTION).variable("COGNITO_AUTH_DEV_MODE", "true");
    let Development { config, rules, .. } = start.development();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.admin, AdminListener::On("127.0.0.1:9090".parse().unwrap()));
    assert!(config.server.drain.delay.is_zero());
    assert!(matches!(config.dev, Dev::Off));
    let Credentials::Verify(verification) = &config.credentials else { panic!("verifies") };
    assert!(verification.signers.iter().all(|arn| arn.as_str().contains("app/example/")));
    assert_eq!(verification.client_ids, [ClientId::parse("exampleclient0123456789abc").unwrap()]);
    assert_eq!(verification.issuers, ["https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example01"]);
    assert_eq!(verification.alb_keys.to_string(), "http://127.0.0.1:4431/alb");
    assert!(matches!(&verification.groups, GroupsSource::Userinfo { claim } if claim == "roles"));
    // What makes no sense on a laptop is off, the rest stays as it is.
    assert_eq!(config.logout.cognito, CognitoLogout::Off);
    assert!(matches!(config.logout.landing, RefusedNavigation::BuiltInPage));
    assert!(matches!(config.rejection.redirect, RefusedNavigation::Redirect(_)));
    assert_eq!(config.upstream.preset, Preset::Gradio);
    assert!(config.setting("assertion.signing_key").1.starts_with("file "));
    assert_eq!(rules.allowed_domains, [DomainName::parse("corp.com").unwrap()]);
    assert!(rules.allowed_groups.is_empty(), "no built-in rule beside one that is set");
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn groups_come_from_the_access_token_where_the_command_says_so() {
    let start = Start::dev(PRODUCTION).command("identity.groups_source", "").command("identity.groups_claim", "");
    let config = start.development().config;
    let Credentials::Verify(verification) = &config.credentials else { panic!("verifies") };
    let GroupsSource::CognitoAccessToken { key_sets, claim } = &verification.groups else { panic!("access token") };
    assert_eq!(claim, "cognito:groups");
    assert!(key_sets.iter().all(|set| set.url.to_string() == "http://127.0.0.1:4431/jwks.json"));
    assert_eq!(config.setting("identity.groups_source"), ("\"cognito-access-token\"", "default"));
}

#[test]
fn an_empty_value_of_a_command_takes_the_lower_layers_away() {
    let text = "logout.cognito_domain = 'a.example'\nserver.drain_delay = '9s'";
    let start = Start::minimal(text)
        .variable("COGNITO_AUTH_LOGOUT_COGNITO_DOMAIN", "b.example")
        .flag("--drain", "server.drain_delay", "8s")
        .command("logout.cognito_domain", "")
        .command("server.drain_delay", "");
    let config = start.config();
    assert_eq!(config.logout.cognito, CognitoLogout::Off);
    assert_eq!(config.setting("logout.cognito_domain"), ("unset", "command dev"));
    assert_eq!(config.setting("server.drain_delay"), ("\"5s\"", "default"));
    let config = start.command("logout.redirect_url", "").command("logout.redirect_url", "/bye").config();
    assert_eq!(config.setting("logout.redirect_url"), ("\"/bye\"", "command dev"), "the last one counts");
    let without = Start::minimal("").command("alb.arns", "");
    assert_eq!(without.refused(), ["alb.arns"], "what is required is still required");
    for (key, value) in [("assertion.signing_key", ""), ("assertion.signing_key", "s3cret")] {
        assert!(Start::minimal("").command(key, value).problem().contains("(command dev): is a secret"));
    }
    assert_eq!(Start::minimal("").flag("--x", "logout.cognito_domain", "").refused(), ["logout.cognito_domain"]);
}

#[test]
fn dev_is_refused_on_a_real_platform() {
    for platform in ["ECS_CONTAINER_METADATA_URI_V4", "AWS_EXECUTION_ENV", "KUBERNETES_SERVICE_HOST"] {
        for text in ["", PRODUCTION] {
            let start = Start::dev(text).variable(platform, "x");
            let errors = start.refused_development();
            assert!(
                errors.starts_with("dev (command dev): is for your own machine, and is refused on a real platform"),
                "{errors}"
            );
            assert_eq!(errors.lines().count(), 1, "{errors}");
            let config = start.variable("COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE", "true").development().config;
            assert!(config.warns_of("DANGER_ALLOW_REMOTE"), "{:?}", config.warnings);
        }
    }
}

#[test]
fn only_what_the_command_itself_causes_goes_unwarned() {
    let keys = "alb.public_keys_url = 'http://127.0.0.1:9/'";
    assert!(Start::minimal(keys).config().warns_of("alb.public_keys_url is plain http"));
    let flag = Start::minimal("").flag("--keys", "alb.public_keys_url", "http://127.0.0.1:9/");
    assert!(flag.config().warns_of("alb.public_keys_url is plain http"));
    let config = Start::dev("authoriser.require_verified_email = false").development().config;
    assert!(config.warns_of("require_verified_email"));
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
}

#[test]
fn a_policy_is_built_in_only_where_nothing_at_all_is_said_of_it() {
    for text in [
        "authoriser.allowed_groups = ['staff']",
        "authoriser.allowed_users = ['a@corp.com']",
        "authoriser.allowed_domains = ['corp.com']",
        "authoriser.admin_groups = ['ops']",
        "authoriser.admin_users = ['a@corp.com']",
        "authoriser.allow_any_authenticated = true",
    ] {
        let Development { config, rules, .. } = Start::dev(text).development();
        let PolicySource::Inline(as_in_production) = Start::dev(text).config().authoriser.policy else {
            panic!("inline")
        };
        assert_eq!(rules, as_in_production, "{text}");
        assert!(config.settings.iter().all(|setting| !setting.layer.starts_with("built in")), "{text}");
    }
    let half = Start::dev("authoriser.require_all = true").refused_development();
    assert!(half.starts_with("authoriser.require_all ("), "{half}");
    let misspelt = Start::dev("authoriser.allowed_group = ['staff']").refused_development();
    assert!(misspelt.contains("did you mean authoriser.allowed_groups?"), "{misspelt}");
    assert_eq!(misspelt.lines().count(), 1, "{misspelt}");
}

#[test]
fn the_built_in_policy_admits_the_groups_of_the_mock_user() {
    let start = Start::dev("").file("dev-mock-user.json", r#"{"groups": ["analysts", " ", "ops"]}"#);
    let Development { rules, mock_user, config } = start.development();
    assert_eq!(rules.allowed_groups, ["analysts", "ops"], "a name that no rule may hold is left out");
    assert_eq!(mock_user.user.groups.len(), 3);
    assert_eq!(mock_user.path.unwrap().to_str().unwrap(), start.path("dev-mock-user.json"));
    assert_eq!(config.setting("dev.mock_user"), ("\"dev-mock-user.json\"", "found in the working directory"));
    let start = Start::dev("dev.mock_user = 'me.json'").file("me.json", r#"{"groups": []}"#);
    let Development { rules, mock_user, .. } = start.development();
    assert_eq!(rules.allowed_groups, ["data-team"]);
    assert!(mock_user.path.unwrap().ends_with("me.json"));
}

#[test]
fn a_mock_user_file_that_is_broken_is_refused_and_nothing_else() {
    for start in [
        Start::dev("").file("dev-mock-user.json", "{"),
        Start::dev("dev.mock_user = 'none.json'"),
        Start::dev("authoriser.allowed_groups = ['staff']").file("dev-mock-user.json", r#"{"mail": 1}"#),
    ] {
        let errors = start.refused_development();
        assert!(errors.starts_with("dev.mock_user ("), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn the_rules_of_a_policy_file_are_known_and_the_file_stays_in_force() {
    let start = Start::dev("authoriser.config_path = 'policy.json'")
        .file("policy.json", r#"{"allowed_groups": ["a"], "admin_users": ["Ann@Corp.com"]}"#);
    let Development { rules, config, .. } = start.development();
    assert_eq!(
        (rules.allowed_groups.as_slice(), texts(&rules.admin_users)),
        (&["a".to_owned()][..], vec!["ann@corp.com"])
    );
    assert!(matches!(config.authoriser.policy, PolicySource::File(path) if path.ends_with("policy.json")));
    let empty = Start::dev("authoriser.config_path = 'policy.json'").file("policy.json", "{}");
    assert!(empty.refused_development().contains("a policy without any rule"), "not completed");
}

#[test]
fn unknown_names_are_refused_as_in_production() {
    let errors = Start::dev("server.lsten = 1").variable("COGNITO_AUTH_REQUIRE_AL", "true").refused_development();
    assert!(errors.contains("server.lsten") && errors.contains("COGNITO_AUTH_REQUIRE_AL)"), "{errors}");
}

#[test]
fn a_policy_at_aws_is_left_alone_and_the_built_in_one_is_in_force() {
    let start = Start::dev("authoriser.secret_name = 'app/policy'\nauthoriser.ssm_parameter = '/app/policy'")
        .command("authoriser.secret_name", "")
        .command("authoriser.ssm_parameter", "");
    let development = start.development();
    assert!(matches!(development.config.authoriser.policy, PolicySource::Inline(_)));
    assert_eq!(development.config.setting("authoriser.secret_name"), ("unset", "command dev"));
}
