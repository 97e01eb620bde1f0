use super::*;

#[test]
fn a_later_layer_wins_and_is_named() {
    let listen = |start: &Start| {
        let config = start.config();
        let (_, layer) = config.setting("server.listen");
        (config.server.listen.to_string(), layer.to_owned())
    };
    let start = Start::minimal("");
    assert_eq!(listen(&start), ("0.0.0.0:8080".to_owned(), "default".to_owned()));
    let start = Start::minimal("server.listen = '0.0.0.0:1'");
    assert_eq!(listen(&start), ("0.0.0.0:1".to_owned(), format!("file {}", start.path("config.toml"))));
    let start = start.variable("COGNITO_AUTH_LISTEN", "0.0.0.0:2");
    assert_eq!(listen(&start), ("0.0.0.0:2".to_owned(), "environment COGNITO_AUTH_LISTEN".to_owned()));
    let start = start.flag("--listen", "server.listen", "0.0.0.0:3");
    assert_eq!(listen(&start), ("0.0.0.0:3".to_owned(), "flag --listen".to_owned()));
}

#[test]
fn a_list_is_replaced_and_not_added_to() {
    let start = Start::minimal("").variable("COGNITO_AUTH_ALLOWED_GROUPS", "a, b");
    let PolicySource::Inline(rules) = start.config().authoriser.policy else { panic!("inline") };
    assert_eq!(rules.allowed_groups, ["a", "b"]);
}

#[test]
fn the_environment_alone_is_enough() {
    let start = Start::with("")
        .variable("COGNITO_AUTH_ALB_ARNS", ARN)
        .variable("COGNITO_AUTH_CLIENT_IDS", "one,two")
        .variable("COGNITO_AUTH_USER_POOL_ID", "eu-west-2_AbC123")
        .variable("COGNITO_AUTH_ALLOWED_GROUPS", "staff")
        .variable("COGNITO_AUTH_TRUSTED_HOPS", "2")
        .variable("COGNITO_AUTH_PASS_ALB_HEADERS", "yes")
        .variable("COGNITO_AUTH_LISTEN", "");
    let config = start.config();
    assert_eq!(config.server.trusted.hops, 2);
    assert_eq!(config.upstream.alb_headers, AlbHeaders::PassVerified);
    assert_eq!(config.setting("server.listen").1, "default", "an empty variable is unset");
}

#[test]
fn a_named_file_has_to_be_there() {
    for start in [
        Start { flags: Flags { config: Some("/nowhere/a.toml".into()), ..Flags::default() }, ..Start::minimal("") },
        Start::minimal("").variable("COGNITO_AUTH_PROXY_CONFIG", "/nowhere/a.toml"),
    ] {
        let errors = start.errors().to_string();
        assert!(errors.starts_with("configuration file ("), "{errors}");
        assert!(errors.contains("cannot read /nowhere/a.toml"), "{errors}");
    }
}

#[test]
fn the_flag_names_the_file_before_the_variable_and_the_system() {
    let start =
        Start::with("nonsense = 1").file("flag.toml", MINIMAL).variable("COGNITO_AUTH_PROXY_CONFIG", "/nowhere");
    let flag = PathBuf::from(start.path("flag.toml"));
    Start { flags: Flags { config: Some(flag), settings: Vec::new() }, ..start }.config();
    let start = Start::with("nonsense = 1").file("variable.toml", MINIMAL);
    let path = start.path("variable.toml");
    start.variable("COGNITO_AUTH_PROXY_CONFIG", &path).config();
}

#[test]
fn a_missing_system_file_is_no_problem() {
    let start = Start::with("");
    let environment = Environment::from_pairs([("COGNITO_AUTH_LISTEN", "x")]);
    let places =
        Places { system_file: &start.directory.path().join("none"), working_directory: start.directory.path() };
    let errors = Config::load_at(&Flags::default(), &environment, &places).unwrap_err();
    assert!(errors.problems().iter().all(|problem| problem.key != "configuration file"), "{errors}");
}

#[test]
fn every_unknown_key_is_refused_with_what_was_meant() {
    let start = Start::minimal(
        "server.lsten = 1\nserver.url = 2\nlisten = 3\nnonsense.a = 4\n[authorizer]\nallowed_groups = []\n[colour]\n",
    );
    let errors = start.errors();
    let suggested: Vec<(String, String)> =
        errors.problems().iter().map(|problem| (problem.key.clone(), problem.message())).collect();
    let meant = |name: &str| format!("is not a setting; did you mean {name}?");
    assert_eq!(
        suggested,
        [
            ("authorizer".to_owned(), meant("authoriser")),
            ("colour".to_owned(), "is not a setting; remove it".to_owned()),
            ("listen".to_owned(), meant("server.listen")),
            ("nonsense".to_owned(), "is not a setting; remove it".to_owned()),
            ("server.lsten".to_owned(), meant("server.listen")),
            ("server.url".to_owned(), meant("upstream.url")),
        ]
    );
}

