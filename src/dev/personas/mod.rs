//! Whom the `dev` command can sign in: never nobody, no two with one subject, and each as its label says.

mod derived;
mod file;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;
use thiserror::Error;

use super::{User, signers::uuid_text};
use crate::config::{FoundMockUser, MockUserError, PolicyRules, SyntaxError, did_you_mean};

/// What [`Personas::origin`] says where there is no file.
const FITTED: &str = "built in, fitted to the policy";

/// Somebody to sign in as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persona {
    /// What they are there for, in a few words: `Member of data-team`.
    pub label: String,
    /// Who they are.
    pub user: User,
}

/// The personas of one process, in the order they are offered. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Personas {
    personas: Vec<Persona>,
    origin: String,
}

impl Personas {
    /// Reads the file that is `named`, else `dev-personas.json` or `dev-personas.toml` in the working directory; where
    /// there is none, makes personas fitted to the policy in force, so that each outcome has one.
    ///
    /// # Errors
    ///
    /// A file that is there and cannot be used, or two of them: none is passed over.
    pub fn load(
        named: Option<&Path>,
        working_directory: &Path,
        mock_user: &FoundMockUser,
        rules: &PolicyRules,
    ) -> Result<Self, PersonasError> {
        let found = match named {
            Some(named) => Some((file::read(&working_directory.join(named))?, named.display().to_string())),
            None => file::find(working_directory)?,
        };
        Ok(match found {
            Some((personas, origin)) => Self { personas, origin },
            None => Self::fitted(mock_user, rules),
        })
    }

    /// Personas for each outcome the policy can have.
    fn fitted(mock_user: &FoundMockUser, rules: &PolicyRules) -> Self {
        let origin = match mock_user.path.as_deref() {
            Some(path) => format!("{FITTED}, and {}", file_name(path)),
            None => FITTED.to_owned(),
        };
        Self { personas: derived::personas(mock_user, rules), origin }
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Persona> {
        self.personas.iter()
    }

    /// The one at `index`, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Persona> {
        self.personas.get(index)
    }

    /// Where they came from: `dev-personas.json`, or `built in, fitted to the policy`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl<'a> IntoIterator for &'a Personas {
    type Item = &'a Persona;
    type IntoIter = std::slice::Iter<'a, Persona>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A subject for an address, the same at every start, so that what an application keeps for a user is found again. It has
/// the form of a random UUID, as a user pool's subjects do; upper and lower case are one address.
#[must_use]
pub fn subject_of(email: &str) -> String {
    let hash = digest::digest(&digest::SHA256, email.to_ascii_lowercase().as_bytes());
    let id = hash.as_ref().iter().take(16).fold(0_u128, |id, byte| id << 8 | u128::from(*byte));
    // Version and variant (RFC 9562 §4): some applications look at them.
    uuid_text(id & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Why a file of personas cannot be used.
#[derive(Debug, Error)]
#[error("{path}: {problem}", path = path.display())]
pub struct PersonasError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and the remedy.
    pub problem: PersonasProblem,
}

/// What is wrong with a file of personas. Personas are counted from 1. No value is quoted.
#[derive(Debug, Error)]
pub enum PersonasProblem {
    /// Which of two files was meant is anybody's guess.
    #[error("stands beside {other}; keep one of them")]
    BothFiles {
        /// The other file.
        other: &'static str,
    },
    /// `personas` stands twice.
    #[error("personas stands twice; keep one list")]
    DoubledList,
    /// A field of a persona is not what it should be.
    #[error("persona {number}: {error}")]
    Field {
        /// Which one.
        number: usize,
        /// What is wrong with it.
        error: MockUserError,
    },
    /// A persona without an address, from which its subject is made.
    #[error("persona {number} has no email; write one")]
    NoEmail {
        /// Which one.
        number: usize,
    },
    /// There is nobody in it.
    #[error("has no persona; write one, or remove the file for personas fitted to the policy")]
    NoPersonas,
    /// `personas` is something else.
    #[error("personas is not a list; write \"personas\": [{{…}}] in JSON, [[personas]] in TOML")]
    NotAList,
    /// A persona is something else.
    #[error("persona {number} is not an object; write its fields there, like \"email\": \"ann@example.com\"")]
    NotAnObject {
        /// Which one.
        number: usize,
    },
    /// Not UTF-8.
    #[error("is not UTF-8; write text there")]
    NotText,
    /// Two personas would be one user.
    #[error("persona {number} has the same sub as persona {earlier}; give it another, or another email")]
    SameSubject {
        /// The later one.
        number: usize,
        /// The earlier one.
        earlier: usize,
    },
    /// Neither JSON nor TOML.
    #[error("cannot be parsed: {0}; correct the file there")]
    Syntax(SyntaxError),
    /// A file of another name.
    #[error("does not end in .json or .toml; name the file by what it holds")]
    UnknownForm,
    /// Something beside `personas`.
    #[error("{key:?} is not a key of the file; {}", did_you_mean(*suggestion))]
    UnknownKey {
        /// As written.
        key: String,
        /// What was probably meant.
        suggestion: Option<&'static str>,
    },
    /// It cannot be read.
    #[error("cannot be read: {0}; correct the path or the file's permissions")]
    Unreadable(io::Error),
}
