use super::*;
use crate::config::{Combination, DomainName, EmailAddress, EmailRules, EmptyPolicy, PolicyRules};

pub(super) fn user(email: &str, groups: &[&str]) -> Profile {
    Profile {
        subject: "sub-1".to_owned(),
        client: "client".to_owned(),
        email: Some(email.to_owned()),
        email_address: EmailAddress::parse(email).ok(),
        email_verified: Some(true),
        username: None,
        name: Some("Ann Lee".to_owned()),
        given_name: None,
        family_name: None,
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        expires_at: 0,
        session_expires_at: 0,
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn emails(list: &[&str]) -> Vec<EmailAddress> {
    list.iter().map(|text| EmailAddress::parse(text).unwrap()).collect()
}

fn corp_com() -> Vec<DomainName> {
    vec![DomainName::parse("Corp.com").unwrap()]
}

fn authoriser(rules: &PolicyRules) -> Authoriser {
    Authoriser::from_rules(rules, EmptyPolicy::Refuse, EmailRules::RequireVerified).unwrap()
}

/// The rule that admits this user, by name.
fn granted(rules: &PolicyRules, profile: &Profile) -> Option<String> {
    authoriser(rules).grant(profile).map(|grant| grant.to_string())
}

#[test]
fn a_group_admits_its_members_exactly() {
    let rules = PolicyRules { allowed_groups: texts(&["staff", "users"]), ..PolicyRules::default() };
    assert_eq!(granted(&rules, &user("a@x.org", &["other", "staff"])).unwrap(), "group:staff");
    for near in ["Staff", "staff ", "staf", "staff,users", "users,admins", ""] {
        assert_eq!(granted(&rules, &user("a@x.org", &[near])), None, "{near}");
    }
    assert_eq!(granted(&rules, &user("staff@x.org", &[])), None);
}

#[test]
fn a_user_is_admitted_whatever_the_case_of_the_address() {
    let rules = PolicyRules { allowed_users: emails(&["Kim@Corp.com"]), ..PolicyRules::default() };
    assert_eq!(granted(&rules, &user("kIM@corp.COM", &[])).unwrap(), "user");
    // U+212A KELVIN SIGN lower-cases to an ASCII k in Unicode.
    for other in ["\u{212a}im@corp.com", "kim@corp.com.", "kim@corp.co", "im@corp.com", "kim@evil.com@corp.com"] {
        assert_eq!(granted(&rules, &user(other, &[])), None, "{other}");
    }
}

#[test]
fn a_domain_admits_its_own_addresses_only() {
    let rules = PolicyRules { allowed_domains: corp_com(), ..PolicyRules::default() };
    assert_eq!(granted(&rules, &user("x@CORP.com", &[])).unwrap(), "domain:corp.com");
    for other in [
        "x@notcorp.com",
        "x@sub.corp.com",
        "x@corp.com.evil.org",
        "x@evil.org@corp.com",
        "\"x@evil.org\"@corp.com",
        "@corp.com",
        "corp.com",
        "x@",
        "",
    ] {
        assert_eq!(granted(&rules, &user(other, &[])), None, "{other}");
    }
}

#[test]
fn an_address_nobody_verified_matches_no_rule() {
    let by_user = PolicyRules { allowed_users: emails(&["a@corp.com"]), ..PolicyRules::default() };
    let by_domain = PolicyRules { allowed_domains: corp_com(), ..PolicyRules::default() };
    let by_admin = PolicyRules { admin_users: emails(&["a@corp.com"]), ..PolicyRules::default() };
    for rules in [by_user, by_domain, by_admin] {
        for email_verified in [None, Some(false)] {
            let profile = Profile { email_verified, ..user("a@corp.com", &[]) };
            assert_eq!(granted(&rules, &profile), None);
            let lenient = Authoriser::from_rules(&rules, EmptyPolicy::Refuse, EmailRules::AcceptUnverified).unwrap();
            assert!(lenient.grant(&profile).is_some());
        }
    }
}

#[test]
fn groups_need_no_verified_address() {
    let rules = PolicyRules { allowed_groups: texts(&["staff"]), ..PolicyRules::default() };
    let profile = Profile { email: None, email_address: None, email_verified: None, ..user("", &["staff"]) };
    assert_eq!(granted(&rules, &profile).unwrap(), "group:staff");
}

fn every_kind(combination: Combination) -> PolicyRules {
    PolicyRules {
        allowed_groups: texts(&["staff"]),
        allowed_users: emails(&["a@corp.com", "b@other.org"]),
        allowed_domains: corp_com(),
        combination,
        ..PolicyRules::default()
    }
}

#[test]
fn one_kind_of_rule_is_enough() {
    let rules = every_kind(Combination::Any);
    assert_eq!(granted(&rules, &user("z@z.org", &["staff"])).unwrap(), "group:staff");
    assert_eq!(granted(&rules, &user("b@other.org", &[])).unwrap(), "user");
    assert_eq!(granted(&rules, &user("z@corp.com", &[])).unwrap(), "domain:corp.com");
    assert_eq!(granted(&rules, &user("z@z.org", &["other"])), None);
}

#[test]
fn require_all_needs_every_kind_that_is_set() {
    let rules = every_kind(Combination::All);
    assert_eq!(granted(&rules, &user("a@corp.com", &["staff"])).unwrap(), "group:staff+user+domain:corp.com");
    assert_eq!(granted(&rules, &user("a@corp.com", &[])), None);
    assert_eq!(granted(&rules, &user("b@other.org", &["staff"])), None);
    assert_eq!(granted(&rules, &user("z@corp.com", &["staff"])), None);

    let two_kinds = PolicyRules { allowed_users: Vec::new(), ..rules };
    assert_eq!(granted(&two_kinds, &user("z@corp.com", &["staff"])).unwrap(), "group:staff+domain:corp.com");
    assert_eq!(granted(&two_kinds, &user("z@corp.com", &["other"])), None);
    assert_eq!(granted(&two_kinds, &user("z@other.org", &["staff"])), None);
}

#[test]
fn admins_pass_every_rule_and_are_marked() {
    let rules = PolicyRules {
        admin_groups: texts(&["ops"]),
        admin_users: emails(&["root@x.org"]),
        ..every_kind(Combination::All)
    };
    for (profile, name, standing) in [
        (user("z@z.org", &["ops"]), "admin-group:ops", Standing::Admin),
        (user("ROOT@x.org", &[]), "admin-user", Standing::Admin),
        (user("a@corp.com", &["staff"]), "group:staff+user+domain:corp.com", Standing::Member),
    ] {
        let grant = authoriser(&rules).grant(&profile).unwrap();
        assert_eq!((grant.to_string().as_str(), grant.standing()), (name, standing));
    }
}

#[test]
fn a_policy_of_admins_alone_admits_only_them() {
    for combination in [Combination::All, Combination::Any] {
        for when_empty in [EmptyPolicy::AdmitAuthenticated, EmptyPolicy::Refuse] {
            let rules = PolicyRules { admin_groups: texts(&["ops"]), combination, ..PolicyRules::default() };
            let authoriser = Authoriser::from_rules(&rules, when_empty, EmailRules::RequireVerified).unwrap();
            assert!(authoriser.grant(&user("a@corp.com", &["ops"])).is_some());
            assert_eq!(authoriser.grant(&user("a@corp.com", &["staff"])), None);
        }
    }
}

#[test]
fn an_empty_policy_is_an_error_unless_everybody_is_meant() {
    for combination in [Combination::All, Combination::Any] {
        let rules = PolicyRules { combination, ..PolicyRules::default() };
        let refused = Authoriser::from_rules(&rules, EmptyPolicy::Refuse, EmailRules::RequireVerified);
        assert!(matches!(refused, Err(PolicyError::Empty)));
        let open =
            Authoriser::from_rules(&rules, EmptyPolicy::AdmitAuthenticated, EmailRules::RequireVerified).unwrap();
        let grant = open.grant(&user("", &[])).unwrap();
        assert_eq!((grant.to_string().as_str(), grant.standing()), ("any-authenticated", Standing::Member));
    }
}

#[test]
fn rules_stay_rules_where_an_empty_policy_would_admit_everybody() {
    let rules = PolicyRules { allowed_groups: texts(&["staff"]), ..PolicyRules::default() };
    let authoriser =
        Authoriser::from_rules(&rules, EmptyPolicy::AdmitAuthenticated, EmailRules::RequireVerified).unwrap();
    assert_eq!(authoriser.grant(&user("a@corp.com", &[])), None);
}

#[test]
fn a_blank_group_name_is_an_error() {
    for blank in ["", " "] {
        let allowed = PolicyRules { allowed_groups: texts(&["staff", blank]), ..PolicyRules::default() };
        let admins = PolicyRules { admin_groups: texts(&[blank]), ..PolicyRules::default() };
        for (rules, key) in [(allowed, "allowed_groups"), (admins, "admin_groups")] {
            let refused = Authoriser::from_rules(&rules, EmptyPolicy::AdmitAuthenticated, EmailRules::RequireVerified);
            assert!(matches!(refused, Err(PolicyError::BlankGroup { list }) if list == key));
        }
    }
}

#[test]
fn a_denial_names_the_subject_and_nothing_personal() {
    let denial = Denial { profile: Arc::new(user("ann@corp.com", &["staff"])) };
    let printed = format!("{denial} {denial:?}");
    assert_eq!(denial.subject(), "sub-1");
    for personal in ["ann", "Ann", "corp", "staff"] {
        assert!(!printed.contains(personal), "{printed}");
    }
}

#[test]
fn grants_print_no_address() {
    let rules = PolicyRules { admin_users: emails(&["root@x.org"]), ..every_kind(Combination::Any) };
    for profile in [user("root@x.org", &[]), user("b@other.org", &[]), user("a@corp.com", &[])] {
        let grant = authoriser(&rules).grant(&profile).unwrap();
        assert!(!format!("{grant} {grant:?}").contains('@'));
    }
}

#[test]
fn a_snapshot_outlives_the_policy_it_was_taken_from() {
    let of = |group: &str| authoriser(&PolicyRules { allowed_groups: texts(&[group]), ..PolicyRules::default() });
    let live = LiveAuthoriser::from_authoriser(of("old"));
    let snapshot = live.load();
    live.replace(of("new"));
    let member_of_old = user("a@corp.com", &["old"]);
    assert!(snapshot.grant(&member_of_old).is_some());
    assert_eq!(live.load().grant(&member_of_old), None);
}

#[test]
fn a_policy_file_of_a_mebibyte_is_read_and_a_byte_more_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.json");
    for (length, expected) in [(1024 * 1024, Ok(1024 * 1024)), (1024 * 1024 + 1, Err(ReadError::TooLarge))] {
        std::fs::write(&path, vec![b' '; length]).unwrap();
        assert_eq!(policy::read(&path).map(|content| content.len()), expected);
    }
}

#[test]
fn rules_bear_the_names_of_their_keys() {
    let rules = PolicyRules {
        admin_groups: texts(&["ops"]),
        admin_users: emails(&["root@x.org"]),
        ..every_kind(Combination::Any)
    };
    let authoriser = authoriser(&rules);
    let names: Vec<&str> = authoriser.rules().map(Rule::name).collect();
    assert_eq!(names, ["admin_groups", "admin_users", "allowed_groups", "allowed_users", "allowed_domains"]);
    let open =
        Authoriser::from_rules(&PolicyRules::default(), EmptyPolicy::AdmitAuthenticated, EmailRules::RequireVerified);
    let open = open.unwrap();
    assert_eq!(open.rules().map(Rule::name).collect::<Vec<_>>(), ["allow_any_authenticated"]);
}
