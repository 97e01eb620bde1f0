//! The policy file: JSON as the Python library writes it. What it cannot mean is refused by name.

use serde_json::{Map, Value};
use thiserror::Error;

use super::{Combination, DomainName, EmailAddress, PolicyRules, ValueError};

/// Why a text is no policy. It never holds the text itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyDocumentError {
    /// The value of a key is refused.
    #[error("{key} {problem}")]
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong.
        problem: ValueError,
    },
    /// Not JSON, or not one object.
    #[error("not a JSON object, near line {line} column {column}")]
    NotAnObject {
        /// Line, from 1; 0 where the whole document is meant.
        line: usize,
        /// Column, from 1; 0 where the whole document is meant.
        column: usize,
    },
    /// A key that no policy has.
    #[error("holds a key that no policy has")]
    UnknownKey,
    /// A key has a value of another type.
    #[error("{key} is not {expected}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
}

impl PolicyRules {
    /// Parses a policy file. Keys beginning with `_` are comments; absent keys are empty lists.
    pub fn parse_document(text: &str) -> Result<Self, PolicyDocumentError> {
        let mut object: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| PolicyDocumentError::NotAnObject { line: error.line(), column: error.column() })?;
        let rules = Self {
            allowed_groups: list(&mut object, "allowed_groups", |text| Ok(text.to_owned()))?,
            allowed_users: list(&mut object, "allowed_users", EmailAddress::parse)?,
            allowed_domains: list(&mut object, "allowed_domains", DomainName::parse)?,
            combination: match object.remove("require_all") {
                None | Some(Value::Bool(false)) => Combination::Any,
                Some(Value::Bool(true)) => Combination::All,
                Some(_) => {
                    return Err(PolicyDocumentError::WrongType { key: "require_all", expected: "true or false" });
                }
            },
            admin_groups: list(&mut object, "admin_groups", |text| Ok(text.to_owned()))?,
            admin_users: list(&mut object, "admin_users", EmailAddress::parse)?,
        };
        if object.keys().all(|key| key.starts_with('_')) { Ok(rules) } else { Err(PolicyDocumentError::UnknownKey) }
    }
}

fn list<T>(
    object: &mut Map<String, Value>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, ValueError>,
) -> Result<Vec<T>, PolicyDocumentError> {
    let wrong_type = PolicyDocumentError::WrongType { key, expected: "a list of texts" };
    match object.remove(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| {
                let text = value.as_str().ok_or_else(|| wrong_type.clone())?;
                parse(text).map_err(|problem| PolicyDocumentError::Key { key, problem })
            })
            .collect(),
        Some(_) => Err(wrong_type),
    }
}
