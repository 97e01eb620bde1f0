//! Where spans go, and whose traces are continued.

use crate::config::{
    Authorities, Collector, CollectorUrl, SpanExport, TraceParents, Tracing, ValueError, findings::Findings, raw,
};

pub(super) fn tracing(
    raw: &raw::Tracing,
    authorities: Option<&Authorities>,
    findings: &mut Findings,
) -> Option<Tracing> {
    let sample_ratio = findings.parsed("tracing.sample_ratio", ratio(raw.sample_ratio));
    let service_name = findings.parsed("tracing.service_name", super::word(&raw.service_name));
    let export = match raw.endpoint.as_deref() {
        None => Some(SpanExport::Off),
        Some(endpoint) => {
            let url = findings.parsed("tracing.endpoint", collector(endpoint));
            url.zip(sample_ratio).zip(service_name.clone()).zip(authorities.cloned()).map(
                |(((url, sample_ratio), service_name), authorities)| {
                    SpanExport::To(Collector { url, authorities, sample_ratio, service_name })
                },
            )
        }
    };
    let parents = if raw.accept_parent { TraceParents::TrustedHops } else { TraceParents::Nobodys };
    sample_ratio.zip(service_name)?;
    Some(Tracing { export: export?, parents })
}

fn collector(endpoint: &str) -> Result<CollectorUrl, ValueError> {
    if cfg!(not(feature = "otlp")) {
        return Err(ValueError {
            problem: "is set in a program that was built without the export of spans",
            remedy: "take it away, or build with the feature otlp",
        });
    }
    CollectorUrl::parse(endpoint)
}

fn ratio(ratio: f64) -> Result<f64, ValueError> {
    // Not a number is in no range.
    if (0.0..=1.0).contains(&ratio) {
        return Ok(ratio);
    }
    Err(ValueError { problem: "is not between 0 and 1", remedy: "write 1.0 for every trace, 0.1 for every tenth" })
}
