//! Spans that nobody took: each is counted, and the log is told when it begins and when it is over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use prometheus_client::metrics::counter::Counter;
use tracing::{info, warn};

/// What is lost.
#[derive(Debug)]
pub(super) struct Losses {
    dropped: Counter,
    /// Whether the log knows.
    told: AtomicBool,
}

impl Losses {
    pub(super) fn counted_by(dropped: Counter) -> Self {
        Self { dropped, told: AtomicBool::new(false) }
    }

    /// These many spans are gone.
    pub(super) fn lost(&self, spans: usize, cause: &str) {
        self.dropped.inc_by(u64::try_from(spans).unwrap_or(u64::MAX));
        if !self.told.swap(true, Ordering::Relaxed) {
            warn!(cause, "spans are dropped until the collector takes them");
        }
    }

    /// A batch arrived.
    fn taken(&self) {
        if self.told.swap(false, Ordering::Relaxed) {
            info!(dropped = self.dropped.get(), "the collector takes spans again");
        }
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
