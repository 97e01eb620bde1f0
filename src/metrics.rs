//! What is counted, for Prometheus: names end in their unit, label values are closed sets.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::telemetry;

/// The media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything one proxy counts. Made once; shared by whoever has something to count.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections: Gauge,
    limits_reached: Family<LimitReached, Counter>,
    policy_generation: Gauge,
    policy_timestamp: Gauge,
    reloads: Family<ReloadEnded, Counter>,
    streams_ended: Family<StreamEnded, Counter>,
}

/// A limit that stopped somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// A client sent nothing of an announced content for too long.
    BodyIdle,
    /// Content was longer than allowed.
    BodySize,
    /// There were too many connections.
    Connections,
    /// An HTTP/2 connection sent too many frames that carry no request.
    ControlFrames,
    /// A TLS handshake did not come to its end in time.
    HandshakeTimeout,
    /// A request's head did not come in time.
    HeadTimeout,
    /// A client took nothing of what was written to it for too long.
    WriteTimeout,
}

/// What was read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reloaded {
    /// The certificate of the main listener, and its key.
    Certificate,
    /// The policy.
    Policy,
    /// The keys that sign our statement.
    SigningKeys,
}

/// What came of reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReloadOutcome {
    /// It is in force.
    Applied,
    /// It was not taken, or could not be read: the last good one stays in force.
    Refused,
}

/// What kind of stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// An answer that is no event stream.
    Download,
    /// `text/event-stream`.
    EventStream,
    /// A WebSocket.
    Websocket,
}

/// Why the proxy ended a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// It had lived for `limits.max_stream_age`.
    Age,
    /// The process ends.
    Drain,
    /// The access token it began with expired.
    Expired,
    /// Nothing passed for `limits.stream_idle_timeout`.
    Idle,
    /// The policy no longer admits its user as it did.
    Revoked,
}

impl Limit {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BodyIdle => "body_idle",
            Self::BodySize => "body_size",
            Self::Connections => "connections",
            Self::ControlFrames => "control_frames",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::HeadTimeout => "head_timeout",
            Self::WriteTimeout => "write_timeout",
        }
    }
}

impl Reloaded {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Policy => "policy",
            Self::SigningKeys => "signing_keys",
        }
    }
}

impl ReloadOutcome {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        }
    }
}

impl StreamKind {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::EventStream => "event_stream",
            Self::Websocket => "websocket",
        }
    }
}

impl EndReason {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Drain => "drain",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Revoked => "revoked",
        }
    }
}

impl EncodeLabelValue for Limit {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.name(), encoder)
    }
}

impl EncodeLabelValue for Reloaded {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.name(), encoder)
    }
}

impl EncodeLabelValue for ReloadOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.name(), encoder)
    }
}

impl EncodeLabelValue for StreamKind {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.name(), encoder)
    }
}

impl EncodeLabelValue for EndReason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.name(), encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitReached {
    limit: Limit,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadEnded {
    what: Reloaded,
    outcome: ReloadOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamEnded {
    kind: StreamKind,
    reason: EndReason,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("cognito_auth_proxy");
        let connections = Gauge::default();
        registry.register("connections", "Connections of clients that are open", connections.clone());
        let limits_reached = Family::default();
        registry.register("limits_reached", "How often a limit stopped somebody", limits_reached.clone());
        registry.register(
            "log_lines_dropped",
            "Lines of the log dropped because nobody took them",
            telemetry::lines_dropped(),
        );
        let (policy_generation, policy_timestamp) = (Gauge::default(), Gauge::default());
        registry.register(
            "policy_generation",
            "How many policies have been in force, with the one that is",
            policy_generation.clone(),
        );
        registry.register(
            "policy_timestamp_seconds",
            "When the policy in force was applied, as Unix time",
            policy_timestamp.clone(),
        );
        let reloads = Family::default();
        registry.register("reloads", "What was read again while running, and what came of it", reloads.clone());
        let streams_ended = Family::default();
        registry.register("streams_ended", "Streams that the proxy itself ended", streams_ended.clone());
        Self { registry, connections, limits_reached, policy_generation, policy_timestamp, reloads, streams_ended }
    }
}

impl Metrics {
    /// Counts a limit that stopped somebody.
    pub fn limit_reached(&self, limit: Limit) {
        self.limits_reached.get_or_create(&LimitReached { limit }).inc();
    }

    /// Counts that something was read again.
    pub fn reloaded(&self, what: Reloaded, outcome: ReloadOutcome) {
        self.reloads.get_or_create(&ReloadEnded { what, outcome }).inc();
    }

    /// Notes that another policy came into force, `at`.
    pub fn policy_in_force(&self, at: SystemTime) {
        self.policy_generation.inc();
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.policy_timestamp.set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }

    /// Counts a stream that the proxy ended.
    pub fn stream_ended(&self, kind: StreamKind, reason: EndReason) {
        self.streams_ended.get_or_create(&StreamEnded { kind, reason }).inc();
    }

    /// The number of open connections of clients.
    #[must_use]
    pub const fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// Everything in the OpenMetrics text format, which Prometheus reads.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _written = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_by_name_unit_and_label() {
        let metrics = Metrics::default();
        metrics.limit_reached(Limit::HeadTimeout);
        metrics.stream_ended(StreamKind::EventStream, EndReason::Revoked);
        metrics.stream_ended(StreamKind::EventStream, EndReason::Revoked);
        metrics.connections().inc();
        let text = metrics.render();
        for line in [
            "cognito_auth_proxy_connections 1",
            "cognito_auth_proxy_limits_reached_total{limit=\"head_timeout\"} 1",
            "cognito_auth_proxy_streams_ended_total{kind=\"event_stream\",reason=\"revoked\"} 2",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
