//! The proof that a token was verified.

use crate::keys::Trust;

/// Claims of a token whose signature, algorithm, issuer, parties and times were checked.
///
/// ```compile_fail,E0624
/// fn forge(claims: cognito_auth_proxy::token::AlbClaims, trust: cognito_auth_proxy::keys::Trust) {
///     cognito_auth_proxy::token::Verified::assertion(claims, trust);
/// }
/// ```
#[must_use]
pub struct Verified<C> {
    claims: C,
    trust: Trust,
}

impl<C> Verified<C> {
    /// The one constructor: who calls it has made every check of this kind of token.
    pub(super) const fn assertion(claims: C, trust: Trust) -> Self {
        Self { claims, trust }
    }

    /// What the token says.
    pub const fn claims(&self) -> &C {
        &self.claims
    }

    /// How long this is believed without verifying it again: as long as the key is.
    pub const fn trust(&self) -> &Trust {
        &self.trust
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
