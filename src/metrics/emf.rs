//! A handful of figures for CloudWatch, without an agent: once a minute a line of the log in its Embedded Metric Format.
//!
//! No dimension: each would be a series of its own that is paid for, and a user or a path must never become one.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use super::{
    Metrics,
    durations::{EXCHANGES, quantile},
    unix_seconds,
};
use crate::{
    access::Decision,
    config::Emf,
    telemetry::{self, Sink, Timestamp},
};

/// CloudWatch's finest period of what is not called high-resolution.
const PERIOD: Duration = Duration::from_mins(1);

/// Says what has happened since it spoke last.
#[derive(Debug)]
struct Reporter {
    metrics: Arc<Metrics>,
    namespace: String,
    last: Totals,
}

/// The task that reports, where one does.
#[derive(Debug)]
pub struct Reporting(Option<JoinHandle<()>>);

impl Reporting {
    /// Begins to report on `tasks` until `stop`, if that is wanted.
    #[must_use]
    pub fn begin(wanted: Emf, metrics: &Arc<Metrics>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let Emf::Namespace(namespace) = wanted else { return Self(None) };
        let Some(sink) = telemetry::json_sink() else {
            warn!("no figures for CloudWatch (logging.emf_namespace): the log is not JSON");
            return Self(None);
        };
        let reporter = Reporter::new(Arc::clone(metrics), namespace);
        Self(Some(tasks.spawn(reporter.run(sink, stop))))
    }

    /// Waits for the last line, which comes at once when it was told to stop.
    pub async fn ended(self) {
        if let Some(task) = self.0 {
            let _ended = task.await;
        }
    }
}

/// All there ever was.
#[derive(Debug, Clone, Default)]
struct Totals {
    requests: u64,
    refusals: u64,
    server_errors: u64,
    key_fetch_failures: u64,
    /// Of requests that were forwarded.
    durations: Vec<u64>,
}

/// One figure and its unit.
struct Figure {
    name: &'static str,
    unit: &'static str,
    value: Value,
}

impl Reporter {
    /// Reports under `namespace` what is counted in `metrics` from now on.
    fn new(metrics: Arc<Metrics>, namespace: String) -> Self {
        let last = Totals::of(&metrics);
        Self { metrics, namespace, last }
    }

    /// A line a minute, and one at the end for what has begun of it.
    async fn run(mut self, sink: &'static Sink, stop: CancellationToken) {
        let mut minutes = interval_at(Instant::now() + PERIOD, PERIOD);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(minutes.tick()).await.is_some() {
            sink.append(self.line(SystemTime::now()).as_bytes());
        }
        sink.append(self.line(SystemTime::now()).as_bytes());
    }

    /// The line of what has happened since the last one, its newline included.
    fn line(&mut self, now: SystemTime) -> String {
        let totals = Totals::of(&self.metrics);
        let figures = totals.since(&self.last).figures().into_iter().chain(self.policy_age(now));
        let (mut definitions, mut line) = (Vec::new(), Map::new());
        for Figure { name, unit, value } in figures {
            definitions.push(json!({ "Name": name, "Unit": unit }));
            line.insert(name.to_owned(), value);
        }
        self.last = totals;
        let milliseconds = u64::try_from(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis());
        let directive = json!({ "Namespace": self.namespace, "Dimensions": [[]], "Metrics": definitions });
        let aws = json!({ "Timestamp": milliseconds.unwrap_or(u64::MAX), "CloudWatchMetrics": [directive] });
        line.insert("_aws".to_owned(), aws);
        for (key, value) in [("level", "INFO"), ("message", "metrics"), ("target", module_path!())] {
            line.insert(key.to_owned(), value.into());
        }
        line.insert("timestamp".to_owned(), Timestamp::default().now().into());
        Value::Object(line).to_string() + "\n"
    }

    /// `None` before there was a policy.
    fn policy_age(&self, now: SystemTime) -> Option<Figure> {
        let applied = Some(self.metrics.policy_timestamp.get()).filter(|at| *at > 0)?;
        let age = unix_seconds(now).saturating_sub(applied).max(0);
        Some(Figure { name: "PolicyAge", unit: "Seconds", value: age.into() })
    }
}

impl Totals {
    fn of(metrics: &Metrics) -> Self {
        let requests = &metrics.traffic.requests;
        Self {
            requests: requests.sum(|_| true),
            refusals: requests.sum(|labels| labels.contains(&("decision", "deny"))),
            server_errors: requests.sum(|labels| labels.contains(&("status", "5xx"))),
            key_fetch_failures: metrics.verification.fetches.sum(|labels| labels.contains(&("outcome", "unavailable"))),
            durations: metrics.traffic.durations.totals(&[Decision::Allow, Decision::Public]),
        }
    }

