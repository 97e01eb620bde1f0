//! Turns a policy as written into an [`Authoriser`], or says why it is none. There is no built-in policy to fall back on.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::Path,
};

use thiserror::Error;

use super::{
    Authoriser, AwsProblem, Number, PolicyPlace,
    rule::{AnyAuthenticated, AtLeastOne, Domains, Groups, Names, Rule, Rules, Standing, Users},
};
use crate::config::{Combination, EmailAddress, EmailRules, EmptyPolicy, PolicyDocumentError, PolicyRules};

/// A policy is at most this long: some 20,000 addresses.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// Why a policy was not taken.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// A group list has an entry without a name, which an empty variable or a stray comma leaves behind.
    #[error("{list} holds a blank group name")]
    BlankGroup {
        /// The list's key.
        list: &'static str,
    },
    /// The text is not a policy.
    #[error("the policy cannot be parsed")]
    Document(#[from] PolicyDocumentError),
    /// It admits nobody, and does not say that everybody is meant.
    #[error("the policy has no rule, and allow_any_authenticated is not set")]
    Empty,
    /// It is kept outside of the configuration.
    #[error("{place}")]
    Kept {
        /// Where.
        place: PolicyPlace,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// There is no text. A full disk leaves that behind when a file is rewritten, so it never means "no rules".
    #[error("it is empty")]
    NoContent,
    /// It is not UTF-8 text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why a policy could not be read. Comparable, so that a lasting problem is reported once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// It is kept at AWS, who gave nothing.
    #[error(transparent)]
    Aws(#[from] AwsProblem),
    /// It is a directory, a pipe or a device. A pipe would keep the reader waiting for ever.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is larger than 1 MiB.
    #[error("it is larger than {SIZE_LIMIT} bytes")]
    TooLarge,
    /// The operating system says so.
    #[error("the file cannot be read: {0}")]
    Unreadable(io::ErrorKind),
}

impl Authoriser {
    /// Combines `rules`. An admin list counts as a rule: with nothing else set, only admins are admitted.
    pub fn from_rules(
        rules: &PolicyRules,
        when_empty: EmptyPolicy,
        email_rules: EmailRules,
    ) -> Result<Self, PolicyError> {
        let admins: Vec<Box<dyn Rule>> = [
            groups("admin_groups", &rules.admin_groups, Standing::Admin)?,
            users(&rules.admin_users, email_rules, Standing::Admin),
        ]
        .into_iter()
        .flatten()
        .collect();
        let members: Vec<Box<dyn Rule>> = [
            groups("allowed_groups", &rules.allowed_groups, Standing::Member)?,
            users(&rules.allowed_users, email_rules, Standing::Member),
            domains(rules, email_rules),
        ]
        .into_iter()
        .flatten()
        .collect();
        let rules = match (AtLeastOne::from_items(members), rules.combination) {
            (Some(members), Combination::All) => Rules::AllOf(members),
            (Some(members), Combination::Any) => Rules::AnyOf(members),
            (None, _) if !admins.is_empty() => Rules::AdminsOnly,
            (None, _) => match when_empty {
                EmptyPolicy::AdmitAuthenticated => Rules::AnyOf(AtLeastOne::one(Box::new(AnyAuthenticated))),
                EmptyPolicy::Refuse => return Err(PolicyError::Empty),
            },
        };
        Ok(Self { number: Number::next(), admins, rules })
    }

    /// Parses and combines the rules in the text of a policy that is kept outside of the configuration.
    pub(super) fn from_content(
        content: &[u8],
        when_empty: EmptyPolicy,
        email_rules: EmailRules,
    ) -> Result<Self, PolicyError> {
        let text = std::str::from_utf8(content).map_err(|_| PolicyError::NotText)?;
        if text.trim().is_empty() {
            return Err(PolicyError::NoContent);
        }
        Self::from_rules(&PolicyRules::parse_document(text)?, when_empty, email_rules)
    }
}

/// The content of the policy file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let unreadable = |error: io::Error| ReadError::Unreadable(error.kind());
    if !path.metadata().map_err(unreadable)?.is_file() {
        return Err(ReadError::NotAFile);
    }
    let mut content = Vec::new();
    File::open(path).map_err(unreadable)?.take(SIZE_LIMIT + 1).read_to_end(&mut content).map_err(unreadable)?;
    limited(content)
}

/// `content`, unless it is longer than a policy may be.
pub(super) fn limited(content: Vec<u8>) -> Result<Vec<u8>, ReadError> {
    if content.len() as u64 > SIZE_LIMIT { Err(ReadError::TooLarge) } else { Ok(content) }
}

type KindOfRule = Option<Box<dyn Rule>>;

fn groups(list: &'static str, names: &[String], standing: Standing) -> Result<KindOfRule, PolicyError> {
    if names.iter().any(|name| name.trim().is_empty()) {
        return Err(PolicyError::BlankGroup { list });
    }
    let names: Names = names.iter().map(|name| name.as_str().into()).collect();
    Ok(if names.is_empty() { None } else { Some(Box::new(Groups { names, standing })) })
}

fn users(addresses: &[EmailAddress], email_rules: EmailRules, standing: Standing) -> KindOfRule {
    let addresses: HashSet<EmailAddress> = addresses.iter().cloned().collect();
    if addresses.is_empty() { None } else { Some(Box::new(Users { addresses, email_rules, standing })) }
}

fn domains(rules: &PolicyRules, email_rules: EmailRules) -> KindOfRule {
    let domains = &rules.allowed_domains;
    if domains.is_empty() { None } else { Some(Box::new(Domains::of(domains, email_rules))) }
}
