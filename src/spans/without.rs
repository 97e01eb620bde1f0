//! A program that was built without the feature `otlp`: nothing that could make a span exists, and a configuration that asks
//! for spans is refused before this is asked.

use http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use thiserror::Error;
use tokio_util::task::TaskTracker;

use super::Facts;
use crate::{
    config::{Collector, UpstreamAddress},
    ingress::{Head, Inbound, TraceId},
    upstream::UpstreamError,
};

/// Spans are asked for where none can be made.
#[derive(Debug, Error)]
#[error("this program was built without the export of spans")]
pub struct SpansError;

#[derive(Debug)]
pub(super) enum Exporter {}

#[derive(Debug)]
pub(super) enum Server {}

#[derive(Debug)]
pub(super) enum Call {}

impl Exporter {
    pub(super) const fn start(
        _: &Collector,
        _: &UpstreamAddress,
        _: &TaskTracker,
        _: &Counter,
    ) -> Result<Self, SpansError> {
        Err(SpansError)
    }

    pub(super) async fn finish(&self) {
        match *self {}
    }
}

impl Server {
    pub(super) fn begin(exporter: &Exporter, _: &Inbound) -> Self {
        match *exporter {}
    }

    pub(super) fn trace_id(&self) -> TraceId {
        match *self {}
    }

    pub(super) fn end(self, _: &Facts<'_>) {
        match self {}
    }
}

impl Call {
    pub(super) fn begin(server: &Server, _: &mut Head) -> Self {
        match *server {}
    }

    pub(super) fn end(self, _: Result<StatusCode, &UpstreamError>) {
        match self {}
    }
}
