//! The `[tracing]` section: which traces requests belong to, and where spans go.

use crate::config::{Authorities, CollectorUrl};

/// Traces and spans.
#[derive(Debug, Clone)]
pub struct Tracing {
    /// Where spans go.
    pub export: SpanExport,
    /// Whose word on the trace of a request counts.
    pub parents: TraceParents,
}

/// Whether spans are made and sent.
#[derive(Debug, Clone, PartialEq)]
pub enum SpanExport {
    /// There are none.
    Off,
    /// To a collector.
    To(Collector),
}

/// An OpenTelemetry collector, and what it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Collector {
    /// The base URL of its OTLP/HTTP receiver.
    pub url: CollectorUrl,
    /// Who may vouch for it, beside the system's authorities.
    pub authorities: Authorities,
    /// Which part of the traces that begin here is recorded, 0 to 1.
    pub sample_ratio: f64,
    /// What we are called there.
    pub service_name: String,
}

/// Whose trace a request may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceParents {
    /// One that begins here.
    Nobodys,
    /// That of a trusted hop, where it names one.
    TrustedHops,
}
