//! Errors as people read them, and what is at the bottom of them.

use std::{error::Error, io, iter};

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

/// An error, what caused it, what caused that, and so on.
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Connectors wrap one system error in another, which `source` passes over.
pub(crate) fn innermost(mut error: &io::Error) -> &io::Error {
    while let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>()) {
        error = inner;
    }
    error
}

/// Rustls says no, or the other side hangs up in the middle of the handshake.
pub(crate) fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<tokio_rustls::rustls::Error>())
        || error.kind() == io::ErrorKind::UnexpectedEof && error.to_string().contains("tls")
}
