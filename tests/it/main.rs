//! Behaviour over real sockets: one binary, one file per topic.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod binary;
mod connections;
mod drain;
mod forwarding;
mod logs;
mod story;
mod streaming;
mod support;
mod trust;
mod websocket;
