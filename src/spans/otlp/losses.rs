//! Spans that nobody took: each is counted, and the log is told when it begins and when it is over.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use prometheus_client::metrics::counter::Counter;
use tokio::time::Instant;
use tracing::{info, warn};

/// How long none must have been lost before that is over: where more come than go, every batch is taken and every one is
/// followed by losses.
const EPISODE: Duration = Duration::from_mins(1);

/// What is lost.
#[derive(Debug)]
pub(super) struct Losses {
    dropped: Counter,
    /// When the last one was lost, of a time that the log was told of.
    last: Mutex<Option<Instant>>,
}

impl Losses {
    pub(super) fn counted_by(dropped: Counter) -> Self {
        Self { dropped, last: Mutex::default() }
    }

    /// These many spans are gone.
    pub(super) fn lost(&self, spans: usize, cause: &str) {
        self.dropped.inc_by(u64::try_from(spans).unwrap_or(u64::MAX));
        if self.begins() {
            warn!(cause, "spans are dropped until the collector takes them");
        }
    }

    /// A batch arrived.
    fn taken(&self) {
        if self.is_over() {
            info!(dropped = self.dropped.get(), "the collector takes spans again");
        }
    }

    fn begins(&self) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now()).is_none()
    }

    fn is_over(&self) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take_if(|last| last.elapsed() > EPISODE).is_some()
    }
}

/// An exporter whose failures count.
#[derive(Debug)]
pub(super) struct Watched<E> {
    pub(super) exporter: E,
    pub(super) losses: Arc<Losses>,
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        match &exported {
            Ok(()) => self.losses.taken(),
            Err(error) => self.losses.lost(spans, &error.to_string()),
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn losses_among_batches_that_are_taken_are_told_once() {
        let losses = Losses::counted_by(Counter::default());
        let mut told = Vec::new();
        for _ in 0..200 {
            told.push((losses.begins(), losses.is_over()));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(told.iter().filter(|(begins, _)| *begins).count(), 1);
        assert!(told.iter().all(|(_, over)| !over));
        tokio::time::advance(EPISODE).await;
        assert!(losses.is_over() && !losses.is_over(), "said once");
        assert!(losses.begins());
    }
}
