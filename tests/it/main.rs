//! Behaviour over real sockets: one binary, one file per topic.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod alb;
mod assertion;
mod authoriser;
mod cognito;
mod dev_mode;
mod endpoints;
mod keys;
mod rejection;
mod reload;
mod story;
mod support;
