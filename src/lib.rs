//! The authentication sidecar behind an AWS Application Load Balancer.

pub mod authenticator;
pub mod commands;
pub mod config;
pub mod ingress;
