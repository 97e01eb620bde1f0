//! One line a request: who asked for what, what was decided, how it ended.
//!
//! The line is written when the last byte of the answer has gone, or when the client left; where audits want it, another one
//! when the decision was made, and at the end the request's span is told the same. Each names the subject, never
//! a token, a cookie, a query string; an e-mail address only where that is switched on.

mod encoder;
mod line;
mod words;

use std::{net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Method, StatusCode, Uri};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::{
    authenticator::Profile,
    authoriser::Grant,
    config::{AccessLog, LoggedEmails, Logging},
    ingress::{Answering, Trace, TraceId},
    metrics::{Carrier, Course, EndReason, Metrics, Took},
    rejection::{Reason, Rejection},
    spans::{Facts, ServerSpan},
    telemetry::{self, AUDIT},
};

use self::{
    line::{Line, Lines, Moment, Outcome},
    words::End,
};
pub use words::Decision;

/// The longest path that is logged whole, in bytes.
const LONGEST_PATH: usize = 512;

/// The longest method that is logged whole, in bytes. None that is registered has half of it.
const LONGEST_METHOD: usize = 64;

/// Which lines are written, with what, and where to; and where requests are counted.
#[derive(Debug, Clone)]
pub struct AccessPolicy {
    wanted: AccessLog,
    emails: LoggedEmails,
    requests: Lines,
    decisions: Lines,
    metrics: Arc<Metrics>,
}

impl AccessPolicy {
    /// Takes what it needs of the configuration. The log is started before.
    #[must_use]
    pub fn from_config(logging: &Logging, metrics: Arc<Metrics>) -> Self {
        let sink = telemetry::json_sink();
        Self {
            wanted: logging.access,
            emails: logging.emails,
            requests: Lines::of_requests(sink),
            decisions: Lines::of_decisions(sink, logging.audit),
            metrics,
        }
    }
}

/// What is noted of one request while it goes its way; dropping it counts the request and
/// writes the line.
pub struct Record {
    policy: AccessPolicy,
    request_id: HeaderValue,
    method: Method,
    target: Uri,
    began: Instant,
    /// The client as the first trusted hop saw it.
    pub client: Option<IpAddr>,
    /// What was decided.
    pub decision: Decision,
    /// The rule that admitted the user.
    pub granted_by: Option<Grant>,
    /// The reason of a refusal.
    pub refusal: Option<Reason>,
    /// Who asked, once verified.
    pub profile: Option<Arc<Profile>>,
    /// What of it is traced.
    pub span: ServerSpan,
    trace_id: Option<TraceId>,
    amzn_trace_id: Option<HeaderValue>,
    /// Tells the request's content, which may still be coming, that the answer has not ended.
    pub answering: Option<Answering>,
    head: Option<(StatusCode, Instant)>,
    bytes_out: u64,
    course: Course,
    end: End,
}

impl Record {
    /// Begins the record of a request.
    #[must_use]
    pub fn begin(policy: AccessPolicy, request_id: HeaderValue, method: Method, target: Uri) -> Self {
        policy.metrics.traffic().begins();
        Self {
            policy,
            request_id,
            method,
            target,
            began: Instant::now(),
            client: None,
            decision: Decision::Undecided,
            granted_by: None,
            refusal: None,
            profile: None,
            span: ServerSpan::default(),
            trace_id: None,
            amzn_trace_id: None,
            answering: None,
            head: None,
            bytes_out: 0,
            course: Course::Answer,
            end: End::Aborted,
        }
    }

    /// Which trace it belongs to, and its part of it.
    pub fn traced(&mut self, trace: &Trace, span: ServerSpan) {
        self.trace_id = span.trace_id().or_else(|| trace.parent.map(|parent| *parent.trace_id()));
        self.amzn_trace_id.clone_from(&trace.balancer);
        self.span = span;
    }

    /// It was decided whether the request goes on.
    pub fn decided(&mut self, decision: Decision) {
        self.decision = decision;
        if !matches!(self.policy.decisions, Lines::Off) {
            self.line(Moment::Decided).write(self.policy.decisions);
        }
    }

