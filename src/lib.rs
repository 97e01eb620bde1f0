//! The authentication sidecar behind an AWS Application Load Balancer: verifies, authorises, forwards.
//!
//! The modules in the order a request meets them:
//!
//! 1. [`server`] accepts connections;
//! 2. [`gateway`] tells the story of one request;
//! 3. [`ingress`] takes everything out of it that only we may say;
//! 4. [`authenticator`] finds out who it is,
//! 5. with [`token`], which judges tokens,
//! 6. and [`keys`], which fetches what verifies them;
//! 7. [`authoriser`] decides whether they may;
//! 8. [`rejection`] says no;
//! 9. [`upstream`] forwards.

pub mod server;

pub mod gateway;

pub mod ingress;

pub mod authenticator;

pub mod token;

pub mod keys;

pub mod authoriser;

pub mod rejection;

pub mod upstream;

// What the proxy answers itself.
pub mod admin;
pub mod endpoints;
pub mod pages;
pub mod readiness;
pub mod response;

// What a process needs around requests.
pub mod access;
mod alarm;
pub mod app;
mod cause;
pub mod commands;
pub mod config;
pub mod followed;
pub mod hints;
pub mod memo;
pub mod metrics;
mod outgoing;
pub mod reload;
pub mod renewal;
pub mod spans;
pub mod telemetry;

// Development and tests: issuer, key endpoint, sample application.
pub mod dev;

// What holds for every input: the oracles of fuzzing and property tests.
#[cfg(any(test, fuzzing))]
pub mod invariants;
