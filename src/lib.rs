//! The authentication sidecar behind an AWS Application Load Balancer.

pub mod authenticator;
pub mod authoriser;
pub mod config;
pub mod dev;
pub mod ingress;
pub mod upstream;
