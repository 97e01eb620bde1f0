//! Spans: one of the proxy a request, and one in it of the application's part, for an OpenTelemetry collector.
//!
//! Where no collector is configured there are none, and a request costs a look at that. What a span says is less than what
//! the log says: no user, no address, no query; the request id leads from one to the other.

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "without.rs"]
mod otlp;

use std::{sync::Arc, time::Duration};

use http::{Response, StatusCode};
use prometheus_client::metrics::counter::Counter;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::warn;

pub use otlp::SpansError;

use crate::{
    config::{SpanExport, UpstreamAddress},
    ingress::{Head, Inbound, TraceId},
    upstream::UpstreamError,
};

/// How long the end of the process waits for the collector to take the last spans.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What makes spans. A handle; its clones make them for the same collector.
#[derive(Debug, Clone)]
pub struct Spans(Option<Arc<otlp::Exporter>>);

/// The part of a trace that is one request's. It ends, once, when its record does.
#[derive(Debug, Default)]
pub struct ServerSpan(Option<Box<otlp::Server>>);

/// The application's part of it, up to the head of the answer.
#[derive(Debug)]
pub struct CallSpan(Option<Box<otlp::Call>>);

/// What a span tells of its request.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Leads to the lines of the log.
    pub request_id: &'a str,
    /// As it was sent.
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// Of the answer, where there was one.
    pub status: Option<StatusCode>,
    /// What was decided.
    pub decision: &'static str,
    /// Why it was refused.
    pub reason: Option<&'static str>,
    /// How it ended.
    pub end: &'static str,
}

impl Spans {
    /// Begins to export where that is configured. Must run inside a runtime.
    ///
    /// # Errors
    /// Where the client for the collector cannot be built. Whether there is a collector is not asked.
    pub fn start(
        export: &SpanExport,
        application: &UpstreamAddress,
        tasks: &TaskTracker,
        dropped: &Counter,
    ) -> Result<Self, SpansError> {
        match export {
            SpanExport::Off => Ok(Self(None)),
            SpanExport::To(collector) => {
                let exporter = otlp::Exporter::start(collector, application, tasks, dropped)?;
                Ok(Self(Some(Arc::new(exporter))))
            }
        }
    }

    /// Begins the span of a request, in the trace of a trusted hop or in one of its own.
    #[must_use]
    pub fn begin(&self, inbound: &Inbound) -> ServerSpan {
        ServerSpan(self.0.as_ref().map(|exporter| Box::new(otlp::Server::begin(exporter, inbound))))
    }

    /// Sends what there is. A collector that takes nothing holds nobody up for more than 2 s.
    pub async fn finish(&self) {
        let Some(exporter) = &self.0 else { return };
        if timeout(LAST_SPANS, exporter.finish()).await.is_err() {
            warn!("the collector did not take the last spans in time");
        }
    }
}

impl ServerSpan {
    /// The trace it is in; `None` where there are no spans.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.0.as_ref().map(|span| span.trace_id())
    }

    /// Begins the application's part, and tells the application that it is that.
    #[must_use]
    pub fn call(&self, head: &mut Head) -> CallSpan {
        CallSpan(self.0.as_ref().map(|span| Box::new(otlp::Call::begin(span, head))))
    }

    /// Ends it.
    pub fn end(&mut self, facts: &Facts<'_>) {
        if let Some(span) = self.0.take() {
            span.end(facts);
        }
    }
}

impl CallSpan {
    /// Ends it, with the answer or the want of one.
    pub fn end<T>(self, answered: Result<&Response<T>, &UpstreamError>) {
        if let Some(span) = self.0 {
            span.end(answered.map(Response::status));
        }
    }
}
