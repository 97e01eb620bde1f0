use super::*;

fn refused(text: &str) -> String {
    PolicyRules::parse_document(text).unwrap_err().to_string()
}

#[test]
fn json_and_toml_give_the_same_policy() {
    let json = r#"{"_comment": "x", "_comment": "y", "allowed_groups": ["a", "b c"], "allowed_users": ["Ann@Corp.com"],
        "allowed_domains": ["corp.com"], "require_all": true, "admin_groups": ["ops"], "admin_users": null}"#;
    let toml = r#"
        _comment = "x"
        allowed_groups = ["a", "b c"]
        allowed_users = ["ann@corp.com"]
        allowed_domains = ["corp.com"]
        require_all = true
        admin_groups = ["ops"]
    "#;
    let rules = PolicyRules::parse_document(json).unwrap();
    assert_eq!(rules, PolicyRules::parse_document(toml).unwrap());
    assert_eq!(rules.allowed_groups, ["a", "b c"]);
    assert_eq!(rules.allowed_users, [EmailAddress::parse("ann@corp.com").unwrap()]);
    assert_eq!(rules.combination, Combination::All);
    assert!(rules.admin_users.is_empty());
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    assert_eq!(
        refused(r#"{"allowed_group": ["a"]}"#),
        r#""allowed_group" is not a key of a policy; did you mean allowed_groups?"#
    );
    assert_eq!(refused("colour = 1"), r#""colour" is not a key of a policy; remove it"#);
    assert!(refused("[allowed_groups]\na = 1").starts_with("allowed_groups is not a list"));
}

#[test]
fn a_doubled_key_is_refused() {
    assert_eq!(refused(r#"{"require_all": true, "require_all": false}"#), "require_all stands twice; keep one");
    refused("require_all = true\nrequire_all = false");
}

#[test]
fn entries_that_match_nobody_are_refused_and_not_quoted() {
    let message = refused(
        r#"{"allowed_groups": ["a", "", " b"], "allowed_users": ["ann@evil.com@corp.com"], "allowed_domains": ["@corp.com"]}"#,
    );
    for part in ["allowed_groups: entry 2 is empty", "allowed_groups: entry 3 has", "allowed_users: entry 1 is not"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("evil.com"), "{message}");
}

#[test]
fn values_of_another_type_are_refused() {
    for text in [
        r#"{"allowed_groups": "a"}"#,
        r#"{"allowed_users": [1]}"#,
        r#"{"allowed_groups": ["a"], "require_all": "true"}"#,
        r#"{"require_all": 1}"#,
        r#"{"admin_groups": {}}"#,
    ] {
        assert!(refused(text).contains(" is not "), "{text}");
    }
}

#[test]
fn a_text_cut_off_while_it_is_written_is_no_policy() {
    for text in
        ["", " \n", "\u{feff}", "{", r#"{"allowed_groups": ["a"]"#, r#"{"allowed_groups": ["a"]} x"#, "[]", "\"a\""]
    {
        refused(text);
    }
}

#[test]
fn all_of_nothing_is_refused() {
    assert!(refused(r#"{"require_all": true}"#).starts_with("require_all needs"));
    assert!(refused(r#"{"require_all": true, "admin_groups": ["ops"]}"#).starts_with("require_all needs"));
}

#[test]
fn a_policy_without_rules_parses_and_is_told_apart() {
    assert!(has_no_rule(&PolicyRules::parse_document("{}").unwrap()));
    assert!(!has_no_rule(&PolicyRules::parse_document(r#"{"admin_users": ["a@b"]}"#).unwrap()));
}

#[test]
fn the_example_parses() {
    let rules = PolicyRules::parse_document(include_str!("../../../config/policy.example.json")).unwrap();
    assert!(!has_no_rule(&rules));
}
