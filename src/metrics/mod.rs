//! What is counted, for Prometheus: names end in their unit, label values are closed sets (docs/metrics.md).
//!
//! A request is counted by adding to numbers in arrays: nothing is looked up by hash, locked or allocated for it.

mod cells;
mod durations;
pub mod emf;
mod exposition;
mod label;
mod labels;
mod process;
mod traffic;
mod verification;

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use cells::Unset;

use crate::telemetry;

pub(crate) use label::closed_set;

pub use self::{
    cells::{Counters, Gauges},
    durations::Durations,
    exposition::Form,
    label::{Label, Labels},
    labels::{
        Carrier, EndReason, FetchOutcome, KeySource, Limit, Lookup, Memory, ReloadOutcome, Reloaded, StatusClass,
        StreamKind,
    },
    traffic::{Course, OpenStream, Took, Traffic},
    verification::Verification,
};

/// Everything one proxy counts. Made once; shared by whoever has something to count.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections: Gauge,
    draining: Gauge,
    limits_reached: Counters<Limit>,
    policy_generation: Gauge,
    policy_timestamp: Gauge,
    reload_failing: Gauges<Reloaded>,
    reloads: Counters<(Reloaded, ReloadOutcome)>,
    spans_dropped: Counter,
    traffic: Traffic,
    verification: Verification,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut root = Registry::default();
        root.register_collector(Box::new(process::Process { started: unix_seconds(SystemTime::now()) }));
        let registry = root.sub_registry_with_prefix("cognito_auth_proxy");
        registry.register("build_info", "1, for the program of this version and commit", build_info());
        let (connections, draining) = (Gauge::default(), Gauge::default());
        registry.register("connections", "Connections of clients that are open", connections.clone());
        registry.register("draining", "1 while the process is on its way out", draining.clone());
        let limits_reached = Counters::new();
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
        let reload_failing = Gauges::new(Unset::Zero);
        registry.register(
            "reload_failing",
            "1 while what is there is not taken, and the last good one stays in force",
            reload_failing.clone(),
        );
        let reloads = Counters::new();
        registry.register("reloads", "What was read again while running, and what came of it", reloads.clone());
        let spans_dropped = Counter::default();
        registry.register("spans_dropped", "Spans that no collector took", spans_dropped.clone());
        let (traffic, verification) = (Traffic::register(registry), Verification::register(registry));
        Self {
            registry: root,
            connections,
            draining,
            limits_reached,
            policy_generation,
            policy_timestamp,
            reload_failing,
            reloads,
            spans_dropped,
            traffic,
            verification,
        }
    }
}

impl Metrics {
    /// Counts a limit that stopped somebody.
    pub fn limit_reached(&self, limit: Limit) {
        self.limits_reached.inc(limit);
    }

    /// Counts that something was read again, and notes whether it lasts that it is not taken.
    pub fn reloaded(&self, what: Reloaded, outcome: ReloadOutcome) {
        self.reloads.inc((what, outcome));
        let failing = match outcome {
            ReloadOutcome::Applied => 0,
            ReloadOutcome::Refused => 1,
        };
        self.reload_failing.set(what, failing);
    }

    /// Notes that another policy came into force, `at`.
    pub fn policy_in_force(&self, at: SystemTime) {
        self.policy_generation.inc();
        self.policy_timestamp.set(unix_seconds(at));
    }

    /// Counts a stream that the proxy ended.
    pub fn stream_ended(&self, kind: StreamKind, reason: EndReason) {
        self.traffic.stream_ended(kind, reason);
    }

    /// Notes that the process is on its way out.
    pub fn drain_begins(&self) {
        self.draining.set(1);
    }

    /// How many spans no collector took.
    #[must_use]
    pub const fn spans_dropped(&self) -> &Counter {
        &self.spans_dropped
    }

    /// The number of open connections of clients.
    #[must_use]
    pub const fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// Requests and streams.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Credentials and keys.
    #[must_use]
    pub const fn verification(&self) -> &Verification {
        &self.verification
    }

    /// Everything in the OpenMetrics text format; [`Form::of`] has the other one.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _written = encode(&mut text, &self.registry);
        text
    }
}

/// A gauge and not the type `info`, which the older form of the text does not know.
fn build_info() -> Family<Vec<(&'static str, &'static str)>, Gauge> {
    let family = Family::default();
    let labels = vec![("version", env!("CARGO_PKG_VERSION")), ("commit", env!("BUILD_COMMIT"))];
    Family::<Vec<_>, Gauge>::get_or_create(&family, &labels).set(1);
    family
}

fn unix_seconds(at: SystemTime) -> i64 {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
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
