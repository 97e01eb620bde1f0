//! The `[upstream]` section: the application behind us.

use std::time::Duration;

use crate::config::UpstreamAddress;

/// The application behind us.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Where it listens.
    pub address: UpstreamAddress,
    /// The framework it is built with.
    pub preset: Preset,
    /// Whether verified `x-amzn-oidc-*` fields are put back.
    pub alb_headers: AlbHeaders,
    /// How long a connection attempt may take.
    pub connect_timeout: Duration,
    /// How long the application may take to begin its answer.
    pub response_timeout: Duration,
    /// How long an unused connection is kept for the next request; below the application's own limit (uvicorn: 5 s).
    pub pool_idle_timeout: Duration,
}

/// Framework presets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// FastAPI: `Host` unchanged.
    FastApi,
    /// Nothing assumed: `Host` unchanged.
    Generic,
    /// Gradio: `Host` is the application's own address, so that Gradio grants no foreign origin (upstreams.md).
    Gradio,
    /// Streamlit: `Host` unchanged, its WebSocket compares it with `Origin`.
    Streamlit,
}

impl Preset {
    /// Where applications of this framework take uploads, with everything under it (upstreams.md).
    #[must_use]
    pub const fn upload_paths(self) -> &'static [&'static str] {
        match self {
            Self::FastApi | Self::Generic => &[],
            Self::Gradio => &["/gradio_api/upload", "/upload"],
            Self::Streamlit => &["/_stcore/upload_file"],
        }
    }
}

/// Whether the verified `x-amzn-oidc-*` fields go on to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlbHeaders {
    /// Removed.
    Drop,
    /// All three put back after verification.
    PassVerified,
    /// Put back but for the access token, which is not verified where groups come from the load balancer's token.
    PassVerifiedData,
}
