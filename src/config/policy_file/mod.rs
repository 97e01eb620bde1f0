//! The policy as a document of its own: the Python library's JSON form, or the same keys in TOML. What parses holds
//! only entries that can match, and says nothing that was not understood.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;
use thiserror::Error;

use super::{
    Combination, DomainName, EmailAddress, PolicyRules, SyntaxError, ValueError, document::Entries,
    findings::EMPTY_ENTRY, problem::did_you_mean, suggestion,
};

/// Every key of a policy document.
const KEYS: [&str; 6] =
    ["allowed_groups", "allowed_users", "allowed_domains", "require_all", "admin_groups", "admin_users"];

/// Why a text is not a policy: every reason at once. Never quotes an entry, which may be personal data.
#[derive(Debug)]
pub struct PolicyDocumentError {
    problems: Vec<PolicyProblem>,
}

impl PolicyDocumentError {
    /// The reasons.
    #[must_use]
    pub fn problems(&self) -> &[PolicyProblem] {
        &self.problems
    }

    pub(super) fn into_problems(self) -> Vec<PolicyProblem> {
        self.problems
    }
}

impl From<PolicyProblem> for PolicyDocumentError {
    fn from(problem: PolicyProblem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for PolicyDocumentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyDocumentError {}

/// One thing that is wrong with a policy document.
#[derive(Debug, Error)]
pub enum PolicyProblem {
    /// The same key stands twice: which one was meant is anybody's guess.
    #[error("{key} stands twice; keep one")]
    DuplicateKey {
        /// The key.
        key: &'static str,
    },
    /// No text at all: a file caught while it is being written looks like this, and must not become a policy.
    #[error("the document is empty; write at least {{}} to say that there is no rule")]
    Empty,
    /// An entry that can match nobody.
    #[error("{key}: entry {number} {error}")]
    Entry {
        /// The key.
        key: &'static str,
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        error: ValueError,
    },
    /// All of no rules is anybody.
    #[error("require_all needs allowed_groups, allowed_users or allowed_domains; add a rule or take require_all out")]
    RequireAllOfNothing,
    /// Neither JSON nor TOML.
    #[error("{0}")]
    Syntax(SyntaxError),
    /// No rule has this name.
    #[error("{key:?} is not a key of a policy; {}", did_you_mean(*suggestion))]
    UnknownKey {
        /// As written.
        key: String,
        /// What was probably meant.
        suggestion: Option<&'static str>,
    },
    /// A value of another type.
    #[error("{key} is not {expected}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it takes.
        expected: &'static str,
    },
}

impl PolicyRules {
    /// Parses a policy document, JSON where it begins with `{`, else TOML. Absent keys, and `null`, are empty lists;
    /// keys beginning `_` are comments. A policy without any rule parses: what it means is not the document's to say.
    pub fn parse_document(text: &str) -> Result<Self, PolicyDocumentError> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(PolicyProblem::Empty.into());
        }
        let entries = if text.starts_with('{') { Entries::from_json(text) } else { Entries::from_toml(text) };
        let Entries(entries) = entries.map_err(PolicyProblem::Syntax)?;
        let mut reader = Reader::default();
        let rules = reader.rules(&entries);
        if reader.problems.is_empty() { Ok(rules) } else { Err(PolicyDocumentError { problems: reader.problems }) }
    }
}

/// Whether nothing says who may come in. An admin list counts as a rule.
pub(super) const fn has_no_rule(rules: &PolicyRules) -> bool {
    has_no_kind(rules) && rules.admin_groups.is_empty() && rules.admin_users.is_empty()
}

/// Whether `require_all` is asked of no kind of rule: all of nothing would be anybody.
pub(super) fn requires_all_of_nothing(rules: &PolicyRules) -> bool {
    rules.combination == Combination::All && has_no_kind(rules)
}

const fn has_no_kind(rules: &PolicyRules) -> bool {
    rules.allowed_groups.is_empty() && rules.allowed_users.is_empty() && rules.allowed_domains.is_empty()
}

/// Parses the name of a group as a rule may hold it.
pub(super) fn parse_group(text: &str) -> Result<String, ValueError> {
    if text.is_empty() {
        return Err(EMPTY_ENTRY);
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(ValueError {
            problem: "has white space at an end or a control character, so no group matches it",
            remedy: "write the group's name alone",
        });
    }
    Ok(text.to_owned())
}

#[derive(Default)]
struct Reader {
    problems: Vec<PolicyProblem>,
}

impl Reader {
    fn rules(&mut self, entries: &[(String, Value)]) -> PolicyRules {
        let mut rules = PolicyRules::default();
        let mut seen = BTreeSet::new();
        for (name, value) in entries.iter().filter(|(name, _)| !name.starts_with('_')) {
            let Some(key) = KEYS.into_iter().find(|key| key == name) else {
                let suggestion = suggestion::nearest(name, KEYS);
                self.problems.push(PolicyProblem::UnknownKey { key: name.clone(), suggestion });
                continue;
            };
            if !seen.insert(key) {
                self.problems.push(PolicyProblem::DuplicateKey { key });
            }
            match key {
                "allowed_groups" => rules.allowed_groups = self.list(key, value, parse_group),
                "allowed_users" => rules.allowed_users = self.list(key, value, EmailAddress::parse),
                "allowed_domains" => rules.allowed_domains = self.list(key, value, DomainName::parse),
                "admin_groups" => rules.admin_groups = self.list(key, value, parse_group),
                "admin_users" => rules.admin_users = self.list(key, value, EmailAddress::parse),
                _ => rules.combination = self.combination(key, value),
            }
        }
        if self.problems.is_empty() && requires_all_of_nothing(&rules) {
            self.problems.push(PolicyProblem::RequireAllOfNothing);
        }
        rules
    }

    fn combination(&mut self, key: &'static str, value: &Value) -> Combination {
        match value.as_bool() {
            Some(true) => Combination::All,
            Some(false) => Combination::Any,
            None => {
                if !value.is_null() {
                    self.problems.push(PolicyProblem::WrongType { key, expected: "true or false" });
                }
                Combination::default()
            }
        }
    }

    fn list<T>(&mut self, key: &'static str, value: &Value, parse: fn(&str) -> Result<T, ValueError>) -> Vec<T> {
        if value.is_null() {
            return Vec::new();
        }
        let Some(texts) = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>())
        else {
            self.problems.push(PolicyProblem::WrongType { key, expected: "a list of texts" });
            return Vec::new();
        };
        let mut parsed = Vec::with_capacity(texts.len());
        for (index, text) in texts.into_iter().enumerate() {
            match parse(text) {
                Ok(value) => parsed.push(value),
                Err(error) => self.problems.push(PolicyProblem::Entry { key, number: index + 1, error }),
            }
        }
        parsed
    }
}

#[cfg(test)]
mod tests;