#[test]
fn all_type_errors_and_all_bad_values_are_reported_at_once() {
    let start = Start::minimal(
        "server.listen = 8080\nserver.trusted_proxies = [1]\nserver.drain_delay = 'soon'\nupstream = 1\n\
         dev.mode = 'true'\nlogging.level = 'loud=='\n",
    )
    .variable("COGNITO_AUTH_TRUSTED_HOPS", "many")
    .variable("COGNITO_AUTH_LOG_ACCESS", "perhaps");
    let mut refused = start.refused();
    refused.sort_unstable();
    assert_eq!(
        refused,
        [
            "dev.mode",
            "logging.access",
            "logging.level",
            "server.drain_delay",
            "server.listen",
            "server.trusted_hops",
            "server.trusted_proxies",
            "upstream",
        ]
    );
}

#[test]
fn a_problem_names_key_layer_fault_and_remedy() {
    let start = Start::minimal("").variable("COGNITO_AUTH_ALB_ARNS", &format!("{ARN},nonsense"));
    let problem = start.problem();
    assert!(
        problem.starts_with("alb.arns (environment COGNITO_AUTH_ALB_ARNS): entry 2 is not an ARN of six parts; copy"),
        "{problem}"
    );
}

#[test]
fn an_empty_entry_is_refused_in_every_list() {
    for key in keys::KEYS.iter().filter(|key| key.kind == keys::Kind::List) {
        let errors = Start::minimal("").variable(key.environment, "a,,b").errors().to_string();
        let expected = format!("{} (environment {}): entry 2 is empty; remove it", key.path, key.environment);
        assert!(errors.contains(&expected), "{errors}");
    }
}

#[test]
fn an_unknown_variable_is_refused_with_what_was_meant() {
    let errors = Start::minimal("")
        .variable("COGNITO_AUTH_REQUIRE_AL", "true")
        .variable("COGNITO_AUTH_SOMETHING_ELSE", "1")
        .variable("COGNITO_AUTH_PROXY_CONFIG", "")
        .errors()
        .to_string();
    assert!(errors.contains("COGNITO_AUTH_REQUIRE_AL)"), "{errors}");
    assert!(errors.contains("did you mean COGNITO_AUTH_REQUIRE_ALL?"), "{errors}");
    assert!(errors.contains("COGNITO_AUTH_SOMETHING_ELSE"), "{errors}");
    assert_eq!(errors.lines().count(), 2, "{errors}");
}

#[test]
fn a_secret_comes_from_a_variable_or_a_file_but_not_both() {
    let start = Start::minimal("assertion.algorithm = 'HS256'").file("key", "0123456789abcdef0123456789abcdef\n");
    let path = start.path("key");
    let start = start.variable("COGNITO_AUTH_SIGNING_KEY_FILE", &path);
    let config = start.config();
    assert_eq!(config.setting("assertion.signing_key"), ("REDACTED", "environment COGNITO_AUTH_SIGNING_KEY_FILE"));
    let start = start.variable("COGNITO_AUTH_SIGNING_KEY", "0123456789abcdef0123456789abcdef");
    assert!(start.problem().contains("cannot be set together with COGNITO_AUTH_SIGNING_KEY"));
    let start = Start::minimal("").variable("COGNITO_AUTH_SIGNING_KEY_FILE", "/nowhere/key");
    assert!(start.problem().contains("cannot read /nowhere/key"));
}

#[test]
fn a_secret_is_never_a_flag() {
    let start = Start::minimal("").flag("--signing-key", "assertion.signing_key", "s3cret");
    assert!(start.problem().starts_with("assertion.signing_key (flag --signing-key): is a secret"));
}

#[test]
fn no_secret_is_printed() {
    const SECRET: &str = "s3cret-s3cret-s3cret-s3cret-s3cret";
    let in_file = format!("assertion.signing_key = '{SECRET}'\nassertion.algorithm = 'HS256'");
    let config = Start::minimal(&in_file).config();
    let printed = format!("{config:?}{}", crate::commands::check::render(&config));
    assert!(printed.contains("REDACTED") && !printed.contains(SECRET), "{printed}");

    for start in [
        Start::minimal(&format!("{in_file}\nserver.listen = 1")),
        Start::minimal(&format!("assertion.signing_key = '{SECRET}")),
        Start::minimal(&format!("assertion.signing_key = {SECRET}")),
        Start::minimal(&format!("assertion.signing_key = ['{SECRET}']")),
        Start::minimal(&format!("assertion.signing_kye = '{SECRET}'")),
        Start::minimal(&format!("cognito.jwks_url = 'https://user:{SECRET}@keys.example'")),
        Start::minimal("server.listen = 1").variable("COGNITO_AUTH_SIGNING_KEY", SECRET),
        Start::minimal("").flag("--signing-key", "assertion.signing_key", SECRET),
    ] {
        let errors = start.errors();
        let printed = format!("{errors} {errors:?}");
        assert!(!printed.contains("s3cret"), "{printed}");
    }
}
