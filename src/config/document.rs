//! JSON and TOML texts as flat lists of named entries: nothing is lost, no name stands twice unseen.

use std::marker::PhantomData;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned},
};
use serde_json::Value;
use thiserror::Error;

/// Why a text is not a document. Names a place, never quotes the text, which may hold a secret.
#[derive(Debug, Error)]
pub enum SyntaxError {
    /// Not JSON.
    #[error("{0}")]
    Json(serde_json::Error),
    /// Not TOML.
    #[error("{message} at line {line} column {column}")]
    Toml {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
        /// The parser's words.
        message: String,
    },
}

impl SyntaxError {
    fn toml(text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.as_bytes().get(..span.start)).unwrap_or_default();
        Self::Toml {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1,
            message: error.message().replace('\n', " "),
        }
    }
}

/// Parses a TOML text.
pub(super) fn toml_table(text: &str) -> Result<toml::Table, SyntaxError> {
    toml::from_str(text).map_err(|error| SyntaxError::toml(text, &error))
}

/// The entries of an object, in order, doubled names included.
pub(crate) struct Entries<V = Value>(pub(crate) Vec<(String, V)>);

impl<V: DeserializeOwned> Entries<V> {
    pub(crate) fn from_json(text: &str) -> Result<Self, SyntaxError> {
        serde_json::from_str(text).map_err(SyntaxError::Json)
    }

    pub(crate) fn from_toml(text: &str) -> Result<Self, SyntaxError> {
        toml::from_str(text).map_err(|error| SyntaxError::toml(text, &error))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> de::Visitor<'de> for Visitor<V> {
            type Value = Entries<V>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object of named entries")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Entries<V>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubled_name_is_seen() {
        let entries = Entries::<Value>::from_json(r#"{"a": 1, "a": 2}"#).unwrap();
        assert_eq!(entries.0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "a"]);
        assert!(Entries::<Value>::from_toml("a = 1\na = 2").is_err());
    }

    #[test]
    fn a_syntax_error_names_the_place_and_quotes_nothing() {
        let error = toml_table("[assertion]\nsigning_key = s3cret value").unwrap_err().to_string();
        assert!(error.contains("line 2 column"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
