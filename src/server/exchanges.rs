//! What is known of the exchanges of one connection: how many have begun, whether one is open, whether they are over.
//!
//! The service of a connection tells, its input and output ask. An exchange is open until the whole answer has gone and
//! the whole request has come, or been given up.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Body, Frame, SizeHint};
use tokio::{sync::Notify, time::Instant};

/// The exchanges of one connection.
#[derive(Debug)]
pub(super) struct Exchanges {
    /// When the connection began.
    since: Instant,
    /// When the last one ended, in milliseconds after that.
    ended: AtomicU64,
    begun: AtomicUsize,
    /// How many [`Exchange`]s there are: more than one of each exchange.
    held: AtomicUsize,
    upgraded: AtomicBool,
    over: AtomicBool,
    first: Notify,
}

impl Default for Exchanges {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            ended: AtomicU64::new(0),
            begun: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            upgraded: AtomicBool::new(false),
            over: AtomicBool::new(false),
            first: Notify::new(),
        }
    }
}

impl Exchanges {
    /// Begins one.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        if self.begun.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first.notify_one();
        }
        Exchange::new(Arc::clone(self))
    }

    /// How many have begun.
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// Since when none has been open; `None` while one is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        if self.is_open() {
            return None;
        }
        Some(self.since + Duration::from_millis(self.ended.load(Ordering::Acquire)))
    }

    /// Whether one is open.
    pub(super) fn is_open(&self) -> bool {
        self.held.load(Ordering::Acquire) > 0
    }

    /// Completes when the first has begun. For one who waits.
    pub(super) async fn first(&self) {
        self.first.notified().await;
    }

    /// Whether the connection is to have no further exchange.
    pub(super) fn are_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// The connection was answered 101: what passes on it now is no HTTP.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    /// Whether it was.
    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Relaxed)
    }
}

/// Keeps an exchange open for as long as it, or a clone of it, lives.
#[derive(Debug)]
pub struct Exchange(Arc<Exchanges>);

impl Exchange {
    fn new(exchanges: Arc<Exchanges>) -> Self {
        exchanges.held.fetch_add(1, Ordering::Relaxed);
        Self(exchanges)
    }

    /// The connection ends with the next answer, most likely this exchange's.
    pub(crate) fn is_the_last(&self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Clone for Exchange {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Before it is seen to have ended.
        let after = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.ended.store(after, Ordering::Release);
        self.0.held.fetch_sub(1, Ordering::Release);
    }
}

/// The body of an answer, and its exchange, which is open while the body is on its way.
#[derive(Debug)]
pub(super) struct Answered<B> {
    body: B,
    _exchange: Exchange,
}

impl<B> Answered<B> {
    pub(super) const fn new(body: B, exchange: Exchange) -> Self {
        Self { body, _exchange: exchange }
    }
}

impl<B: Body + Unpin> Body for Answered<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
