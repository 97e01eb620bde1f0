//! What holds of every policy and every configuration, whatever an operator, or who writes their files, puts into it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "an oracle speaks by panicking")]

use std::{collections::BTreeMap, path::Path};

use futures_util::FutureExt as _;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::{
    authenticator::Profile,
    authoriser::{self, Authoriser},
    config::{
        Combination, Config, ConfigErrors, Dev, EmailAddress, EmailRules, EmptyPolicy, Environment, PolicyRules,
        document::toml_table,
        interlock::Surroundings,
        layers::{self, Layers},
        parse,
    },
    ingress::{Route, Routes},
};

/// Stands for a secret wherever [`STAND_IN`] is in a text: nothing we print may hold it.
const SECRET: &str = "cAnArY-5f3c0e9b17a24d6886b1d2c3e4f50617";
const STAND_IN: &str = "$SECRET";

/// A policy that is taken says who comes in, says it alike in JSON and TOML, and was understood to the last key.
pub fn policy(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let text = text.replace(STAND_IN, SECRET);
    match PolicyRules::parse_document(&text) {
        Ok(rules) => {
            understood(&text);
            said_again(&rules);
            admits_who_is_named(&rules);
        }
        Err(error) => {
            assert!(!error.problems().is_empty(), "a refusal says why");
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
            // As an unknown key it is shown; an entry or a syntax error is not.
            let is_key = keys(&text).is_some_and(|keys| keys.iter().any(|key| key.contains(SECRET)));
            assert!(!format!("{error} {error:?}").contains(SECRET) || is_key, "{error}");
        }
    }
}

/// The names of a document; `None` where it is none.
fn keys(text: &str) -> Option<Vec<String>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let members: Option<BTreeMap<String, IgnoredAny>> =
        if text.starts_with('{') { serde_json::from_str(text).ok() } else { toml::from_str(text).ok() };
    members.map(|members| members.into_keys().collect())
}

fn understood(text: &str) {
    let known = ["admin_groups", "admin_users", "allowed_domains", "allowed_groups", "allowed_users", "require_all"];
    let keys = keys(text).expect("a document");
    assert!(keys.iter().all(|key| key.starts_with('_') || known.contains(&key.as_str())), "{keys:?}");
}

fn said_again(rules: &PolicyRules) {
    let addresses = |list: &[EmailAddress]| list.iter().map(|address| address.as_str().to_owned()).collect::<Vec<_>>();
    let document = json!({
        "allowed_groups": rules.allowed_groups,
        "allowed_users": addresses(&rules.allowed_users),
        "allowed_domains": rules.allowed_domains.iter().map(|domain| domain.as_str()).collect::<Vec<_>>(),
        "require_all": rules.combination == Combination::All,
        "admin_groups": rules.admin_groups,
        "admin_users": addresses(&rules.admin_users),
    });
    let toml = toml::to_string(&document).unwrap();
    assert_eq!(PolicyRules::parse_document(&document.to_string()).as_ref().ok(), Some(rules), "in JSON");
    assert_eq!(PolicyRules::parse_document(&toml).as_ref().ok(), Some(rules), "in TOML");
}

/// Nobody comes in by nothing, and everybody who is named by what they are named for.
fn admits_who_is_named(rules: &PolicyRules) {
    let policy = |when_empty| Authoriser::from_rules(rules, when_empty, EmailRules::RequireVerified);
    let has_no_rule = [&rules.allowed_groups, &rules.admin_groups].into_iter().all(Vec::is_empty)
        && [&rules.allowed_users, &rules.admin_users].into_iter().all(Vec::is_empty)
        && rules.allowed_domains.is_empty();
    let strict = policy(EmptyPolicy::Refuse);
    assert_eq!(strict.is_err(), has_no_rule, "no rule is no policy");
    let open = policy(EmptyPolicy::AdmitAuthenticated).expect("it need not have rules");
    assert_eq!(open.grant(&person()).is_some(), has_no_rule, "one rule, and who passes none stays outside");
    let Ok(strict) = strict else { return };
    assert!(strict.rules().next().is_some());
    let unverified = |address: &EmailAddress| Profile { email_verified: None, ..addressed(address) };
    for address in rules.allowed_users.iter().chain(&rules.admin_users) {
        assert_eq!(strict.grant(&unverified(address)), None, "anybody can claim an address");
    }
    let admins = rules.admin_users.iter().map(addressed).chain(rules.admin_groups.iter().map(|group| member(group)));
    for admin in admins {
        let standing = strict.grant(&admin).expect("an admin passes every rule").standing();
        assert_eq!(standing, authoriser::Standing::Admin);
    }
    if rules.combination == Combination::Any {
        let named = rules.allowed_users.iter().map(addressed);
        for user in named.chain(rules.allowed_groups.iter().map(|group| member(group))) {
            assert!(strict.grant(&user).is_some(), "who is named comes in");
        }
    }
}

