//! The content of a request within its limits: no more of it than its path may take, and no wait without end for a
//! client that sends none of what it announced.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::{BodyError, Inbound, Received, RequestBody, path_kind::SizesByPath};
use crate::{
    config::{BodyLimits, SizeLimit},
    metrics::{Carrier, Metrics},
};

/// How long an answer that has just come has to be noticed before the content is broken off: that ends the connection,
/// and the answer would end in its middle.
const NOTICE: Duration = Duration::from_millis(50);

/// The limits of all content.
#[derive(Debug)]
pub struct Uploads {
    sizes: SizesByPath,
    idle_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl Uploads {
    /// Takes what it needs of the configuration.
    #[must_use]
    pub fn from_config(limits: &BodyLimits, metrics: Arc<Metrics>) -> Self {
        Self { sizes: SizesByPath::from_config(limits), idle_timeout: limits.idle_timeout, metrics }
    }

    /// Puts the limits of its path around the content of a request. What says itself that it is too long is refused
    /// before any of it is asked for.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`].
    pub fn limit(&self, inbound: &mut Inbound) -> Result<(), BodyError> {
        inbound.body = match std::mem::take(&mut inbound.body) {
            RequestBody::Received(body) if !body.is_end_stream() => {
                RequestBody::Limited(Box::new(self.limited(body, inbound.head.target.path())?))
            }
            unlimited @ (RequestBody::Empty | RequestBody::Limited(_) | RequestBody::Received(_)) => unlimited,
        };
        Ok(())
    }

    fn limited(&self, body: Received, path: &str) -> Result<Limited<Received>, BodyError> {
        let left = match self.sizes.limit(path) {
            SizeLimit::Bytes(bytes) => bytes,
            SizeLimit::Off => u64::MAX,
        };
        if body.size_hint().lower() > left {
            count(&self.metrics, &BodyError::TooLarge);
            return Err(BodyError::TooLarge);
        }
        Ok(Limited::new(body, left, self.idle_timeout, Arc::clone(&self.metrics)))
    }
}

fn count(metrics: &Metrics, error: &BodyError) {
    if let Some(limit) = error.limit() {
        metrics.limit_reached(limit);
    }
}

/// How far a request's content, and the answer to it, have come: each side asks how the other gets on.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    began: Instant,
    /// Milliseconds after the beginning.
    moved: AtomicU64,
    answering: AtomicBool,
}

/// An answer on its way. Dropping it says that the answer has ended.
#[derive(Debug)]
pub struct Answering(Progress);

impl Progress {
    fn begin() -> Self {
        let (moved, answering) = (AtomicU64::new(0), AtomicBool::new(false));
        Self(Arc::new(Shared { began: Instant::now(), moved, answering }))
    }

    /// When some of the content went on to the application last; its beginning where none did.
    #[must_use]
    pub fn last_moved(&self) -> Instant {
        self.0.began + Duration::from_millis(self.0.moved.load(Ordering::Relaxed))
    }

    /// Says that the answer has begun.
    #[must_use]
    pub fn answering(self) -> Answering {
        self.0.answering.store(true, Ordering::Relaxed);
        Answering(self)
    }

    fn moves(&self) {
        let after = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.moved.store(after, Ordering::Relaxed);
    }

    fn is_answered(&self) -> bool {
        self.0.answering.load(Ordering::Relaxed)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.answering.store(false, Ordering::Relaxed);
    }
}

/// Content within limits.
#[derive(Debug)]
pub struct Limited<B> {
    body: B,
    left: u64,
    idle_timeout: Duration,
    flow: Flow,
    /// There only while somebody is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    progress: Progress,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Clone, Copy)]
enum Flow {
    /// Content passes.
    Open,
    /// Nothing came for too long. Unless the answer has begun, it is broken off.
    StoppingIdle,
    /// More came than may pass. It is broken off, but not under an answer that ends by then.
    StoppingTooLarge { by: Instant },
}

impl<B> Limited<B> {
    fn new(body: B, left: u64, idle_timeout: Duration, metrics: Arc<Metrics>) -> Self {
        let progress = Progress::begin();
        Self { body, left, idle_timeout, flow: Flow::Open, timer: None, progress, metrics }
    }

    pub(super) const fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(super) const fn inner_mut(&mut self) -> &mut B {
        &mut self.body
    }

    /// Takes what a frame holds off what is left, and counts it; `None` where that is less.
    fn take_off(&self, frame: &Frame<Bytes>) -> Option<u64> {
        let bytes = u64::try_from(frame.data_ref().map_or(0, Bytes::len)).unwrap_or(u64::MAX);
        let left = self.left.checked_sub(bytes)?;
        self.metrics.traffic().received(Carrier::Http, bytes);
        Some(left)
    }

    /// Completes `wait` after it was first asked.
    fn poll_timer(&mut self, wait: Duration, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(wait)));
        ready!(timer.as_mut().poll(context));
        self.timer = None;
        Poll::Ready(())
    }

    fn broken_off(&self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        count(&self.metrics, &error);
        Poll::Ready(Some(Err(error)))
    }
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Body for Limited<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match self.flow {
                Flow::Open => match Pin::new(&mut self.body).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => {
                        self.timer = None;
                        if let Some(left) = self.take_off(&frame) {
                            self.left = left;
                            self.progress.moves();
                            return Poll::Ready(Some(Ok(frame)));
                        }
                        self.flow = Flow::StoppingTooLarge { by: Instant::now() + self.idle_timeout };
                    }
                    Poll::Ready(end) => return Poll::Ready(end.map(|broken| broken.map_err(BodyError::Broken))),
                    Poll::Pending => {
                        let patience = self.idle_timeout;
                        ready!(self.poll_timer(patience, context));
                        self.flow = Flow::StoppingIdle;
                    }
                },
                Flow::StoppingIdle => {
                    ready!(self.poll_timer(NOTICE, context));
                    // Both sides may speak at a time, and then either may pause.
                    if !self.progress.is_answered() {
                        return self.broken_off(BodyError::Idle);
                    }
                    self.flow = Flow::Open;
                }
                Flow::StoppingTooLarge { by } => {
                    ready!(self.poll_timer(NOTICE, context));
                    if !self.progress.is_answered() || Instant::now() >= by {
                        return self.broken_off(BodyError::TooLarge);
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.flow, Flow::Open) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
