//! Development without AWS: the only maker of ALB-shaped tokens here, and a server for its keys.
//!
//! Tests, benches, examples and the `dev` command use the same code, so there is one idea of what such a token is.

#[cfg(test)]
pub(crate) mod fixture;
mod issuer;
mod key_endpoint;
mod signers;

pub use issuer::{Issuer, Parties, Tokens, User};
pub use key_endpoint::{Fault, KeyEndpoint};
pub use signers::{SignerError, TokenShape};
