//! The log: one JSON object a line for machines, or lines for people.

use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing_subscriber::{EnvFilter, filter::ParseError, util::TryInitError};

use crate::config::{LogFormat, Logging};

/// Why the log cannot be started.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// `logging.level` is no filter.
    #[error("logging.level is not a filter; write info, or info,cognito_auth_proxy=debug")]
    Filter(#[from] ParseError),
    /// Another part of the process logs already.
    #[error("the log is already set up")]
    Installed(#[from] TryInitError),
}

/// Sends all events of the process to standard output. Once a process.
pub fn start(logging: &Logging) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = EnvFilter::try_new(&logging.level)?;
    let json = match logging.format {
        LogFormat::Auto => !io::stdout().is_terminal(),
        LogFormat::Json => true,
        LogFormat::Pretty => false,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stdout);
    if json {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init()?;
    } else {
        lines.with_ansi(io::stdout().is_terminal()).finish().try_init()?;
    }
    Ok(())
}
