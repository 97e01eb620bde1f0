//! What a line says and where it goes: encoded at once where the log holds JSON, an event like all others elsewhere.
//!
//! A request has two moments that are worth a line: when it was decided on, for who audits, and when it has ended. Both forms
//! of a line have the same names, the same order and the same values (`docs/logs.md`).

use std::{cell::RefCell, net::IpAddr, time::Duration};

use tracing::info;

use super::encoder::Encoder;
use crate::{
    authoriser::Grant,
    config::AuditLog,
    telemetry::{AUDIT, Sink},
};

/// What filters know the lines of requests by.
const ACCESS: &str = "cognito_auth_proxy::access";

/// Where lines go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lines {
    /// Into the log as they are.
    Encoded(&'static Sink),
    /// To whoever takes events.
    Events,
    /// `logging.level` wants none.
    Off,
}

impl Lines {
    /// What the log of this process wants of requests. It does not change while the process lives.
    pub(super) fn of_requests(sink: Option<&'static Sink>) -> Self {
        match sink {
            None => Self::Events,
            Some(sink) if tracing::enabled!(target: ACCESS, tracing::Level::INFO) => Self::Encoded(sink),
            Some(_) => Self::Off,
        }
    }

    /// What it wants of decisions.
    pub(super) fn of_decisions(sink: Option<&'static Sink>, wanted: AuditLog) -> Self {
        match (wanted, sink) {
            (AuditLog::Off, _) => Self::Off,
            (AuditLog::Decisions, None) => Self::Events,
            (AuditLog::Decisions, Some(sink)) if tracing::enabled!(target: AUDIT, tracing::Level::INFO) => {
                Self::Encoded(sink)
            }
            (AuditLog::Decisions, Some(_)) => Self::Off,
        }
    }
}

/// One request. What is `None` is not in the line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) request_id: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) decision: &'static str,
    pub(super) reason: Option<&'static str>,
    pub(super) granted_by: Option<&'a Grant>,
    pub(super) subject: Option<&'a str>,
    pub(super) email: Option<&'a str>,
    pub(super) client: Option<IpAddr>,
    pub(super) moment: Moment,
    pub(super) trace_id: Option<&'a str>,
    pub(super) amzn_trace_id: Option<&'a str>,
}

/// When the line is written, and what is known only then.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// As soon as it was decided.
    Decided,
    /// At the request's end.
    Ended(Outcome),
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) status: Option<u16>,
    pub(super) end: &'static str,
    pub(super) bytes_out: u64,
    pub(super) head_ms: Option<Milliseconds>,
    pub(super) duration_ms: Milliseconds,
}

/// A time in milliseconds with three places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Milliseconds {
    pub(super) microseconds: u64,
}

impl From<Duration> for Milliseconds {
    fn from(time: Duration) -> Self {
        let rounded = time.saturating_add(Duration::from_nanos(500)).as_micros();
        Self { microseconds: u64::try_from(rounded).unwrap_or(u64::MAX) }
    }
}

impl Milliseconds {
    #[expect(clippy::cast_precision_loss, reason = "exact up to a hundred years")]
    fn number(self) -> f64 {
        self.microseconds as f64 / 1e3
    }
}

impl Line<'_> {
    /// Writes it where lines go.
    pub(super) fn write(&self, lines: Lines) {
        match lines {
            Lines::Encoded(sink) => self.encode(sink),
            Lines::Events => self.event(),
            Lines::Off => {}
        }
    }

    fn encode(&self, sink: &Sink) {
        let encoded = ENCODER
            .try_with(|encoder| encoder.try_borrow_mut().map(|mut encoder| sink.append(encoder.encode(self))).is_ok());
        if encoded != Ok(true) {
            // The thread ends, and a request that was still open with it.
            sink.append(Encoder::default().encode(self));
        }
    }

    pub(super) fn event(&self) {
        match self.moment {
            Moment::Decided => self.decided(),
            Moment::Ended(outcome) => self.ended(outcome),
        }
    }

    fn decided(&self) {
        info!(
            target: AUDIT,
            request_id = self.request_id,
            method = self.method,
            path = self.path,
            decision = self.decision,
            reason = self.reason,
            granted_by = self.granted_by.map(tracing::field::display),
            subject = self.subject,
            email = self.email,
            client = self.client.map(tracing::field::display),
            trace_id = self.trace_id,
            amzn_trace_id = self.amzn_trace_id,
            "decision"
        );
    }

    fn ended(&self, outcome: Outcome) {
        info!(
            target: ACCESS,
            request_id = self.request_id,
            method = self.method,
            path = self.path,
            status = outcome.status,
            decision = self.decision,
            reason = self.reason,
            granted_by = self.granted_by.map(tracing::field::display),
            subject = self.subject,
            email = self.email,
            client = self.client.map(tracing::field::display),
            end = outcome.end,
            bytes_out = outcome.bytes_out,
            head_ms = outcome.head_ms.map(Milliseconds::number),
            duration_ms = outcome.duration_ms.number(),
            trace_id = self.trace_id,
            amzn_trace_id = self.amzn_trace_id,
            "request"
        );
    }
}

thread_local! {
    /// Its memory is used again for every line.
    static ENCODER: RefCell<Encoder> = RefCell::default();
}
