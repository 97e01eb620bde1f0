//! Personas from files, and personas fitted to policies, judged by the authoriser itself.

mod derived;
mod file;
mod policies;

use super::*;
use crate::{
    authenticator::Profile,
    authoriser::{Authoriser, Standing},
    config::{Combination, DomainName, EmailAddress, EmailRules, EmptyPolicy, MockUser},
};

const MEMBER: Option<Standing> = Some(Standing::Member);
const ADMIN: Option<Standing> = Some(Standing::Admin);

fn built_in() -> FoundMockUser {
    FoundMockUser { user: MockUser::default(), path: None }
}

fn emails(list: &[&str]) -> Vec<EmailAddress> {
    list.iter().map(|text| EmailAddress::parse(text).unwrap()).collect()
}

fn domains(list: &[&str]) -> Vec<DomainName> {
    list.iter().map(|text| DomainName::parse(text).unwrap()).collect()
}

fn groups(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

/// What authentication makes of the user's tokens.
fn profile(user: &User) -> Profile {
    Profile {
        subject: user.sub.clone(),
        client: "client".to_owned(),
        email: Some(user.email.clone()),
        email_address: EmailAddress::parse(&user.email).ok(),
        email_verified: Some(user.email_verified),
        username: Some(user.username.clone()),
        name: user.name.clone(),
        given_name: user.given_name.clone(),
        family_name: user.family_name.clone(),
        groups: user.groups.clone(),
        expires_at: u64::MAX,
        session_expires_at: u64::MAX,
    }
}

fn authoriser(rules: &PolicyRules, email_rules: EmailRules) -> Authoriser {
    Authoriser::from_rules(rules, EmptyPolicy::AdmitAuthenticated, email_rules).unwrap()
}

fn standing(authoriser: &Authoriser, user: &User) -> Option<Standing> {
    authoriser.grant(&profile(user)).map(|grant| grant.standing())
}

fn fitted(rules: &PolicyRules) -> Personas {
    Personas::fitted(&built_in(), rules)
}

#[test]
fn a_subject_is_the_same_at_every_start_and_has_the_form_of_a_uuid() {
    // Written down: another value would lose what applications keep for a user.
    assert_eq!(subject_of("ann.lee@example.com"), "b7e0d837-2a47-454b-befe-b251ab9ac1e9");
    assert_eq!(subject_of("Ann.Lee@Example.COM"), subject_of("ann.lee@example.com"));
    for email in ["", "a", "b@example.com", "c@example.com", "\u{212a}im@example.com"] {
        let subject = subject_of(email);
        let groups: Vec<usize> = subject.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{subject}");
        assert!(subject.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()), "{subject}");
        assert_eq!(subject.as_bytes()[14], b'4', "version of {subject}");
        assert!(b"89ab".contains(&subject.as_bytes()[19]), "variant of {subject}");
    }
    assert_ne!(subject_of("\u{212a}im@example.com"), subject_of("kim@example.com"));
}
