//! The connection to the application.

pub mod assertion;
