//! What hyper and h2 are told: how much they read and hold, and where they end a connection themselves.

use std::{error::Error, future::Future};

use hyper_util::{rt::TokioTimer, server::conn::auto};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Terms;

/// The least that hyper reads at once.
const LEAST_BUFFER: usize = 16 * 1024;

/// Streams a client has opened and reset before anybody looked at them (rapid reset, CVE-2023-44487). Those that somebody
/// has looked at are `control_frames`.
const RESET_UNSEEN: usize = 20;

/// Streams we refuse or reset for the client's errors, in the life of a connection: asking for that is free, doing it is
/// not (CVE-2025-8671).
const RESET_FOR_ERRORS: usize = 1024;

/// What HTTP/2 adds to the size of every field (RFC 9113 §6.5.2).
const FIELD_OVERHEAD: usize = 32;

/// Content that waits for a client to take it, on one stream: a client that opens its windows and takes nothing keeps no
/// more than this of each (CVE-2019-9517).
const SEND_BUFFER: usize = 128 * 1024;

/// Content that waits for the application to take it: on one stream, and on all of a connection together, whatever the
/// number of streams. 1 MiB is a fast upload over a long way.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Both protocols under these terms.
///
/// More of a head is read than `ingress` admits, so that what is too large is refused there, in words. A block of fields in
/// more frames than so many bytes can need ends the connection (CONTINUATION flood, CVE-2024-27316), as do too many frames
/// without content (CVE-2019-9518). What asks for answers without end (PING and SETTINGS floods, CVE-2019-9512 and -9515)
/// h2 answers, one by one; that is stopped before it, by `control_frames`.
pub(super) fn builder(terms: &Terms, executor: TaskExecutor) -> auto::Builder<TaskExecutor> {
    let keep_alive_timeout = terms.keep_alive_timeout;
    let heads = terms.heads;
    let most = heads.fields_size.saturating_add(heads.target_size).saturating_mul(2).max(LEAST_BUFFER);
    let list = most.saturating_add(heads.fields.saturating_mul(2 * FIELD_OVERHEAD));
    let mut builder = auto::Builder::new(executor);
    builder
        .http1()
        // Heads and idle connections are timed by `watched`, with fewer timers.
        .header_read_timeout(None)
        .max_headers(heads.fields.saturating_mul(2))
        .max_buf_size(most);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(terms.limits.concurrent_requests)
        .max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESET_UNSEEN)
        .max_local_error_reset_streams(RESET_FOR_ERRORS)
        .max_send_buf_size(SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(keep_alive_timeout)
        .keep_alive_timeout(keep_alive_timeout);
    builder
}

/// Whether h2 ended a connection because of what its client did without end.
pub(super) fn is_about_a_flood(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM);
        }
        next = error.source();
    }
    false
}

/// Runs HTTP/2 streams as tasks the drain waits for.
#[derive(Debug, Clone)]
pub(super) struct TaskExecutor {
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl TaskExecutor {
    pub(super) const fn new(tasks: TaskTracker, cut: CancellationToken) -> Self {
        Self { tasks, cut }
    }
}

impl<F> hyper::rt::Executor<F> for TaskExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move { cut.run_until_cancelled(future).await.map(drop) });
    }
}
