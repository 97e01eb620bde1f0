//! Who the user is: proof that the presented credential was verified.

use std::{fmt, sync::Arc};

use crate::config::EmailAddress;

/// What verified claims say of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Profile {
    /// Subject, never empty.
    pub subject: String,
    /// App client the load balancer signed the user in with; empty for the mock user.
    pub client: String,
    /// The address as the identity provider wrote it.
    pub email: Option<String>,
    /// The address where it has the form rules can be applied to.
    pub email_address: Option<EmailAddress>,
    /// Whether the identity provider verified it. `None`: it did not say.
    pub email_verified: Option<bool>,
    /// Login name.
    pub username: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// First name.
    pub given_name: Option<String>,
    /// Last name.
    pub family_name: Option<String>,
    /// Groups, in the order of the claim, none twice.
    pub groups: Vec<String>,
    /// The earliest `exp` of the tokens, seconds since 1970.
    pub expires_at: u64,
    /// `exp` of the token that stands for the session, seconds since 1970: the access token, or the load balancer's
    /// where no other is verified.
    pub session_expires_at: u64,
}

impl fmt::Debug for Profile {
    /// Personal data stays out of logs: only the subject is named.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Profile").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A verified user. Made only by the [`Authenticator`](super::Authenticator); used up by the authoriser.
///
/// ```compile_fail,E0624
/// fn forge(profile: std::sync::Arc<cognito_auth_proxy::authenticator::Profile>) {
///     cognito_auth_proxy::authenticator::Identity::assertion(profile);
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Identity {
    profile: Arc<Profile>,
}

impl Identity {
    /// The one constructor: who calls it has verified the credential this profile was read from.
    pub(super) const fn assertion(profile: Arc<Profile>) -> Self {
        Self { profile }
    }

    /// What is known of the user. One `Arc` per verified credential: its address may serve as a cache key while held.
    #[must_use]
    pub const fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }
}
