//! Personas fitted to the policy in force: one for each outcome it can have, each admitted or refused as its label says.
//!
//! A member passes the rules for everybody and is no admin. Where no such user can exist, none is offered. Somebody
//! outside is refused wherever anybody is. An address that is not verified belongs to somebody who would be admitted if
//! it were, where the policy looks at addresses; where it does not, to somebody who is admitted none the less.

use super::{Persona, file_name, subject_of};
use crate::{
    config::{Combination, EmailAddress, FoundMockUser, MockUser, PolicyRules},
    dev::User,
};

/// A group to be in where every user is admitted and none is named.
const ANY_GROUP: &str = "data-team";

/// Where addresses are that may be anywhere (RFC 2606 §3).
const DOMAINS: [&str; 3] = ["example.com", "example.net", "example.org"];

/// The personas of a policy, somebody at least.
pub(super) fn personas(mock_user: &FoundMockUser, rules: &PolicyRules) -> Vec<Persona> {
    let mut cast = Cast { rules, personas: Vec::new() };
    if let Some(path) = &mock_user.path {
        let label = format!("Mock user ({})", file_name(path));
        cast.personas.push(Persona { label, user: user_of(&mock_user.user) });
    }
    let member = cast.member(&mock_user.user);
    cast.personas.extend(member.clone());
    cast.personas.extend(cast.admin());
    cast.personas.push(cast.outsider(mock_user));
    cast.personas.push(cast.unverified(member));
    cast.personas
}

/// The personas so far, and the policy they are fitted to.
struct Cast<'a> {
    rules: &'a PolicyRules,
    personas: Vec<Persona>,
}

impl Cast<'_> {
    fn member(&self, mock_user: &MockUser) -> Option<Persona> {
        let rules = self.rules;
        if self.admits_everybody() {
            let named = mock_user.groups.iter().find(|group| !group.trim().is_empty());
            let group = named.map_or(ANY_GROUP, String::as_str);
            return Some(member_of(group, &self.free_address("ann.lee")));
        }
        let group = rules.allowed_groups.iter().find(|group| !rules.admin_groups.contains(group));
        match rules.combination {
            Combination::Any => group
                .map(|group| member_of(group, &self.free_address("ann.lee")))
                .or_else(|| rules.allowed_users.iter().find(|user| !self.is_admin(user)).map(allowed_user))
                .or_else(|| rules.allowed_domains.first().map(|domain| self.somebody_at(domain.as_str()))),
            Combination::All => self.member_by_every_rule(group),
        }
    }

    /// Somebody who passes every kind of rule that is set.
    fn member_by_every_rule(&self, group: Option<&String>) -> Option<Persona> {
        let rules = self.rules;
        let (no_group, no_user) = (rules.allowed_groups.is_empty(), rules.allowed_users.is_empty());
        let domain = rules.allowed_domains.first();
        let fits = |user: &&EmailAddress| !self.is_admin(user) && (domain.is_none() || self.is_in_domain(user));
        let by_address = match (no_user, domain) {
            (false, _) => Some(allowed_user(rules.allowed_users.iter().find(fits)?)),
            (true, Some(domain)) => Some(self.somebody_at(domain.as_str())),
            (true, None) => None,
        };
        match (no_group, by_address) {
            (true, Some(persona)) if no_user || domain.is_none() => Some(persona),
            (true, by_address) => by_address.map(|persona| meets_every_rule(persona.user)),
            (false, None) => Some(member_of(group?, &self.free_address("ann.lee"))),
            (false, Some(persona)) => Some(meets_every_rule(persona.user.in_groups(&[group?]))),
        }
    }

    fn admin(&self) -> Option<Persona> {
        if let Some(group) = self.rules.admin_groups.first() {
            let user = user_at(&self.free_address("alex.admin")).in_groups(&[group]);
            return Some(Persona { label: format!("Admin ({group})"), user });
        }
        let address = self.rules.admin_users.first()?;
        Some(Persona { label: "Admin (by e-mail)".to_owned(), user: user_at(address.as_str()) })
    }

    /// Somebody whom no rule names: the built-in mock user where that is so.
    fn outsider(&self, mock_user: &FoundMockUser) -> Persona {
        let FoundMockUser { user, path } = mock_user;
        let user = if path.is_none() && user.groups.is_empty() && self.is_free(&user.email) {
            user_of(user)
        } else {
            user_at(&self.free_address("olga.outside"))
        };
        let by_address_only = self.rules.allowed_groups.is_empty() && self.rules.admin_groups.is_empty();
        let label = if by_address_only && !self.admits_everybody() { "Address in no rule" } else { "No groups" };
        Persona { label: label.to_owned(), user }
    }

    fn unverified(&self, member: Option<Persona>) -> Persona {
        let rules = self.rules;
        let looks_at_addresses = !rules.allowed_users.is_empty() || !rules.allowed_domains.is_empty();
        let mut label = "E-mail not verified".to_owned();
        let user = match (member, self.named_address()) {
            // But for the address everything is right.
            (Some(member), Some(_)) if looks_at_addresses && rules.combination == Combination::All => member.user,
            (_, Some(address)) => user_at(&address),
            (Some(member), None) if !self.admits_everybody() => {
                let groups = member.user.groups;
                label = format!("{label}, member of {}", groups.join(", "));
                User { groups, ..user_at(&self.free_address("sam.unverified")) }
            }
            (_, None) => user_at(&self.free_address("sam.unverified")),
        };
        // An account of its own, whosever address it states. No address has a space in it.
        let sub = subject_of(&format!("unverified {}", user.email));
        Persona { label, user: User { email_verified: false, username: sub.clone(), sub, ..user } }
    }

    /// An address that a rule names, one for everybody before one for admins.
    fn named_address(&self) -> Option<String> {
        let rules = self.rules;
        let of_domain = rules.allowed_domains.first().map(|domain| self.address_at("sam.unverified", domain.as_str()));
        let of_user = |users: &[EmailAddress]| users.first().map(|user| user.as_str().to_owned());
        of_user(&rules.allowed_users).or(of_domain).or_else(|| of_user(&rules.admin_users))
    }

    fn somebody_at(&self, domain: &str) -> Persona {
        Persona { label: format!("Address at {domain}"), user: user_at(&self.address_at("ann.lee", domain)) }
    }

    /// An address of this domain that nobody has yet, and is no admin's.
    fn address_at(&self, local: &str, domain: &str) -> String {
        let fits = |address: &str| {
            !self.is_taken(address) && !self.rules.admin_users.iter().any(|user| user.as_str() == address)
        };
        let address = |number: usize| match number {
            0 => format!("{local}@{domain}"),
            _ => format!("{local}{}@{domain}", number + 1),
        };
        first_fit(address, fits)
    }

    /// An address that no rule names and nobody has yet.
    fn free_address(&self, local: &str) -> String {
        let address = |number: usize| match DOMAINS.get(number) {
            Some(domain) => format!("{local}@{domain}"),
            None => format!("{local}@other{number}.example.com"),
        };
        first_fit(address, |address| self.is_free(address))
    }

    fn is_free(&self, address: &str) -> bool {
        let parsed = EmailAddress::parse(address).ok();
        let named = parsed.is_some_and(|address| {
            self.is_in_domain(&address) || self.is_admin(&address) || self.rules.allowed_users.contains(&address)
        });
        !named && !self.is_taken(address)
    }

    fn is_taken(&self, address: &str) -> bool {
        self.personas.iter().any(|persona| persona.user.email.eq_ignore_ascii_case(address))
    }

    fn is_admin(&self, address: &EmailAddress) -> bool {
        self.rules.admin_users.contains(address)
    }

    fn is_in_domain(&self, address: &EmailAddress) -> bool {
        self.rules.allowed_domains.iter().any(|domain| domain.as_str() == address.domain())
    }

    /// A policy without any rule is in force only where it is said to admit everybody.
    fn admits_everybody(&self) -> bool {
        *self.rules == PolicyRules { combination: self.rules.combination, ..PolicyRules::default() }
    }
}

