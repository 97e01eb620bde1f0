//! Whatever the policy, each persona is what its label says.

use proptest::{prelude::*, sample::subsequence};

use super::*;

const GROUPS: [&str; 4] = ["admins", "data-team", "ops, eu", "z"];
/// Those the derived personas would like to have among them.
const ADDRESSES: [&str; 7] = [
    "alex.admin@example.com",
    "ann.lee@example.com",
    "ann.lee@corp.com",
    "dev@example.com",
    "guest@example.com",
    "olga.outside@example.com",
    "sam.unverified@corp.com",
];
const NAMED_DOMAINS: [&str; 5] = ["corp.com", "example.com", "example.net", "example.org", "other3.example.com"];

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    // Empty lists as often as full ones: which kinds are set is what matters.
    prop_oneof![Just(Vec::new()), subsequence(of, 0..=of.len()).prop_shuffle()]
}

prop_compose! {
    fn any_policy()(
        allowed_groups in some(&GROUPS), allowed_users in some(&ADDRESSES), allowed_domains in some(&NAMED_DOMAINS),
        all in any::<bool>(), admin_groups in some(&GROUPS), admin_users in some(&ADDRESSES),
    ) -> PolicyRules {
        let kinds = [&allowed_groups, &allowed_users, &allowed_domains];
        // All of no rules is no policy.
        let all = all && kinds.into_iter().any(|kind| !kind.is_empty());
        PolicyRules {
            allowed_groups: groups(&allowed_groups),
            allowed_users: emails(&allowed_users),
            allowed_domains: domains(&allowed_domains),
            combination: if all { Combination::All } else { Combination::Any },
            admin_groups: groups(&admin_groups),
            admin_users: emails(&admin_users),
        }
    }
}

/// Whether anybody at all would be admitted and be no admin.
fn has_members(rules: &PolicyRules) -> bool {
    let authoriser = authoriser(rules, EmailRules::RequireVerified);
    let addresses = ADDRESSES.into_iter().map(str::to_owned);
    let addresses: Vec<String> = addresses.chain(NAMED_DOMAINS.map(|domain| format!("someone@{domain}"))).collect();
    let memberships = GROUPS.iter().map(std::slice::from_ref).chain([&[][..]]);
    memberships.into_iter().any(|groups| {
        addresses.iter().any(|address| standing(&authoriser, &User::new("s", address).in_groups(groups)) == MEMBER)
    })
}

proptest! {
    #[test]
    fn every_persona_meets_what_its_label_promises(rules in any_policy(), lenient in any::<bool>()) {
        let email_rules = if lenient { EmailRules::AcceptUnverified } else { EmailRules::RequireVerified };
        let authoriser = authoriser(&rules, email_rules);
        let open = rules == PolicyRules::default();
        let personas = fitted(&rules);
        for Persona { label, user } in &personas {
            let standing = standing(&authoriser, user);
            let promised = match label.as_str() {
                "No groups" | "Address in no rule" => if open { MEMBER } else { None },
                // What is not asked for decides nothing.
                "E-mail not verified" if open => MEMBER,
                "E-mail not verified" if lenient => standing,
                "E-mail not verified" => None,
                "Allowed by e-mail" | "Meets every rule" => MEMBER,
                "Admin (by e-mail)" => ADMIN,
                label if label.starts_with("Admin (") => ADMIN,
                label if label.starts_with("Address at ") => MEMBER,
                label if label.starts_with("Member of ") || label.starts_with("E-mail not verified, member of ") => MEMBER,
                label => panic!("{label}"),
            };
            prop_assert_eq!(standing, promised, "{} {:?}", label, user);
            prop_assert_eq!(user.email_verified, !label.starts_with("E-mail not verified"));
            if let Some((_, group)) = label.to_lowercase().split_once("member of ") {
                prop_assert_eq!(&user.groups, &[group]);
            }
            if label == "No groups" {
                prop_assert!(user.groups.is_empty());
            }
        }
    }

    #[test]
    fn each_outcome_the_policy_can_have_has_one_persona(rules in any_policy()) {
        let personas = fitted(&rules);
        let count = |starts: &[&str]| {
            personas.iter().filter(|persona| starts.iter().any(|start| persona.label.starts_with(start))).count()
        };
        let members = count(&["Member of ", "Allowed by e-mail", "Address at ", "Meets every rule"]);
        prop_assert_eq!(members, usize::from(has_members(&rules)));
        let admins = !rules.admin_groups.is_empty() || !rules.admin_users.is_empty();
        prop_assert_eq!(count(&["Admin ("]), usize::from(admins));
        prop_assert_eq!(count(&["No groups", "Address in no rule"]), 1);
        prop_assert_eq!(count(&["E-mail not verified"]), 1);
    }

    #[test]
    fn no_two_personas_are_one_user(rules in any_policy(), email in proptest::sample::select(&ADDRESSES[..])) {
        let user = MockUser { email: email.to_owned(), sub: subject_of("somebody else"), ..MockUser::default() };
        let subjects = |found: &FoundMockUser| {
            Personas::fitted(found, &rules).iter().map(|persona| persona.user.sub.clone()).collect::<Vec<_>>()
        };
        for found in [built_in(), FoundMockUser { user, path: Some("me.json".into()) }] {
            let mut all = subjects(&found);
            let number = all.len();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), number);
        }
    }
}
