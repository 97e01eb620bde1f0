//! Development: what stands around the proxy on a laptop.

pub mod sample;
