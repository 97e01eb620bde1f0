//! Verifies the load balancer's fields, binds them to one subject and reads the profile off the verified claims.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{AlbCredential, AuthenticationError, CredentialField, Profile, SetupError, cache::VerifiedCredentials};
use crate::{
    config::{EmailAddress, GroupsSource, Verification},
    keys::{AlbKeys, FetchError, PoolKeys},
    token::{AccessClaims, AlbClaims, AlbVerifier, CognitoVerifier, IssuerKeys, Verified},
};

/// What verifies the fields of one configuration, and what it has verified lately.
#[derive(Debug)]
pub(super) struct Verifiers {
    alb: AlbVerifier,
    access: AccessTokens,
    verified: VerifiedCredentials,
}

/// What becomes of the access token.
#[derive(Debug)]
enum AccessTokens {
    /// It is not looked at: it may be anybody's, in any form.
    Opaque,
    /// It is required, verified and bound to the ALB token.
    Required(CognitoVerifier),
}

impl Verifiers {
    pub(super) fn from_config(expected: &Verification, tasks: TaskTracker) -> Result<Self, SetupError> {
        let alb_keys = Arc::new(AlbKeys::new(&expected.alb_keys, tasks.clone())?);
        let access = match &expected.groups {
            GroupsSource::Userinfo { .. } => AccessTokens::Opaque,
            GroupsSource::CognitoAccessToken { key_sets, claim } => {
                let key_sets = key_sets.iter().map(|source| {
                    let keys = Arc::new(PoolKeys::new(&source.url, tasks.clone())?);
                    Ok(IssuerKeys { issuer: source.issuer.clone(), keys })
                });
                let key_sets = key_sets.collect::<Result<_, FetchError>>()?;
                AccessTokens::Required(CognitoVerifier::new(expected, key_sets, claim.clone()))
            }
        };
        Ok(Self {
            alb: AlbVerifier::new(expected, alb_keys),
            access,
            verified: VerifiedCredentials::new().map_err(|_| SetupError::Randomness)?,
        })
    }

    /// The profile of who presented these fields at `now`, from memory or verified.
    pub(super) async fn verify(
        &self,
        presented: &AlbCredential<'_>,
        now: u64,
    ) -> Result<Arc<Profile>, AuthenticationError> {
        let fingerprint = self.verified.fingerprint(presented);
        if let Some(profile) = self.verified.find(&fingerprint, now) {
            return Ok(profile);
        }
        let profile = Arc::new(self.verify_anew(presented, now).await?);
        self.verified.remember(fingerprint, &profile, now);
        Ok(profile)
    }

    async fn verify_anew(&self, presented: &AlbCredential<'_>, now: u64) -> Result<Profile, AuthenticationError> {
        let profile = match &self.access {
            AccessTokens::Opaque => alone(self.alb.verify(presented.data, now).await?),
            AccessTokens::Required(verifier) => {
                // Said before anything is verified: a missing token is no token of any kind.
                let access_token = presented
                    .access_token
                    .ok_or(AuthenticationError::Missing { field: CredentialField::AccessToken })?;
                let data = self.alb.verify(presented.data, now).await?;
                let access = verifier.verify(access_token, &data.claims().client, now).await?;
                bound(data, access)?
            }
        };
        // Unsigned, so it proves nothing, but a request that contradicts itself is refused.
        if presented.identity.is_some_and(|identity| identity != profile.subject.as_bytes()) {
            return Err(AuthenticationError::SubjectMismatch);
        }
        Ok(profile)
    }
}

/// Two tokens of one subject. Otherwise a privileged user's access token could be put beside anybody's ALB token.
fn bound(data: Verified<AlbClaims>, access: Verified<AccessClaims>) -> Result<Profile, AuthenticationError> {
    if data.claims().subject != access.claims().subject {
        return Err(AuthenticationError::SubjectMismatch);
    }
    let access = access.into_claims();
    let profile = alone(data);
    Ok(Profile {
        username: access.username.or(profile.username),
        groups: access.groups,
        expires_at: profile.expires_at.min(access.expires_at),
        session_expires_at: access.expires_at,
        ..profile
    })
}

fn alone(data: Verified<AlbClaims>) -> Profile {
    let data = data.into_claims();
    Profile {
        subject: data.subject,
        client: data.client,
        email_address: data.email.as_deref().and_then(|email| EmailAddress::parse(email).ok()),
        email: data.email,
        email_verified: data.email_verified,
        username: data.username,
        name: data.name,
        given_name: data.given_name,
        family_name: data.family_name,
        groups: data.groups,
        expires_at: data.expires_at,
        session_expires_at: data.expires_at,
    }
}
