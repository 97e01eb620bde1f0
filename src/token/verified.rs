//! The proof that a token was verified.

/// Claims of a token whose signature, algorithm, issuer, parties and times were checked.
///
/// ```compile_fail
/// fn forge(claims: cognito_auth_proxy::token::AlbClaims) { cognito_auth_proxy::token::Verified::assertion(claims); }
/// ```
#[must_use]
pub struct Verified<C> {
    claims: C,
}

impl<C> Verified<C> {
    /// The one constructor: who calls it has made every check of this kind of token.
    pub(super) const fn assertion(claims: C) -> Self {
        Self { claims }
    }

    /// What the token says.
    pub const fn claims(&self) -> &C {
        &self.claims
    }

    /// What the token says, for keeps.
    pub fn into_claims(self) -> C {
        self.claims
    }
}

impl<C> std::fmt::Debug for Verified<C> {
    /// Claims are personal data.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Verified(…)")
    }
}
