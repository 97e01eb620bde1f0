//! The commands of the binary. Each returns the exit code of the process.

pub mod arguments;
pub mod check;
pub mod dev;
pub mod doctor;
pub mod explain;
pub mod healthcheck;
mod help;
pub mod manual;
mod open_files;
mod policy;
pub mod run;
mod signals;

use std::{error::Error, io};

use tracing::error;

use self::arguments::Command;
use crate::{
    cause::told,
    config::{ConfigErrors, Environment},
};

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

/// Does what the command line says.
#[must_use]
pub fn execute(command: Command, environment: &Environment) -> ExitStatus {
    match command {
        Command::Run(settings) => run::execute(&settings.into_flags(), environment),
        Command::Dev(arguments) => dev::execute(&arguments.into_options(), environment),
        Command::Check(settings) => check::execute(&settings.into_flags(), environment),
        Command::Explain(arguments) => explain::execute(&arguments.into_question(), environment),
        Command::Healthcheck(settings) => healthcheck::execute(&settings.into_flags(), environment),
        Command::Doctor(arguments) => doctor::execute(&arguments.into_options(), environment),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { command } => manual::page(command.as_deref()),
    }
}

/// Runs what waits, in a command that serves nobody.
fn blocking<T>(work: impl Future<Output = T>) -> io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}

/// Writes to standard error; a closed one is nobody's loss.
pub fn complain(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _closed = writeln!(io::stderr(), "{text}");
}

/// Writes to standard output; a closed one is nobody's loss.
pub fn say(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _closed = writeln!(io::stdout(), "{text}");
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
