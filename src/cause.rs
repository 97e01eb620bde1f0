//! Errors as people read them.

use std::error::Error;

/// An error with everything that caused it, in one line: a log line of JSON would show the outermost alone.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
