//! The proofs that a request may be forwarded.

use std::sync::Arc;

use super::rule::{Grant, Standing};
use crate::{authenticator::Profile, ingress::PublicRoute};

/// A verified user whom the policy admits, and how. Made only by [`Authoriser::authorise`](super::Authoriser::authorise).
///
/// It cannot be forged:
///
/// ```compile_fail,E0624
/// # use cognito_auth_proxy::{authenticator::Profile, authoriser::{Authorised, Grant}};
/// # use std::sync::Arc;
/// fn forge(profile: Arc<Profile>) -> Authorised { Authorised::assertion(profile, Grant::User) }
/// ```
///
/// ```compile_fail,E0451
/// # use cognito_auth_proxy::{authenticator::Profile, authoriser::{Authorised, Grant}};
/// # use std::sync::Arc;
/// fn forge(profile: Arc<Profile>) -> Authorised { Authorised { profile, granted_by: Grant::User } }
/// ```
///
/// nor used for a second request:
///
/// ```compile_fail,E0599
/// # use cognito_auth_proxy::authoriser::Authorised;
/// fn twice(authorised: Authorised) -> (Authorised, Authorised) { (authorised.clone(), authorised) }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Authorised {
    profile: Arc<Profile>,
    granted_by: Grant,
}

impl Authorised {
    /// The one constructor: who calls it has seen the policy admit this user by `granted_by`.
    pub(super) const fn assertion(profile: Arc<Profile>, granted_by: Grant) -> Self {
        Self { profile, granted_by }
    }

    /// Who it is.
    #[must_use]
    pub const fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// The rule that admitted them, for logs: it names no person.
    #[must_use]
    pub const fn granted_by(&self) -> &Grant {
        &self.granted_by
    }

    /// Whether they are an admin, which follows from the rule that admitted them.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.granted_by.standing()
    }
}

/// The licence to forward one request. Whoever holds a proof can make one; nothing is forwarded without it.
#[derive(Debug)]
#[must_use]
pub enum Permit {
    /// The path needs no user, and none is named to the application.
    Public(PublicRoute),
    /// This user is admitted.
    User(Authorised),
}
