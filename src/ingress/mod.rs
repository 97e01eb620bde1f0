//! Step 3: what comes in.

pub mod headers;
mod presented;

pub use presented::{Field, Presented};
