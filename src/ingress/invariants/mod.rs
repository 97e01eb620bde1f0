//! What holds of every request, whatever a stranger writes into its head.

mod fields;
mod targets;

pub use fields::{cookies, headers};
pub use targets::{local_target, paths};
