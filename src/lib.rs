//! The authentication sidecar behind an AWS Application Load Balancer.

pub mod authenticator;
pub mod config;
pub mod dev;
pub mod ingress;
pub mod keys;
pub mod token;
