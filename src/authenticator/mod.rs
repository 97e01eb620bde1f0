//! Step 4: who is it?

mod identity;

pub use identity::{Identity, Profile};
