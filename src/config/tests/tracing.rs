//! Whether there are spans at all was decided when the program was built.

use super::*;
use crate::config::SpanExport;

fn with_a_collector() -> Start {
    Start::minimal("").variable("COGNITO_AUTH_TRACING_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
}

#[cfg(feature = "otlp")]
#[test]
fn a_collector_is_where_spans_go() {
    assert!(matches!(with_a_collector().config().tracing.export, SpanExport::To(_)));
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_program_built_without_spans_refuses_a_collector_and_starts_without_one() {
    let problem = with_a_collector().problem();
    assert!(problem.starts_with("tracing.endpoint (environment COGNITO_AUTH_TRACING_ENDPOINT)"), "{problem}");
    assert!(problem.contains("built without the export of spans") && problem.contains("the feature otlp"), "{problem}");
    assert!(matches!(Start::minimal("").config().tracing.export, SpanExport::Off));
}
