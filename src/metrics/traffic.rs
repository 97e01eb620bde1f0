//! What is counted of requests, their answers and what goes on after them.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use tokio::time::Instant;

use super::{
    Carrier, Counters, Durations, EndReason, Gauges, Metrics, StatusClass, StreamKind,
    cells::Unset,
    durations::{EXCHANGES, STREAMS},
};
use crate::{access::Decision, rejection::Reason};

/// What a request was counted by.
type Outcome = (Decision, Option<Reason>, Option<StatusClass>);

/// Requests and streams.
#[derive(Debug)]
pub struct Traffic {
    pub(super) requests: Counters<Outcome>,
    pub(super) durations: Durations<Decision>,
    open_requests: Gauge,
    upstream_first_byte: Durations<()>,
    received: Counters<Carrier>,
    sent: Counters<Carrier>,
    open_streams: Gauges<StreamKind>,
    stream_durations: Durations<StreamKind>,
    streams_ended: Counters<(StreamKind, EndReason)>,
    upgrades: Counter,
}

/// What an answer becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It comes and is over.
    Answer,
    /// It goes on: an event stream or a WebSocket. How long is no measure of how fast we are.
    Stream,
}

impl Traffic {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let traffic = Self {
            requests: Counters::expecting(expected()),
            durations: Durations::new(EXCHANGES),
            open_requests: Gauge::default(),
            upstream_first_byte: Durations::new(EXCHANGES),
            received: Counters::new(),
            sent: Counters::new(),
            open_streams: Gauges::new(Unset::Zero),
            stream_durations: Durations::new(STREAMS),
            streams_ended: Counters::new(),
            upgrades: Counter::default(),
        };
        registry.register(
            "requests",
            "Requests that have ended, by what was decided on them",
            traffic.requests.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "From a request's head to the last byte of its answer, event streams and WebSockets left out",
            traffic.durations.clone(),
        );
        registry.register("open_requests", "Requests whose answer has not gone whole", traffic.open_requests.clone());
        registry.register(
            "upstream_first_byte_seconds",
            "From sending a request to the application to the head of its answer",
            traffic.upstream_first_byte.clone(),
        );
        registry.register(
            "received_bytes",
            "Content from clients that went to the application",
            traffic.received.clone(),
        );
        registry.register("sent_bytes", "Content of answers that went to clients", traffic.sent.clone());
        registry.register("open_streams", "Event streams and WebSockets that are open", traffic.open_streams.clone());
        registry.register(
            "stream_duration_seconds",
            "How long event streams and WebSockets were open that have ended",
            traffic.stream_durations.clone(),
        );
        registry.register("streams_ended", "Streams that the proxy itself ended", traffic.streams_ended.clone());
        registry.register("upgrades", "Handshakes that became a WebSocket", traffic.upgrades.clone());
        traffic
    }

    /// A request has come.
    pub fn begins(&self) {
        self.open_requests.inc();
    }

    /// A request has ended, after `took`.
    pub fn ends(&self, (decision, reason, status): (Decision, Option<Reason>, Option<StatusCode>), took: Took) {
        self.open_requests.dec();
        self.requests.inc((decision, reason, status.map(StatusClass::of)));
        match took.course {
            Course::Answer => self.durations.observe(decision, took.time),
            Course::Stream => {}
        }
    }

    /// The application took so long to begin its answer.
    pub fn answered_by_upstream(&self, after: Duration) {
        self.upstream_first_byte.observe((), after);
    }

    /// Content came from a client and went to the application.
    pub fn received(&self, carrier: Carrier, bytes: u64) {
        self.received.add(carrier, bytes);
    }

    /// Content went to a client.
    pub fn sent(&self, carrier: Carrier, bytes: u64) {
        self.sent.add(carrier, bytes);
    }

    pub(super) fn stream_ended(&self, kind: StreamKind, reason: EndReason) {
        self.streams_ended.inc((kind, reason));
    }
}

/// What shows as 0 from the start: what users meet every day, and each reason with the status it has for scripts.
fn expected() -> impl Iterator<Item = Outcome> {
    let forwarded = [Decision::Allow, Decision::Public, Decision::Own]
        .into_iter()
        .flat_map(|decision| StatusClass::ALL.iter().skip(1).map(move |class| (decision, None, Some(*class))));
    let refused = Reason::ALL.iter().map(|reason| (Decision::Deny, Some(*reason), Some(reason.usual_class())));
    let failed = [Reason::UpstreamUnreachable, Reason::UpstreamTimeout]
        .map(|reason| (Decision::Allow, Some(reason), Some(reason.usual_class())));
    forwarded.chain(refused).chain(failed)
}

/// How long a request took, and whether that is to be measured.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// From its head to the end of its answer.
    pub time: Duration,
    /// What its answer became.
    pub course: Course,
}

/// An event stream or a WebSocket while it is open.
#[derive(Debug)]
pub struct OpenStream {
    metrics: Arc<Metrics>,
    kind: StreamKind,
    began: Instant,
}

impl OpenStream {
    /// It begins.
    #[must_use]
    pub fn begin(metrics: Arc<Metrics>, kind: StreamKind) -> Self {
        let traffic = metrics.traffic();
        traffic.open_streams.add(kind, 1);
        if kind == StreamKind::Websocket {
            traffic.upgrades.inc();
        }
        Self { metrics, kind, began: Instant::now() }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let traffic = self.metrics.traffic();
        traffic.open_streams.add(self.kind, -1);
        traffic.stream_durations.observe(self.kind, self.began.elapsed());
    }
}
