use super::*;

/// Label, address and groups, and what becomes of each.
fn cast(rules: &PolicyRules) -> Vec<(String, String, String, Option<Standing>)> {
    let authoriser = authoriser(rules, EmailRules::RequireVerified);
    fitted(rules)
        .iter()
        .map(|Persona { label, user }| {
            (label.clone(), user.email.clone(), user.groups.join(","), standing(&authoriser, user))
        })
        .collect()
}

#[track_caller]
fn assert_cast(rules: &PolicyRules, expected: &[(&str, &str, &str, Option<Standing>)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|&(label, email, groups, standing)| (label.to_owned(), email.to_owned(), groups.to_owned(), standing))
        .collect();
    assert_eq!(cast(rules), expected);
}

fn built_in_policy() -> PolicyRules {
    PolicyRules {
        allowed_groups: groups(&["data-team"]),
        allowed_users: emails(&["guest@example.com"]),
        admin_groups: groups(&["admins"]),
        ..PolicyRules::default()
    }
}

#[test]
fn the_built_in_policy_has_everybody() {
    assert_cast(
        &built_in_policy(),
        &[
            ("Member of data-team", "ann.lee@example.com", "data-team", MEMBER),
            ("Admin (admins)", "alex.admin@example.com", "admins", ADMIN),
            ("No groups", "dev@example.com", "", None),
            ("E-mail not verified", "guest@example.com", "", None),
        ],
    );
    let personas = fitted(&built_in_policy());
    let ann = &personas.get(0).unwrap().user;
    assert_eq!((ann.name.as_deref(), ann.given_name.as_deref()), (Some("Ann Lee"), Some("Ann")));
    let outsider = &personas.get(2).unwrap().user;
    assert_eq!((outsider.sub.as_str(), outsider.name.as_deref()), (MockUser::default().sub.as_str(), Some("Dev User")));
}

#[test]
fn the_mock_user_of_a_file_comes_first_as_written() {
    let user = MockUser { email: "Me@Corp.com".to_owned(), groups: groups(&["x"]), ..MockUser::default() };
    let found = FoundMockUser { user, path: Some("a/dev-mock-user.json".into()) };
    let personas = Personas::fitted(&found, &built_in_policy());
    assert_eq!(personas.origin(), "built in, fitted to the policy, and dev-mock-user.json");
    let labels: Vec<_> = personas.iter().map(|persona| (persona.label.as_str(), persona.user.email.as_str())).collect();
    assert_eq!(labels[0], ("Mock user (dev-mock-user.json)", "Me@Corp.com"));
    assert_eq!(labels[3], ("No groups", "olga.outside@example.com"));
    assert_eq!(personas.get(0).unwrap().user.username, MockUser::default().sub);
}

#[test]
fn where_no_group_is_named_addresses_are() {
    let by_domain = PolicyRules { allowed_domains: domains(&["example.com"]), ..PolicyRules::default() };
    assert_cast(
        &by_domain,
        &[
            ("Address at example.com", "ann.lee@example.com", "", MEMBER),
            ("Address in no rule", "olga.outside@example.net", "", None),
            ("E-mail not verified", "sam.unverified@example.com", "", None),
        ],
    );
    let by_user = PolicyRules {
        allowed_users: emails(&["boss@corp.com", "bob@corp.com"]),
        admin_users: emails(&["boss@corp.com"]),
        ..PolicyRules::default()
    };
    assert_cast(
        &by_user,
        &[
            ("Allowed by e-mail", "bob@corp.com", "", MEMBER),
            ("Admin (by e-mail)", "boss@corp.com", "", ADMIN),
            ("Address in no rule", "dev@example.com", "", None),
            ("E-mail not verified", "boss@corp.com", "", None),
        ],
    );
}

#[test]
fn all_rules_have_somebody_who_meets_them_all() {
    let rules = PolicyRules {
        allowed_groups: groups(&["staff"]),
        allowed_users: emails(&["a@other.org", "ann@corp.com"]),
        allowed_domains: domains(&["corp.com"]),
        combination: Combination::All,
        ..PolicyRules::default()
    };
    assert_cast(
        &rules,
        &[
            ("Meets every rule", "ann@corp.com", "staff", MEMBER),
            ("No groups", "dev@example.com", "", None),
            ("E-mail not verified", "ann@corp.com", "staff", None),
        ],
    );
}

#[test]
fn verification_decides_nothing_where_only_groups_count() {
    let rules = PolicyRules {
        allowed_groups: groups(&["ops", "staff"]),
        admin_groups: groups(&["ops"]),
        ..PolicyRules::default()
    };
    assert_cast(
        &rules,
        &[
            ("Member of staff", "ann.lee@example.com", "staff", MEMBER),
            ("Admin (ops)", "alex.admin@example.com", "ops", ADMIN),
            ("No groups", "dev@example.com", "", None),
            ("E-mail not verified, member of staff", "sam.unverified@example.com", "staff", MEMBER),
        ],
    );
}

#[test]
fn everybody_is_admitted_where_the_policy_says_so() {
    assert_cast(
        &PolicyRules::default(),
        &[
            ("Member of data-team", "ann.lee@example.com", "data-team", MEMBER),
            ("No groups", "dev@example.com", "", MEMBER),
            ("E-mail not verified", "sam.unverified@example.com", "", MEMBER),
        ],
    );
}
