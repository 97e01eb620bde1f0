//! `config/default.toml`, the table of keys and the raw form say the same.

use super::*;
use crate::config::{keys::KEYS, layers::DEFAULTS, raw::Raw};

/// A commented-out option, without its `# `.
fn commented_option(line: &str) -> Option<&str> {
    let option =
        line.strip_prefix("# ").filter(|option| option.ends_with("# required") || option.ends_with("# optional"))?;
    let name = option.split(" = ").next()?;
    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_').then_some(option)
}

/// The file with every option taken in.
fn complete() -> String {
    DEFAULTS.lines().map(|line| commented_option(line).unwrap_or(line).to_owned() + "\n").collect()
}

/// Every option in order, with the comment above it.
fn documented() -> Vec<(String, String)> {
    let (mut section, mut comment, mut options) = (String::new(), String::new(), Vec::new());
    for line in DEFAULTS.lines() {
        let option = commented_option(line).unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if option.starts_with('#') {
            comment.push_str(option);
        } else if let Some((name, _)) = option.split_once(" = ") {
            options.push((format!("{section}.{name}"), std::mem::take(&mut comment)));
        } else {
            comment.clear();
        }
    }
    options
}

#[test]
fn the_reference_lists_exactly_the_keys_of_the_table_in_its_order() {
    let documented: Vec<String> = documented().into_iter().map(|(key, _)| key).collect();
    assert_eq!(documented, KEYS.iter().map(|key| key.path).collect::<Vec<_>>());
}

#[test]
fn every_comment_names_the_variable_of_its_option() {
    for ((path, comment), key) in documented().iter().zip(&KEYS) {
        let named = comment.split(|c: char| !c.is_ascii_uppercase() && c != '_').any(|word| word == key.environment);
        assert!(named, "{path}: {comment}");
    }
}

#[test]
fn no_variable_sets_two_keys() {
    let names: std::collections::BTreeSet<_> = KEYS.iter().map(|key| key.environment).collect();
    assert_eq!(names.len(), KEYS.len());
    assert!(names.iter().all(|name| name.starts_with(environment::PREFIX)));
}

#[test]
fn the_raw_form_has_exactly_the_keys_of_the_reference() {
    // Unknown and missing fields are refused by the raw form; an optional one that the reference lacks would be `None`.
    let raw: Raw = toml::from_str(&complete()).unwrap();
    assert!(!format!("{raw:?}").contains("None"), "{raw:?}");
    let table: toml::Table = toml::from_str(&complete()).unwrap();
    for key in &KEYS {
        let (section, name) = key.path.split_once('.').unwrap();
        assert_eq!(key.kind.accept(&table[section][name]), Ok(()), "{}", key.path);
    }
}

#[test]
fn defaults_leave_out_exactly_what_the_raw_form_has_as_options() {
    toml::from_str::<Raw>(DEFAULTS).unwrap();
}

#[test]
fn the_reference_with_its_examples_loads() {
    // Not with the one secret, nor with what excludes the inline rules, nor with what is in other files.
    let text: String = complete()
        .lines()
        .filter(|line| {
            let left_out = [
                "signing_key",
                "config_path",
                "secret_name",
                "ssm_parameter",
                "certificate_path",
                "key_path",
                "ca_path",
            ];
            left_out.iter().all(|name| !line.starts_with(name))
        })
        .map(|line| line.replace("allowed_groups = []", "allowed_groups = ['staff']") + "\n")
        .collect();
    Start::with(&text).config();
}

#[test]
fn settings_come_in_the_order_of_the_reference() {
    let config = Start::minimal("").config();
    assert_eq!(
        config.settings.iter().map(|setting| setting.key.as_str()).collect::<Vec<_>>(),
        KEYS.iter().map(|key| key.path).collect::<Vec<_>>()
    );
    assert_eq!(config.setting("logout.cognito_domain"), ("unset", "default"));
    assert_eq!(config.setting("server.trusted_hops"), ("1", "default"));
}

#[test]
fn a_minimal_production_configuration_warns_of_nothing() {
    assert_eq!(Start::minimal("").config().warnings, Vec::<String>::new());
}
