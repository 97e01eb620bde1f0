//! Development without AWS: the only maker of ALB-shaped tokens here, a server for its keys, and a sample application.
//!
//! Tests, benches, examples and the `dev` command use the same code, so there is one idea of what such a token is.
//! Nothing here takes part in a request of production.

mod claims;
#[cfg(test)]
pub(crate) mod fixture;
mod issuer;
mod key_endpoint;
pub mod load_balancer;
mod personas;
pub mod sample;
mod signers;

pub use issuer::{GroupsIn, Issuer, Parties, Tokens, User};
pub use key_endpoint::{Fault, KeyEndpoint};
pub use personas::{Persona, Personas, PersonasError, PersonasProblem, subject_of};
pub use signers::{SignerError, TokenShape};
