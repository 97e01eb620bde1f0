//! Behaviour over real sockets: one binary, one file per topic.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod attacks;
mod binary;
mod connections;
mod cross_site;
mod drain;
mod forwarding;
mod headers;
mod http2;
mod logs;
mod malformed;
mod routes;
mod story;
mod streaming;
mod support;
mod trust;
mod websocket;
