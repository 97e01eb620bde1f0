//! What is wrong with a configuration: all of it at once, never with a value, so never with a secret.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

use super::{PolicyProblem, SyntaxError, ValueError, mock_user::MockUserError};

/// Where a value came from. A later layer wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// The compiled-in `config/default.toml`.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A command line flag.
    Flag(&'static str),
    /// A command that needs this value to do its work. It wins over every other layer.
    Command(&'static str),
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::Flag(name) => write!(formatter, "flag {name}"),
            Self::Command(name) => write!(formatter, "command {name}"),
        }
    }
}

/// One thing that is wrong: where, and what to do about it.
#[derive(Debug, Error)]
#[error("{key} ({layer}): {fault}")]
pub struct Problem {
    /// Dotted key, or the name of the variable or section.
    pub key: String,
    /// The layer the refused value came from.
    pub layer: Layer,
    /// What is wrong with it, and the remedy.
    pub fault: Fault,
}

impl Problem {
    /// What is wrong and what to write instead, in one line.
    #[must_use]
    pub fn message(&self) -> String {
        self.fault.to_string()
    }
}

/// Why a setting was refused.
#[derive(Debug, Error)]
pub enum Fault {
    /// It is set, and so is something that excludes it.
    #[error("cannot be set together with {other}; keep one of them")]
    Conflict {
        /// Key or variable that excludes it.
        other: &'static str,
    },
    /// The `dev` command where it does not belong.
    #[error(
        "is for your own machine, and is refused {place}; use `run`, or in a development container set COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE=true"
    )]
    DevCommand {
        /// What was seen.
        place: Place,
    },
    /// An entry of a list is not what it should be.
    #[error("entry {number} {error}")]
    Entry {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        error: ValueError,
    },
    /// Development settings where a real platform, or a network, can see them.
    #[error(
        "is refused {place}; take it out, or in a development container set COGNITO_AUTH_DEV_MODE_DANGER_ALLOW_REMOTE=true"
    )]
    Interlock {
        /// What was seen.
        place: Place,
    },
    /// The mock user's file cannot be used.
    #[error("{path}: {error}; correct the file, or remove it for the built-in user", path = path.display())]
    MockUser {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: MockUserError,
    },
    /// A choice that does not exist.
    #[error("is none of the choices; write one of {}", choices.join(", "))]
    NotAChoice {
        /// What may be written.
        choices: Vec<&'static str>,
    },
    /// An environment variable that is not UTF-8.
    #[error("is not UTF-8; write it in UTF-8")]
    NotUtf8,
    /// A file that is not UTF-8.
    #[error("{path} is not UTF-8; write text there, a secret as `openssl rand -base64 48` makes it", path = path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The policy file cannot be used.
    #[error("{path}: {error}; correct the file", path = path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: PolicyProblem,
    },
    /// It is needed and not set.
    #[error("is required {reason}; set it in the configuration file or as {variable}")]
    Required {
        /// When it is, `with …` or `unless …`.
        reason: &'static str,
        /// The variable that sets it.
        variable: &'static str,
    },
    /// A secret on the command line, where every process of the machine can read it.
    #[error("is a secret and must not be a flag; use the environment or a file")]
    SecretFlag,
    /// The file is not TOML.
    #[error("is not valid TOML: {0}; correct the file there")]
    Syntax(SyntaxError),
    /// No setting has this name.
    #[error("is not a setting; {}", did_you_mean(suggestion.as_deref()))]
    Unknown {
        /// The name that was probably meant.
        suggestion: Option<String>,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}: {error}; correct the path or the file's permissions", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A value that does not parse.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// A value of another type.
    #[error("is {found}; write {expected}")]
    WrongType {
        /// What the setting takes.
        expected: &'static str,
        /// What was written.
        found: &'static str,
    },
}

impl Fault {
    /// Why a file could not be read as text.
    pub(super) fn unreadable(path: PathBuf, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::InvalidData {
            Self::NotText { path }
        } else {
            Self::Unreadable { path, error }
        }
    }
}

/// Where development settings were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The listener can be reached from other machines.
    OpenListener,
    /// A platform has set this variable.
    Platform(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenListener => formatter.write_str("where server.listen is not a loopback address"),
            Self::Platform(name) => write!(formatter, "on a real platform ({name} is set)"),
        }
    }
}

/// The end of a refusal of an unknown name.
pub(crate) fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(|| "remove it".to_owned(), |name| format!("did you mean {name}?"))
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors {
    problems: Vec<Problem>,
}

impl ConfigErrors {
    pub(super) const fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// The problems, in the order they were found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}
