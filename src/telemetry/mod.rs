//! The log: one JSON object a line for machines, or lines for people. All of it leaves through one [`Sink`], in order.

mod sink;
mod timestamp;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, IsTerminal},
    os::fd::AsFd as _,
    sync::OnceLock,
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;
use thiserror::Error;
use tracing::warn;
use tracing_subscriber::{EnvFilter, filter::ParseError, util::TryInitError};

use crate::config::{LogFormat, Logging};

pub use self::{sink::Sink, timestamp::Timestamp};

/// What filters know the lines by that say who may come in: decisions, and what changes them.
pub const AUDIT: &str = "cognito_auth_proxy::audit";

/// How long the end of the process waits for a reader of the log that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// The part of the AWS SDK that looks for credentials writes out whole answers it cannot use, keys and all, as warnings. It is
/// heard only where `logging.level` names it.
const QUIET: &str = "aws_config=off";

/// Once a process, as `tracing`'s own subscriber is.
static LOG: OnceLock<Log> = OnceLock::new();

#[derive(Debug)]
struct Log {
    sink: Sink,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Pretty,
}

/// Why the log cannot be started.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// `logging.level` is no filter.
    #[error("logging.level is not a filter; write info, or info,cognito_auth_proxy=debug")]
    Filter(#[from] ParseError),
    /// Another part of the process logs already.
    #[error("the log is already set up")]
    Installed(#[from] TryInitError),
    /// The operating system gives no thread, or no second handle of standard output.
    #[error("the log cannot be written")]
    Output(#[from] io::Error),
}

/// Sends all events of the process to standard output. Once a process.
///
/// # Errors
/// Where the filter is none, the operating system gives no thread, or the log was started before.
pub fn start(logging: &Logging) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = EnvFilter::try_new(format!("{QUIET},{}", logging.level))?;
    let form = match logging.format {
        LogFormat::Auto if io::stdout().is_terminal() => Form::Pretty,
        LogFormat::Auto | LogFormat::Json => Form::Json,
        LogFormat::Pretty => Form::Pretty,
    };
    // A handle of its own: the library's would keep a lock, and lines, while a write is stuck.
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let sink = Sink::default();
    writer::spawn(sink.clone(), output, |_, dropped| warn!(dropped, "log lines dropped"))?;
    let sink = &LOG.get_or_init(move || Log { sink, form }).sink;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || sink);
    match form {
        Form::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init()?;
        }
        Form::Pretty => lines.with_ansi(io::stdout().is_terminal()).finish().try_init()?,
    }
    Ok(())
}

/// Where lines of JSON may go without being events first, if that is what the log holds.
#[must_use]
pub fn json_sink() -> Option<&'static Sink> {
    LOG.get().filter(|log| log.form == Form::Json).map(|log| &log.sink)
}

/// How many lines were dropped because nobody took them.
#[must_use]
pub fn lines_dropped() -> Counter {
    LOG.get().map(|log| log.sink.dropped().clone()).unwrap_or_default()
}

/// Waits until what was logged has been written. A reader that takes nothing holds nobody up for more than 2 s.
pub fn flush() {
    if let Some(log) = LOG.get() {
        log.sink.flush(PATIENCE);
    }
}

/// Whoever holds it lets the process end only when the log has been written, however it ends.
#[derive(Debug)]
pub struct LastLines;

impl Drop for LastLines {
    fn drop(&mut self) {
        flush();
    }
}
