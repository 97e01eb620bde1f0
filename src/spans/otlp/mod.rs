//! Spans through the OpenTelemetry SDK, sent as OTLP over HTTP (protobuf).
//!
//! A request only puts its finished span into a queue of fixed length. One task takes them from there in batches; while the
//! collector is slow or away the queue fills, and what does not fit is dropped and counted.

mod client;
mod losses;
mod queue;
mod span;

use std::{mem::ManuallyDrop, sync::Arc, time::Duration};

use opentelemetry::{InstrumentationScope, KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{
        BatchConfigBuilder, Sampler, SdkTracer, SdkTracerProvider,
        span_processor_with_async_runtime::BatchSpanProcessor,
    },
};
use prometheus_client::metrics::counter::Counter;
use thiserror::Error;
use tokio_util::task::TaskTracker;

use client::Client;
use losses::{Losses, Watched};
use queue::Background;
pub(super) use span::{Call, Server};

use crate::config::{Collector, UpstreamAddress};

/// How many spans wait at most: a second of a busy proxy.
const QUEUE: usize = 2048;

/// How many go together.
const BATCH: usize = 512;

/// How long spans gather.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a batch may take. The client gives up first, so that what is lost is counted.
const BATCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Why spans cannot be exported.
#[derive(Debug, Error)]
pub enum SpansError {
    /// The HTTP client cannot be set up: TLS, or a proxy setting of the environment.
    #[error("the collector's client cannot be set up")]
    Client(#[source] reqwest::Error),
    /// The exporter does not like what it is given.
    #[error("the exporter cannot be set up")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
}

/// Makes spans and sends them.
#[derive(Debug)]
pub(super) struct Exporter {
    tracer: SdkTracer,
    /// Never dropped, as there is one a process: the last one to be dropped would wait for the task that sends, in whatever thread
    /// that happens, and where the runtime is going that task runs no more.
    provider: ManuallyDrop<SdkTracerProvider>,
    /// Where the application is, as its spans say.
    application: Vec<KeyValue>,
    tasks: TaskTracker,
}

impl Exporter {
    pub(super) fn start(
        collector: &Collector,
        application: &UpstreamAddress,
        tasks: &TaskTracker,
        dropped: &Counter,
    ) -> Result<Self, SpansError> {
        let losses = Arc::new(Losses::counted_by(dropped.clone()));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::of(collector).map_err(SpansError::Client)?)
            .with_endpoint(collector.url.traces())
            // Between two attempts it would sleep in our thread. What a collector did not take is dropped.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(SpansError::Exporter)?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(PAUSE)
            .with_max_export_timeout(BATCH_TIMEOUT)
            .with_max_concurrent_exports(1)
            .build();
        let background = Background { tasks: tasks.clone(), losses: Arc::clone(&losses) };
        let processor = BatchSpanProcessor::builder(Watched { exporter, losses }, background);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor.with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(collector.sample_ratio))))
            .with_resource(Resource::builder().with_service_name(collector.service_name.clone()).build())
            .build();
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME")).with_version(env!("CARGO_PKG_VERSION"));
        let tracer = provider.tracer_with_scope(scope.build());
        Ok(Self {
            tracer,
            provider: ManuallyDrop::new(provider),
            application: address(application),
            tasks: tasks.clone(),
        })
    }

    /// Sends what there is, and makes no more.
    pub(super) async fn finish(&self) {
        let provider = SdkTracerProvider::clone(&self.provider);
        // It waits in its thread. Why nothing was sent has been said by whoever watches the exporter.
        let _finished = self.tasks.spawn_blocking(move || provider.shutdown()).await;
    }
}

fn address(application: &UpstreamAddress) -> Vec<KeyValue> {
    match application {
        UpstreamAddress::Tcp { host, port } => {
            vec![KeyValue::new("server.address", host.clone()), KeyValue::new("server.port", i64::from(*port))]
        }
        UpstreamAddress::Unix(_) => vec![KeyValue::new("network.transport", "unix")],
    }
}
