//! What a span says, by OpenTelemetry's semantic conventions for HTTP.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceId as OtelTraceId, TraceState,
    },
};
use opentelemetry_sdk::trace::Span;

use super::Exporter;
use crate::{
    ingress::{Head, Inbound, TraceId, TraceParent},
    spans::Facts,
    upstream::UpstreamError,
};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: &str = "tracestate";

/// The span of one request.
#[derive(Debug)]
pub(in crate::spans) struct Server {
    span: Span,
    exporter: Arc<Exporter>,
}

impl Server {
    pub(in crate::spans) fn begin(exporter: &Arc<Exporter>, inbound: &Inbound) -> Self {
        let context = match &inbound.trace.parent {
            None => Context::new(),
            Some(parent) => Context::new().with_remote_span_context(remote(parent, &inbound.head.fields)),
        };
        let span = SpanBuilder::from_name(name(inbound.head.method.as_str()))
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("url.scheme", inbound.forwarded.scheme())])
            .start_with_context(&exporter.tracer, &context);
        Self { span, exporter: Arc::clone(exporter) }
    }

    pub(in crate::spans) fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(self.span.span_context().trace_id().to_bytes())
    }

    pub(in crate::spans) fn end(mut self, facts: &Facts<'_>) {
        if self.span.is_recording() {
            self.span.set_attributes(method(facts.method));
            self.span.set_attribute(KeyValue::new("url.path", facts.path.to_owned()));
            self.span.set_attribute(KeyValue::new("cognito_auth_proxy.request_id", facts.request_id.to_owned()));
            self.span.set_attribute(KeyValue::new("cognito_auth_proxy.decision", facts.decision));
            self.span.set_attribute(KeyValue::new("cognito_auth_proxy.end", facts.end));
            if let Some(reason) = facts.reason {
                self.span.set_attribute(KeyValue::new("cognito_auth_proxy.reason", reason));
            }
            if let Some(status) = facts.status {
                self.span.set_attribute(status_code(status));
            }
            // A refusal is no error of ours.
            if facts.status.is_some_and(|status| status.is_server_error()) {
                self.failed(facts.reason.unwrap_or("upstream_status"));
            } else if facts.end == "upstream_failed" {
                self.failed(facts.end);
            }
        }
        self.span.end();
    }

    fn failed(&mut self, kind: &'static str) {
        self.span.set_attribute(KeyValue::new("error.type", kind));
        self.span.set_status(Status::error(""));
    }
}

/// The span of the application's part.
#[derive(Debug)]
pub(in crate::spans) struct Call {
    span: Span,
}

impl Call {
    /// Begins it, and makes it the parent of whatever the application does. The state of the trace stands in the request
    /// already, where there is one.
    pub(in crate::spans) fn begin(server: &Server, head: &mut Head) -> Self {
        let context = Context::new().with_remote_span_context(server.span.span_context().clone());
        let mut span = SpanBuilder::from_name(name(head.method.as_str()))
            .with_kind(SpanKind::Client)
            .start_with_context(&server.exporter.tracer, &context);
        if span.is_recording() {
            span.set_attributes(method(head.method.as_str()));
            span.set_attributes(server.exporter.application.iter().cloned());
        }
        let own = span.span_context();
        let parent = format!("00-{:032x}-{:016x}-{:02x}", own.trace_id(), own.span_id(), own.trace_flags());
        if let Ok(parent) = HeaderValue::try_from(parent) {
            head.fields.insert(&TRACEPARENT, parent);
        }
        Self { span }
    }

    pub(in crate::spans) fn end(mut self, answered: Result<StatusCode, &UpstreamError>) {
        let failure = match answered {
            Ok(status) => {
                self.span.set_attribute(status_code(status));
                status.is_server_error().then_some("upstream_status")
            }
            Err(error) => Some(failure(error)),
        };
        if let Some(failure) = failure {
            self.span.set_attribute(KeyValue::new("error.type", failure));
            self.span.set_status(Status::error(""));
        }
        self.span.end();
    }
}

/// A parent as the SDK has it.
fn remote(parent: &TraceParent, fields: &HeaderMap) -> SpanContext {
    let state = fields.get(TRACESTATE).and_then(|state| state.to_str().ok()?.parse().ok());
    SpanContext::new(
        OtelTraceId::from_hex(parent.trace_id().as_str()).unwrap_or(OtelTraceId::INVALID),
        SpanId::from(parent.span_id()),
        TraceFlags::new(parent.flags()),
        true,
        state.unwrap_or(TraceState::NONE),
    )
}

/// The methods of the conventions: what a client makes up is no name of anything.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

fn known(method: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|known| *known == method)
}

fn name(method: &str) -> &'static str {
    known(method).unwrap_or("HTTP")
}

fn method(method: &str) -> [KeyValue; 1] {
    [KeyValue::new("http.request.method", known(method).unwrap_or("_OTHER"))]
}

fn status_code(status: StatusCode) -> KeyValue {
    KeyValue::new("http.response.status_code", i64::from(status.as_u16()))
}

const fn failure(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::Assertion(_) => "assertion",
        UpstreamError::Content(_) => "content",
        UpstreamError::Connect(_) => "connect",
        UpstreamError::ConnectTimeout => "connect_timeout",
        UpstreamError::Exchange(_) => "exchange",
        UpstreamError::ResponseTimeout => "response_timeout",
        UpstreamError::TransferCoding => "transfer_coding",
        UpstreamError::UnrequestedUpgrade => "unrequested_upgrade",
    }
}