    /// The user signed out, whoever they are.
    pub fn signed_out(&self) {
        info!(
            target: AUDIT,
            request_id = self.request_id.to_str().unwrap_or_default(),
            subject = self.profile.as_deref().map(|profile| profile.subject.as_str()),
            client = self.client.map(tracing::field::display),
            "signed out"
        );
    }

    /// The request was refused. The reason's chain goes to its own line: it may name hosts, which no client sees.
    pub fn refused(&mut self, rejection: &Rejection) {
        self.refusal = Some(rejection.reason());
        // What was decided stays: the application's failure after that is not a decision on the user.
        if self.decision == Decision::Undecided {
            self.decided(Decision::Deny);
        }
        let request_id = self.request_id.to_str().unwrap_or_default();
        if rejection.is_fault() {
            warn!(request_id, code = rejection.code(), cause = rejection.chain(), "request not answered");
        } else {
            debug!(request_id, code = rejection.code(), cause = rejection.chain(), "request refused");
        }
    }

    /// The head of the answer is ready.
    pub fn answered(&mut self, status: StatusCode) {
        self.head = Some((status, Instant::now()));
    }

    /// Some bytes of the answer's body have gone.
    pub fn sent(&mut self, bytes: u64) {
        self.policy.metrics.traffic().sent(Carrier::Http, bytes);
        self.bytes_out = self.bytes_out.saturating_add(bytes);
    }

    /// The answer goes on, as an event stream or a WebSocket.
    pub const fn goes_on(&mut self) {
        self.course = Course::Stream;
    }

    /// The answer has gone to its end.
    pub const fn complete(&mut self) {
        self.end = End::Complete;
    }

    /// The proxy ended the stream.
    pub const fn ended(&mut self, reason: EndReason) {
        self.end = End::ByUs(reason);
    }

    /// The application broke off.
    pub const fn upstream_failed(&mut self) {
        self.end = End::UpstreamFailed;
    }
}

impl std::fmt::Debug for Record {
    /// The target holds a query, which is nobody's business.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Record").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = Took { time: self.began.elapsed(), course: self.course };
        let status = self.head.map(|(status, _)| status);
        self.policy.metrics.traffic().ends((self.decision, self.refusal, status), took);
        if self.policy.wanted == AccessLog::All || self.refusal.is_some() {
            self.line(Moment::Ended(self.outcome(took.time))).write(self.policy.requests);
        }
        self.span.end(&Facts {
            request_id: self.request_id.to_str().unwrap_or_default(),
            method: self.method.as_str(),
            path: shortened(self.target.path(), LONGEST_PATH),
            status,
            decision: self.decision.name(),
            reason: self.refusal.map(Reason::name),
            end: self.end.name(),
        });
    }
}

impl Record {
    fn outcome(&self, took: Duration) -> Outcome {
        Outcome {
            status: self.head.map(|(status, _)| status.as_u16()),
            end: self.end.name(),
            bytes_out: self.bytes_out,
            head_ms: self.head.map(|(_, at)| at.saturating_duration_since(self.began).into()),
            duration_ms: took.into(),
        }
    }

    fn line(&self, moment: Moment) -> Line<'_> {
        let profile = self.profile.as_deref();
        Line {
            request_id: self.request_id.to_str().unwrap_or_default(),
            method: shortened(self.method.as_str(), LONGEST_METHOD),
            path: shortened(self.target.path(), LONGEST_PATH),
            decision: self.decision.name(),
            reason: self.refusal.map(Reason::name),
            granted_by: self.granted_by.as_ref(),
            subject: profile.map(|profile| profile.subject.as_str()),
            email: match self.policy.emails {
                LoggedEmails::Hidden => None,
                LoggedEmails::Shown => profile.and_then(|profile| profile.email.as_deref()),
            },
            client: self.client,
            moment,
            trace_id: self.trace_id.as_ref().map(TraceId::as_str),
            amzn_trace_id: self.amzn_trace_id.as_ref().and_then(|id| id.to_str().ok()),
        }
    }
}

fn shortened(text: &str, longest: usize) -> &str {
    text.get(..text.floor_char_boundary(longest)).unwrap_or(text)
}
