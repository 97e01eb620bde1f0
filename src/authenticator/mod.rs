//! Step 4: who is it? A presented credential is verified and its parts bound to one subject, or it is refused.

mod access_tokens;
mod cache;
mod credential;
mod dev;
mod identity;
mod turns;
mod verifiers;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use thiserror::Error;

use crate::{
    config::{Credentials, Dev},
    keys::{FetchError, Fetching},
    token::TokenError,
};

use identity::Known;
use verifiers::Verifiers;

pub use credential::{AlbCredential, Credential, CredentialError, CredentialField, LONGEST_FIELD};
pub use identity::{Identity, Profile};

/// Why a request has no identity.
#[derive(Debug, Clone, Error)]
pub enum AuthenticationError {
    /// The identity fields are not of the form of a credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// A field is not there without which nobody is signed in.
    #[error("{field} is missing")]
    Missing {
        /// Which one.
        field: CredentialField,
    },
    /// A token was refused, or could not be decided on. Without a configured load balancer every token is of a wrong
    /// signer.
    #[error("a token was refused")]
    Token(#[from] TokenError),
    /// The tokens and `x-amzn-oidc-identity` do not speak of one subject.
    #[error("the identity fields speak of different subjects")]
    SubjectMismatch,
}

/// Why there is no authenticator.
#[derive(Debug, Error)]
pub enum SetupError {
    /// Keys cannot be fetched on this machine.
    #[error(transparent)]
    Keys(#[from] FetchError),
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
}

/// Turns credentials into identities.
#[derive(Debug)]
pub struct Authenticator {
    presented: PresentedCredential,
    absent: AbsentCredential,
}

/// What becomes of identity fields.
#[derive(Debug)]
enum PresentedCredential {
    Refused,
    Verified(Box<Verifiers>),
}

/// What becomes of a request without any identity field.
#[derive(Debug)]
enum AbsentCredential {
    Refused,
    Mock(Arc<Known>),
}

impl Authenticator {
    /// Verifies by `credentials`, with the mock user of `dev`, and remembers what was verified in `memory` bytes. Nothing
    /// is fetched yet; fetches run, and all of it is counted, as `fetching` says.
    pub fn from_config(
        credentials: &Credentials,
        dev: &Dev,
        memory: u64,
        fetching: Fetching,
    ) -> Result<Self, SetupError> {
        let presented = match credentials {
            Credentials::RefuseAll => PresentedCredential::Refused,
            Credentials::Verify(expected) => {
                PresentedCredential::Verified(Box::new(Verifiers::from_config(expected, memory, fetching)?))
            }
        };
        let absent = match dev {
            Dev::Off => AbsentCredential::Refused,
            Dev::On(mode) => AbsentCredential::Mock(Arc::new(Known::new(dev::mock_profile(mode)))),
        };
        Ok(Self { presented, absent })
    }

    /// Who presented `credential`, as of now. May be dropped at any time; a key fetch it began goes on.
    pub async fn authenticate(&self, credential: Credential<'_>) -> Result<Identity, AuthenticationError> {
        // A clock before 1970 is broken; at the end of time every token has expired.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
        self.authenticate_at(credential, now).await
    }

    async fn authenticate_at(&self, credential: Credential<'_>, now: u64) -> Result<Identity, AuthenticationError> {
        let known = match credential {
            Credential::Absent => self.mock_user()?,
            Credential::Alb(presented) => match &self.presented {
                PresentedCredential::Refused => return Err(TokenError::WrongSigner { found: String::new() }.into()),
                PresentedCredential::Verified(verifiers) => verifiers.verify(&presented, now).await?,
            },
        };
        Ok(Identity::assertion(known))
    }

    fn mock_user(&self) -> Result<Arc<Known>, AuthenticationError> {
        match &self.absent {
            AbsentCredential::Refused => Err(AuthenticationError::Missing { field: CredentialField::Data }),
            AbsentCredential::Mock(known) => Ok(Arc::clone(known)),
        }
    }
}

#[cfg(test)]
mod tests;
