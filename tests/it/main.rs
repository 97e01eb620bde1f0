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
mod attacks;
mod authoriser;
mod bad_days_application;
mod bad_days_crowds;
mod bad_days_descriptors;
mod bad_days_drain;
mod bad_days_flood;
mod bad_days_keys;
mod bad_days_policy;
mod bad_days_restarts;
mod bad_days_rotation;
mod binary;
mod check_order;
mod cognito;
mod connections;
mod cross_site;
mod dev_balancer;
mod dev_command;
mod dev_mode;
mod dev_sign_in;
mod drain;
mod endpoints;
mod forwarding;
mod headers;
mod http2;
mod keys;
mod logs;
mod malformed;
mod pages;
mod rejection;
mod reload;
mod routes;
mod story;
mod streaming;
mod support;
mod trust;
mod upgrade;
mod websocket;
