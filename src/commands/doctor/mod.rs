//! `doctor`: checks what usually goes wrong around the proxy, from where the proxy runs, and says what to do about it.
//!
//! What it judges, it judges with the parts that serve: the same key sources, verifiers and policy. It changes nothing.

mod keys;
mod listening;
mod outside;
mod pasted;
mod ports;
mod process;
mod remedy;
mod report;
mod settings;
mod token;
mod trouble;
mod upstream;

use std::path::PathBuf;

use tokio_util::task::TaskTracker;

use self::{
    pasted::Pasted,
    report::{Finding, Report},
};
use super::{ExitStatus, blocking, failed, refused};
use crate::config::{Config, Credentials, Environment, Flags, Parts, Server};

/// What the command line gave.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file and the settings given as flags.
    pub flags: Flags,
    /// Where a pasted token is; `-` is standard input.
    pub token_file: Option<PathBuf>,
    /// How a token's e-mail address is shown.
    pub emails: Emails,
}

/// How e-mail addresses are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emails {
    /// The first letter and the domain.
    Masked,
    /// Whole.
    Shown,
}

/// Checks everything. Exits 0 where nothing failed, 1 where something did, 64 for a bad configuration.
#[must_use]
pub fn execute(options: &Options, environment: &Environment) -> ExitStatus {
    match blocking(examine(options, environment)) {
        Ok(status) => status,
        Err(error) => failed(&error),
    }
}

async fn examine(options: &Options, environment: &Environment) -> ExitStatus {
    let mut report = Report::begin();
    match Config::load(&options.flags, environment) {
        Ok(config) => {
            report.add(Finding::ok("configuration", "loads; `check` shows every setting"));
            surroundings(&mut report, &Parts::of(&config)).await;
            settings::check(&mut report, &config).await;
            process::check(&mut report, config.limits.connections.connections);
            if let Some(path) = &options.token_file {
                match Pasted::read(path) {
                    Ok(pasted) => token::check(&mut report, &config, pasted, options.emails).await,
                    Err(problem) => report.add(Finding::fail("token file", problem, pasted::REMEDY)),
                }
            }
            report.status()
        }
        Err(errors) => {
            let status = refused(&errors);
            let count = errors.problems().len();
            report.add(Finding::fail(
                "configuration",
                format!("has {count} problems, told on standard error; what needs none of that is checked"),
                "correct them, and run doctor again",
            ));
            surroundings(&mut report, &Parts::load(&options.flags, environment)).await;
            status
        }
    }
}

/// What can be checked with a part of a configuration.
async fn surroundings(report: &mut Report, parts: &Parts) {
    for warning in &parts.warnings {
        report.add(Finding::warn("configuration", warning.as_str(), ""));
    }
    match &parts.credentials {
        Some(Credentials::Verify(expected)) => keys::check(report, expected, &TaskTracker::new()).await,
        Some(Credentials::RefuseAll) | None => {}
    }
    if let Some(upstream) = &parts.upstream {
        let ours: Vec<_> = parts.server.iter().flat_map(Server::addresses).collect();
        upstream::check(report, upstream, &ours).await;
    }
    if let Some(server) = &parts.server {
        ports::check(report, server);
    }
}
