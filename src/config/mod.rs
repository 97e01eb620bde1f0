//! Everything an operator can set, typed and true by construction.
//!
//! [`Config`] holds only values that work: nothing here needs a second look at run time. It is made in one place,
//! [`Config::load`], which merges the layers, reports every problem at once and remembers where each value came from.

mod policy_file;
mod secret;
mod sections;
mod signing_key;
mod values;

pub use policy_file::PolicyDocumentError;
pub use secret::Secret;
pub use sections::*;
pub use signing_key::{AssertionAlgorithm, SigningError, SigningKeys};
pub use values::*;
