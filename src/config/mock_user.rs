//! The user of dev mode, from `dev-mock-user.json` or built in, and the fields by which any file describes a user. What
//! is there and broken is refused, never passed over.

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;

use super::{MockUser, SyntaxError, document::Entries, problem::did_you_mean, suggestion};

/// Every field of the file.
const FIELDS: [&str; 8] = ["email", "email_verified", "family_name", "given_name", "groups", "name", "sub", "username"];

/// Why a text is not a mock user, or a persona of `dev`.
#[derive(Debug, Error)]
pub enum MockUserError {
    /// The same field stands twice.
    #[error("{field} stands twice; keep one")]
    DuplicateField {
        /// The field.
        field: &'static str,
    },
    /// Not a JSON object.
    #[error("is not a JSON object: {0}; correct the file there")]
    Syntax(SyntaxError),
    /// No field has this name.
    #[error("{field:?} is not a field of a user; {}", did_you_mean(*suggestion))]
    UnknownField {
        /// As written.
        field: String,
        /// What was probably meant.
        suggestion: Option<&'static str>,
    },
    /// A value of another type, or an empty one.
    #[error("{field} is not {expected}; write that or leave it out")]
    WrongValue {
        /// The field.
        field: &'static str,
        /// What it takes.
        expected: &'static str,
    },
}

impl Default for MockUser {
    fn default() -> Self {
        Self {
            sub: "mock-12345678-1234-1234-1234-123456789abc".to_owned(),
            email: "dev@example.com".to_owned(),
            email_verified: true,
            username: None,
            name: Some("Dev User".to_owned()),
            given_name: None,
            family_name: None,
            groups: Vec::new(),
        }
    }
}

impl MockUser {
    /// Parses the file's text. Absent fields, and `null`, take their built-in values; keys beginning `_` are comments.
    pub(super) fn parse(text: &str) -> Result<Self, MockUserError> {
        let Entries(entries) = Entries::from_json(text).map_err(MockUserError::Syntax)?;
        let fields = UserFields::read(&entries)?;
        let default = Self::default();
        Ok(Self {
            sub: fields.sub.unwrap_or(default.sub),
            email: fields.email.unwrap_or(default.email),
            email_verified: fields.email_verified.unwrap_or(default.email_verified),
            username: fields.username.or(default.username),
            name: fields.name.or(default.name),
            given_name: fields.given_name.or(default.given_name),
            family_name: fields.family_name.or(default.family_name),
            groups: fields.groups.unwrap_or(default.groups),
        })
    }
}

/// A user as a file describes one: what is absent there, or `null`, is `None`.
#[derive(Debug, Default)]
pub(crate) struct UserFields {
    pub(crate) email: Option<String>,
    pub(crate) email_verified: Option<bool>,
    pub(crate) family_name: Option<String>,
    pub(crate) given_name: Option<String>,
    pub(crate) groups: Option<Vec<String>>,
    pub(crate) name: Option<String>,
    pub(crate) sub: Option<String>,
    pub(crate) username: Option<String>,
}

impl UserFields {
    /// Reads the members of an object, doubled ones included. Keys beginning `_` are comments.
    pub(crate) fn read<'a>(entries: impl IntoIterator<Item = &'a (String, Value)>) -> Result<Self, MockUserError> {
        let mut fields = Self::default();
        let mut seen = BTreeSet::new();
        for (name, value) in entries.into_iter().filter(|(name, _)| !name.starts_with('_')) {
            let field = FIELDS.into_iter().find(|field| field == name).ok_or_else(|| MockUserError::UnknownField {
                field: name.clone(),
                suggestion: suggestion::nearest(name, FIELDS),
            })?;
            if !seen.insert(field) {
                return Err(MockUserError::DuplicateField { field });
            }
            if !value.is_null() {
                fields.set(field, value)?;
            }
        }
        Ok(fields)
    }

    fn set(&mut self, field: &'static str, value: &Value) -> Result<(), MockUserError> {
        let wrong = |expected| MockUserError::WrongValue { field, expected };
        match field {
            "email" => self.email = Some(text(field, value)?),
            "email_verified" => self.email_verified = Some(value.as_bool().ok_or_else(|| wrong("true or false"))?),
            "family_name" => self.family_name = Some(text(field, value)?),
            "given_name" => self.given_name = Some(text(field, value)?),
            "name" => self.name = Some(text(field, value)?),
            "sub" => self.sub = Some(text(field, value)?),
            "username" => self.username = Some(text(field, value)?),
            _ => {
                let groups =
                    value.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
                let groups = groups.ok_or_else(|| wrong("a list of texts"))?;
                self.groups = Some(groups.into_iter().map(str::to_owned).collect());
            }
        }
        Ok(())
    }
}

/// The text a field holds.
pub(crate) fn text(field: &'static str, value: &Value) -> Result<String, MockUserError> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or(MockUserError::WrongValue { field, expected: "a text, not empty" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_take_the_built_in_values() {
        assert_eq!(MockUser::parse("{}").unwrap(), MockUser::default());
        assert_eq!(MockUser::parse(r#"{"name": null, "_note": 1, "_note": 2}"#).unwrap(), MockUser::default());
        let user =
            MockUser::parse(r#"{"email": "ann@corp.com", "email_verified": false, "groups": ["a", "b"]}"#).unwrap();
        assert_eq!((user.email.as_str(), user.email_verified, user.groups.len()), ("ann@corp.com", false, 2));
        assert_eq!(user.sub, MockUser::default().sub);
    }

    #[test]
    fn a_broken_file_is_refused() {
        for refused in [
            "",
            "[]",
            "null",
            "{",
            r#"{"mail": "a@b"}"#,
            r#"{"email": 1}"#,
            r#"{"sub": ""}"#,
            r#"{"groups": "a"}"#,
            r#"{"groups": [1]}"#,
            r#"{"email_verified": "true"}"#,
            r#"{"name": "a", "name": "b"}"#,
        ] {
            MockUser::parse(refused).unwrap_err();
        }
        let error = MockUser::parse(r#"{"emial": "a@b"}"#).unwrap_err();
        assert_eq!(error.to_string(), r#""emial" is not a field of a user; did you mean email?"#);
    }

    #[test]
    fn the_example_file_parses() {
        let user = MockUser::parse(include_str!("../../dev-mock-user.example.json")).unwrap();
        assert_eq!(user.email, MockUser::default().email);
    }
}