fn person() -> Profile {
    Profile {
        subject: "sub".to_owned(),
        client: "client".to_owned(),
        email: None,
        email_address: None,
        email_verified: Some(true),
        username: None,
        name: None,
        given_name: None,
        family_name: None,
        groups: Vec::new(),
        expires_at: 0,
        session_expires_at: 0,
    }
}

fn addressed(address: &EmailAddress) -> Profile {
    Profile { email: Some(address.as_str().to_owned()), email_address: Some(address.clone()), ..person() }
}

fn member(group: &str) -> Profile {
    Profile { groups: vec![group.to_owned()], ..person() }
}

/// A configuration is refused with reasons that quote no value, or works as it is and shows no secret. The environment,
/// one variable a line, follows the file's text after a NUL.
pub fn config(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    // They name files and what is kept at AWS, and neither is an input.
    let elsewhere = ["_path", "_PATH", "mock_user", "DEV_CONFIG", "PROXY_CONFIG", "_FILE", "\\u", "\\U", "\\x"];
    let at_aws = ["secret_name", "SECRET_NAME", "ssm_parameter", "SSM_PARAMETER"];
    if elsewhere.iter().chain(&at_aws).any(|name| text.contains(name)) {
        return;
    }
    let text = text.replace(STAND_IN, SECRET);
    let (file, variables) = text.split_once('\0').unwrap_or((&text, ""));
    let variables: Vec<(&str, &str)> = variables.lines().filter_map(|line| line.split_once('=')).collect();
    let is_name = named(file) || variables.iter().any(|(name, _)| name.contains(SECRET));
    match loaded(file, &variables) {
        Err(errors) => {
            assert!(!errors.problems().is_empty(), "a refusal says why");
            assert_eq!(errors.to_string().lines().count(), errors.problems().len(), "one line each: {errors}");
            assert!(!format!("{errors} {errors:?}").contains(SECRET) || is_name, "{errors}");
            let again = loaded(file, &variables).expect_err("it was refused");
            assert_eq!(errors.to_string(), again.to_string());
        }
        Ok(config) => {
            let shown = format!("{config:?}");
            assert!(!shown.contains(SECRET) || !is_signing_key_only(file, &variables), "{shown}");
            works(&config);
        }
    }
}

/// As [`Config::load`] reads it, the text in the place of the system's file.
fn loaded(file: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let environment = Environment::from_pairs(variables.iter().copied());
    let (raw, mut findings) = Layers::of_text(file, &environment).into_raw()?;
    layers::refuse_unknown_variables(&environment, &mut findings);
    let surroundings = Surroundings::read(&environment, &mut findings);
    parse::config(&raw, &surroundings, Path::new("/nonexistent"), findings).map(|(config, _)| config)
}

/// Whether the secret is part of a name, which is shown.
fn named(file: &str) -> bool {
    fn in_table(table: &toml::Table) -> bool {
        table.iter().any(|(key, value)| key.contains(SECRET) || value.as_table().is_some_and(in_table))
    }
    toml_table(file).is_ok_and(|table| in_table(&table))
}

fn is_signing_key_only(file: &str, variables: &[(&str, &str)]) -> bool {
    let of_file = toml_table(file).is_ok_and(|table| {
        let key = table.get("assertion").and_then(|section| section.get("signing_key"));
        key.and_then(toml::Value::as_str).is_some_and(|key| key.contains(SECRET))
    });
    let of_variables = variables.iter().filter(|(_, value)| value.contains(SECRET));
    let signing = |name: &str| name == "COGNITO_AUTH_SIGNING_KEY";
    file.matches(SECRET).count() == usize::from(of_file) && of_variables.into_iter().all(|(name, _)| signing(name))
}

/// Nothing of it needs a second look at run time.
fn works(config: &Config) {
    let policy = authoriser::initial(&config.authoriser).now_or_never().expect("the rules are in the configuration");
    policy.expect("a policy");
    let routes = Routes::new(config.server.reserved_prefix.clone(), config.authoriser.public_paths.clone());
    for path in &config.authoriser.public_paths {
        assert!(matches!(routes.classify(path), Route::Public(_)), "{path} can never match");
    }
    let header = config.assertion.header.as_str();
    assert!(header.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{header} folds");
    assert!(config.assertion.ttl.as_secs() >= 2 && config.server.trusted.hops >= 1);
    if let Dev::On(_) = config.dev {
        let danger = config.warnings.iter().any(|warning| warning.contains("DANGER"));
        assert!(config.server.listen.ip().is_loopback() || danger, "a mock user for everybody");
    }
    assert!(
        config.settings.iter().all(|setting| setting.key != "assertion.signing_key" || !setting.value.contains(SECRET))
    );
}
