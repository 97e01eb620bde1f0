//! What holds of every text that an operator, or who writes their files, gives us.

mod certificates;
mod documents;

pub use certificates::certificates;
pub use documents::{config, policy};
