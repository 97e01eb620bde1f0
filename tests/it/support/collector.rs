//! An OpenTelemetry collector that keeps what it is sent.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};
use prost::Message as _;

use super::{proxy::Setup, upstream::Upstream};

/// A span with everything of it as text.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) is_error: bool,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Told {
    /// An attribute.
    pub(crate) fn says(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// What the application gets where this is its parent.
    pub(crate) fn as_parent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }
}

/// A collector on a loopback port.
pub(crate) struct Collector(Upstream);

impl Collector {
    pub(crate) async fn start() -> Self {
        Self(Upstream::answering(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await)
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.0.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The spans of the next export.
    pub(crate) async fn next(&self) -> Vec<Told> {
        let seen = self.0.next().await;
        assert_eq!(seen.line, "POST /v1/traces HTTP/1.1");
        assert_eq!(seen.field("content-type"), Some("application/x-protobuf"));
        told(&seen.body)
    }

    /// The spans of as many exports as it takes for so many; there may be more.
    pub(crate) async fn spans(&self, number: usize) -> Vec<Told> {
        let mut spans = Vec::new();
        while spans.len() < number {
            spans.extend(self.next().await);
        }
        spans
    }

    /// What came and nobody has asked for, as it came.
    pub(crate) fn unasked(&self) -> Vec<Vec<u8>> {
        self.0.unasked().into_iter().map(|seen| seen.body).collect()
    }
}

impl Setup {
    /// With spans going there.
    pub(crate) fn traced(self, url: &str) -> Self {
        self.set("COGNITO_AUTH_TRACING_ENDPOINT", url)
    }
}

/// The spans of one request to a collector.
pub(crate) fn told(body: &[u8]) -> Vec<Told> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let of_resource = request.resource_spans.into_iter().flat_map(|resource| {
        let service = attributes(&resource.resource.unwrap().attributes)["service.name"].clone();
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.map(|span| one(&service, &span)).collect::<Vec<_>>()
    });
    of_resource.collect()
}

fn one(service: &str, span: &Span) -> Told {
    Told {
        service: service.to_owned(),
        name: span.name.clone(),
        kind: format!("{:?}", span.kind()),
        trace: hexadecimal(&span.trace_id),
        id: hexadecimal(&span.span_id),
        parent: hexadecimal(&span.parent_span_id),
        state: span.trace_state.clone(),
        is_error: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
        attributes: attributes(&span.attributes),
    }
}

fn attributes(list: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("no text and no number: {other:?}"),
    };
    list.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
