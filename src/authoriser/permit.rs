//! The proofs that a request may be forwarded.

use std::sync::Arc;

use super::rule::{Grant, Standing};
use crate::{
    authenticator::{Identity, Profile},
    ingress::PublicRoute,
    memo::Memo,
};

/// What one policy said of one verified user, kept beside their credential.
#[derive(Debug)]
pub(super) struct Decision {
    policy: u64,
    granted_by: Grant,
    memo: Memo,
}

impl Decision {
    /// The policy of this number admits the user by `granted_by`.
    pub(super) fn new(policy: u64, granted_by: Grant) -> Self {
        Self { policy, granted_by, memo: Memo::default() }
    }

    /// Whether the policy of this number said so, and no other.
    pub(super) const fn is_of(&self, policy: u64) -> bool {
        self.policy == policy
    }
}

/// A verified user whom the policy admits, and how. Made only by [`Authoriser::authorise`](super::Authoriser::authorise).
///
/// It cannot be forged:
///
/// ```compile_fail,E0624
/// # use cognito_auth_proxy::{authenticator::Identity, authoriser::Authorised};
/// fn forge(identity: Identity) -> Authorised { Authorised::assertion(identity, todo!()) }
/// ```
///
/// ```compile_fail,E0451
/// # use cognito_auth_proxy::{authenticator::Identity, authoriser::Authorised};
/// fn forge(identity: Identity) -> Authorised { Authorised { identity, decision: todo!() } }
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
    identity: Identity,
    decision: Arc<Decision>,
}

impl Authorised {
    /// The one constructor: who calls it has the decision of the policy in force about this very user.
    pub(super) const fn assertion(identity: Identity, decision: Arc<Decision>) -> Self {
        Self { identity, decision }
    }

    /// Who it is.
    #[must_use]
    pub fn profile(&self) -> &Arc<Profile> {
        self.identity.profile()
    }

    /// The rule that admitted them, for logs: it names no person.
    #[must_use]
    pub fn granted_by(&self) -> &Grant {
        &self.decision.granted_by
    }

    /// Whether they are an admin, which follows from the rule that admitted them.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.granted_by().standing()
    }

    /// Where the statement about them is kept: one place for all requests with the same credential under the same
    /// policy, and so of one profile in one standing.
    #[must_use]
    pub fn memo(&self) -> &Memo {
        &self.decision.memo
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