/// The first candidate that fits. No two are alike and only finitely many do not fit, so there is one.
fn first_fit(candidate: impl Fn(usize) -> String, fits: impl Fn(&str) -> bool) -> String {
    let mut number = 0;
    loop {
        let candidate = candidate(number);
        if fits(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

fn member_of(group: &str, address: &str) -> Persona {
    Persona { label: format!("Member of {group}"), user: user_at(address).in_groups(&[group]) }
}

fn meets_every_rule(user: User) -> Persona {
    Persona { label: "Meets every rule".to_owned(), user }
}

fn allowed_user(address: &EmailAddress) -> Persona {
    Persona { label: "Allowed by e-mail".to_owned(), user: user_at(address.as_str()) }
}

/// A user with this address, verified, and the name it suggests.
fn user_at(address: &str) -> User {
    let local = address.split('@').next().unwrap_or_default();
    let words: Vec<String> =
        local.split(['.', '_', '-', '+']).filter(|word| !word.is_empty()).map(capitalised).collect();
    let (given, family) = match words.as_slice() {
        [given, family] => (Some(given.clone()), Some(family.clone())),
        [..] => (None, None),
    };
    User {
        name: (!words.is_empty()).then(|| words.join(" ")),
        given_name: given,
        family_name: family,
        ..User::new(&subject_of(address), address)
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters.clone()).collect()
}

fn user_of(user: &MockUser) -> User {
    let user = user.clone();
    User {
        username: user.username.unwrap_or_else(|| user.sub.clone()),
        sub: user.sub,
        email: user.email,
        email_verified: user.email_verified,
        name: user.name,
        given_name: user.given_name,
        family_name: user.family_name,
        groups: user.groups,
    }
}
