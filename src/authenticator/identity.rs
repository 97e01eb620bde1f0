//! Who the user is: proof that the presented credential was verified.

use std::{fmt, sync::Arc};

use crate::{config::EmailAddress, memo::Memo};

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

impl Profile {
    /// Whether it says the same of the user, whenever the credential it was read from expires.
    fn says_the_same(&self, other: &Self) -> bool {
        let Self {
            subject,
            client,
            email,
            email_address,
            email_verified,
            username,
            name,
            given_name,
            family_name,
            groups,
            expires_at: _,
            session_expires_at,
        } = self;
        *subject == other.subject
            && *client == other.client
            && *email == other.email
            && *email_address == other.email_address
            && *email_verified == other.email_verified
            && *username == other.username
            && *name == other.name
            && *given_name == other.given_name
            && *family_name == other.family_name
            && *groups == other.groups
            && *session_expires_at == other.session_expires_at
    }

    /// About how many bytes it takes beside itself.
    pub(super) fn heap(&self) -> usize {
        let claims = [&self.email, &self.username, &self.name, &self.given_name, &self.family_name];
        let claims: usize = claims.into_iter().flatten().map(String::len).sum();
        let address = self.email.as_ref().map_or(0, String::len);
        let groups: usize = self.groups.iter().map(|group| group.len() + size_of::<String>()).sum();
        self.subject.len() + self.client.len() + claims + address + groups
    }
}

/// One verified credential: whose it is, and a place for what is worked out of that.
#[derive(Debug)]
pub(super) struct Known {
    profile: Arc<Profile>,
    memo: Arc<Memo>,
}

impl Known {
    pub(super) fn new(profile: Profile) -> Self {
        Self { profile: Arc::new(profile), memo: Arc::default() }
    }

    /// The same user by a credential that is new: what was worked out of `former` still holds where everything that is
    /// said of the user is the same.
    pub(super) fn after(self, former: &Self) -> Self {
        if self.profile.says_the_same(&former.profile) { Self { memo: Arc::clone(&former.memo), ..self } } else { self }
    }

    /// About how many bytes it takes, the statement that will be made of the profile included: the same claims in JSON
    /// and base64.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + size_of::<Profile>() + 3 * self.profile.heap()
    }
}

/// A verified user. Made only by the [`Authenticator`](super::Authenticator); used up by the authoriser.
///
/// ```compile_fail,E0624
/// fn forge() { cognito_auth_proxy::authenticator::Identity::assertion(todo!()); }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Identity {
    known: Arc<Known>,
}

impl Identity {
    /// The one constructor: who calls it has verified the credential this was read from.
    pub(super) const fn assertion(known: Arc<Known>) -> Self {
        Self { known }
    }

    /// What is known of the user.
    #[must_use]
    pub fn profile(&self) -> &Arc<Profile> {
        &self.known.profile
    }

    /// Where the authoriser keeps its decision: one place for all requests with the same credential.
    #[must_use]
    pub fn memo(&self) -> &Memo {
        &self.known.memo
    }
}
