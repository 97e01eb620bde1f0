//! Step 3: what comes in.

pub mod headers;
mod presented;
mod route;

pub use presented::{Field, Presented};
pub use route::PublicRoute;