    fn since(&self, last: &Self) -> Self {
        let grown = |now: &u64, before: Option<&u64>| now.saturating_sub(before.copied().unwrap_or_default());
        let durations = self.durations.iter().enumerate().map(|(place, now)| grown(now, last.durations.get(place)));
        Self {
            requests: grown(&self.requests, Some(&last.requests)),
            refusals: grown(&self.refusals, Some(&last.refusals)),
            server_errors: grown(&self.server_errors, Some(&last.server_errors)),
            key_fetch_failures: grown(&self.key_fetch_failures, Some(&last.key_fetch_failures)),
            durations: durations.collect(),
        }
    }

    /// Times are there only where something was timed: 0 would pull every average down.
    fn figures(&self) -> Vec<Figure> {
        let counts = [
            ("Requests", self.requests),
            ("Refusals", self.refusals),
            ("ServerErrors", self.server_errors),
            ("KeyFetchFailures", self.key_fetch_failures),
        ];
        let counts = counts.map(|(name, count)| Figure { name, unit: "Count", value: count.into() });
        let times =
            [("RequestDurationP50", 0.5), ("RequestDurationP99", 0.99)].into_iter().filter_map(|(name, share)| {
                let milliseconds = quantile(EXCHANGES, &self.durations, share)?.as_secs_f64() * 1e3;
                Some(Figure { name, unit: "Milliseconds", value: milliseconds.into() })
            });
        counts.into_iter().chain(times).collect()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::{
        metrics::{Course, FetchOutcome, KeySource, Took},
        rejection::Reason,
    };

    fn ends(metrics: &Metrics, decision: Decision, reason: Option<Reason>, status: StatusCode) {
        metrics.traffic().begins();
        let took = Took { time: Duration::from_millis(4), course: Course::Answer };
        metrics.traffic().ends((decision, reason, Some(status)), took);
    }

    fn parsed(reporter: &mut Reporter) -> Value {
        let line = reporter.line(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
        assert!(line.ends_with("}\n") && line.lines().count() == 1, "{line}");
        serde_json::from_str(&line).unwrap()
    }

    /// The rules of the specification: each metric of a directive is a number among the members of the root, the
    /// namespace is a word, dimensions are sets of members' names, the time is in milliseconds.
    fn assert_is_emf(line: &Value) {
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        let [directive] = &line["_aws"]["CloudWatchMetrics"].as_array().unwrap()[..] else { panic!("{line}") };
        assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("Auth/Proxy"), &json!([[]])));
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!(!metrics.is_empty() && metrics.len() <= 100);
        for metric in metrics {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric} of {line}");
            assert!(["Count", "Milliseconds", "Seconds"].contains(&metric["Unit"].as_str().unwrap()), "{metric}");
        }
        let numbers = line.as_object().unwrap().values().filter(|value| value.is_number()).count();
        assert_eq!(numbers, metrics.len(), "every number is a metric: {line}");
    }

    #[test]
    fn a_line_is_emf_and_says_what_has_happened_since_the_one_before() {
        let metrics = Arc::new(Metrics::default());
        ends(&metrics, Decision::Allow, None, StatusCode::OK);
        let mut reporter = Reporter::new(Arc::clone(&metrics), "Auth/Proxy".to_owned());
        for _ in 0..3 {
            ends(&metrics, Decision::Allow, None, StatusCode::OK);
        }
        ends(&metrics, Decision::Deny, Some(Reason::BadSignature), StatusCode::UNAUTHORIZED);
        ends(&metrics, Decision::Allow, Some(Reason::UpstreamTimeout), StatusCode::GATEWAY_TIMEOUT);
        metrics.verification().asked_for_keys(KeySource::Pool, FetchOutcome::Unavailable);
        metrics.verification().asked_for_keys(KeySource::Pool, FetchOutcome::Fetched);
        metrics.policy_in_force(UNIX_EPOCH + Duration::from_secs(1_699_999_000));
        let first = parsed(&mut reporter);
        assert_is_emf(&first);
        let counted =
            ["Requests", "Refusals", "ServerErrors", "KeyFetchFailures", "PolicyAge"].map(|name| &first[name]);
        assert_eq!(counted, [&json!(5), &json!(1), &json!(1), &json!(1), &json!(1000)]);
        assert_eq!(first["RequestDurationP50"], 3.75, "between 2.5 and 5 ms");
        assert_eq!(first["message"], "metrics");

        let second = parsed(&mut reporter);
        assert_is_emf(&second);
        assert_eq!((&second["Requests"], &second["KeyFetchFailures"]), (&json!(0), &json!(0)));
        assert!(second.get("RequestDurationP50").is_none(), "nothing was timed: {second}");
    }
}
