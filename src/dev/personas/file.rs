//! Personas from a file, JSON or TOML: what is not understood, doubled or missing is refused with its place and remedy.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{Persona, PersonasError, PersonasProblem, subject_of};
use crate::{
    config::{Entries, MockUserError, UserFields, nearest, text},
    dev::User,
};

/// Looked for in the working directory where no other file is named.
const JSON_FILE: &str = "dev-personas.json";
const TOML_FILE: &str = "dev-personas.toml";

/// The one key of the file.
const LIST: &str = "personas";

/// The one field that the mock user's file has not.
const LABEL: &str = "label";

/// The personas of this file.
pub(super) fn read(path: &Path) -> Result<Vec<Persona>, PersonasError> {
    let at_fault = |problem| PersonasError { path: path.to_owned(), problem };
    let form = Form::of(path).ok_or_else(|| at_fault(PersonasProblem::UnknownForm))?;
    let text = fs::read_to_string(path).map_err(|error| at_fault(unreadable(error)))?;
    parse(form, &text).map_err(at_fault)
}

/// The personas of the file in this directory, and its name; `None` where there is no file.
pub(super) fn find(directory: &Path) -> Result<Option<(Vec<Persona>, String)>, PersonasError> {
    // The entry itself, not where it leads: a link to nowhere is a broken file, not an absent one.
    let found = |name| match fs::symlink_metadata(directory.join(name)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PersonasError { path: directory.join(name), problem: unreadable(error) }),
    };
    let name = match (found(JSON_FILE)?, found(TOML_FILE)?) {
        (true, true) => {
            let problem = PersonasProblem::BothFiles { other: TOML_FILE };
            return Err(PersonasError { path: directory.join(JSON_FILE), problem });
        }
        (true, false) => JSON_FILE,
        (false, true) => TOML_FILE,
        (false, false) => return Ok(None),
    };
    read(&directory.join(name)).map(|personas| Some((personas, name.to_owned())))
}

fn unreadable(error: io::Error) -> PersonasProblem {
    if error.kind() == io::ErrorKind::InvalidData {
        PersonasProblem::NotText
    } else {
        PersonasProblem::Unreadable(error)
    }
}

/// The notation of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Toml,
}

impl Form {
    fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_ascii_lowercase();
        [("json", Self::Json), ("toml", Self::Toml)].into_iter().find(|(name, _)| ending == *name).map(|(_, form)| form)
    }
}

/// What stands behind a key of the file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    List(Vec<Item>),
    Other(IgnoredAny),
}

/// What stands in the list. Not a map, in which one of two members with the same name would be lost unseen.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Persona(Entries),
    Other(IgnoredAny),
}

/// The personas of this text.
pub(super) fn parse(form: Form, text: &str) -> Result<Vec<Persona>, PersonasProblem> {
    let entries = match form {
        Form::Json => Entries::from_json(text),
        Form::Toml => Entries::from_toml(text),
    };
    let Entries(members) = entries.map_err(PersonasProblem::Syntax)?;
    let mut list = None;
    for (key, member) in members.into_iter().filter(|(key, _)| !key.starts_with('_')) {
        match member {
            _ if key != LIST => return Err(PersonasProblem::UnknownKey { suggestion: nearest(&key, [LIST]), key }),
            Member::List(_) if list.is_some() => return Err(PersonasProblem::DoubledList),
            Member::List(items) => list = Some(items),
            Member::Other(_) => return Err(PersonasProblem::NotAList),
        }
    }
    let items = list.filter(|items| !items.is_empty()).ok_or(PersonasProblem::NoPersonas)?;
    let mut seen = BTreeMap::new();
    let mut personas = Vec::with_capacity(items.len());
    for (item, number) in items.into_iter().zip(1..) {
        let Item::Persona(Entries(entries)) = item else { return Err(PersonasProblem::NotAnObject { number }) };
        let persona = persona(number, entries)?;
        if let Some(earlier) = seen.insert(persona.user.sub.clone(), number) {
            return Err(PersonasProblem::SameSubject { number, earlier });
        }
        personas.push(persona);
    }
    Ok(personas)
}

fn persona(number: usize, entries: Vec<(String, Value)>) -> Result<Persona, PersonasProblem> {
    let at_fault = |error| PersonasProblem::Field { number, error: knowing_the_label(error) };
    let (labels, fields): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(name, _)| name == LABEL);
    let label = match labels.as_slice() {
        [] | [(_, Value::Null)] => None,
        [(_, value)] => Some(text(LABEL, value).map_err(at_fault)?),
        [..] => return Err(at_fault(MockUserError::DuplicateField { field: LABEL })),
    };
    let fields = UserFields::read(&fields).map_err(at_fault)?;
    let email = fields.email.ok_or(PersonasProblem::NoEmail { number })?;
    let sub = fields.sub.unwrap_or_else(|| subject_of(&email));
    Ok(Persona {
        label: label.or_else(|| fields.name.clone()).unwrap_or_else(|| email.clone()),
        user: User {
            username: fields.username.unwrap_or_else(|| sub.clone()),
            sub,
            email,
            email_verified: fields.email_verified.unwrap_or(true),
            name: fields.name,
            given_name: fields.given_name,
            family_name: fields.family_name,
            groups: fields.groups.unwrap_or_default(),
        },
    })
}

/// An unknown field may be a misspelt label, of which the mock user's fields know nothing.
fn knowing_the_label(error: MockUserError) -> MockUserError {
    match error {
        MockUserError::UnknownField { field, suggestion } => {
            let suggestion = suggestion.or_else(|| nearest(&field, [LABEL]));
            MockUserError::UnknownField { field, suggestion }
        }
        MockUserError::DuplicateField { .. } | MockUserError::Syntax(_) | MockUserError::WrongValue { .. } => error,
    }
}
