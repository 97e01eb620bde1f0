//! The commands of the binary. Each returns the exit code of the process.

pub mod check;
pub mod dev;
pub mod healthcheck;
mod open_files;
pub mod run;
mod signals;

use std::error::Error;

use tracing::error;

use crate::{cause::told, config::ConfigErrors};

/// How a command ended, as the operating system sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// `1`: could not start, or failed while running.
    Failed,
    /// `0`.
    Fine,
    /// `64`: bad configuration or usage (`EX_USAGE` of sysexits).
    Usage,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Failed => Self::from(1),
            ExitStatus::Fine => Self::SUCCESS,
            ExitStatus::Usage => Self::from(64),
        }
    }
}

/// Writes to standard error; a closed one is nobody's loss.
pub fn complain(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _closed = writeln!(std::io::stderr(), "{text}");
}

/// Writes to standard output; a closed one is nobody's loss.
pub fn say(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _closed = writeln!(std::io::stdout(), "{text}");
}

/// Prints every problem of a configuration.
#[must_use]
pub fn refused(errors: &ConfigErrors) -> ExitStatus {
    complain(errors);
    ExitStatus::Usage
}

fn failed(error: &(dyn Error + 'static)) -> ExitStatus {
    let text = told(error);
    complain(format_args!("error: {text}"));
    error!(cause = text, "start failed");
    ExitStatus::Failed
}
