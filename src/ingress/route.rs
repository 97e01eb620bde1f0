//! What a request asks for, decided from its path alone.

/// Proof that the route table says this path needs no user.
#[derive(Debug)]
#[must_use]
pub struct PublicRoute(());
