//! Verifies the load balancer's fields, binds them to one subject and reads the profile off the verified claims.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    AlbCredential, AuthenticationError, CredentialField, Profile, SetupError,
    access_tokens::AccessTokens,
    cache::{self, Remembered, Terms, Texts},
    identity::Known,
    turns::{Turn, Turns},
};
use crate::{
    config::{EmailAddress, GroupsSource, Verification},
    keys::{AlbKeys, FetchError, Fetching, PoolKeys},
    metrics::{Lookup, Memory, Metrics},
    token::{AccessClaims, AlbClaims, AlbVerifier, CognitoVerifier, IssuerKeys, UnverifiedAlb, Verified},
};

/// What verifies the fields of one configuration, and what it has verified lately.
#[derive(Debug)]
pub(super) struct Verifiers {
    alb: AlbVerifier,
    access: Access,
    verified: Remembered<Arc<Known>>,
    pub(super) turns: Turns,
    metrics: Arc<Metrics>,
}

/// What becomes of the access token.
#[derive(Debug)]
enum Access {
    /// It is not looked at: it may be anybody's, in any form.
    Opaque,
    /// It is required, verified and bound to the ALB token.
    Required(AccessTokens),
}

impl Verifiers {
    pub(super) fn from_config(expected: &Verification, memory: u64, fetching: Fetching) -> Result<Self, SetupError> {
        let seeded = cache::seeded().map_err(|_| SetupError::Randomness)?;
        let alb_keys = Arc::new(AlbKeys::new(&expected.alb_keys, &expected.authorities, fetching.clone())?);
        let (access, memory) = match &expected.groups {
            GroupsSource::Userinfo { .. } => (Access::Opaque, memory),
            GroupsSource::CognitoAccessToken { key_sets, claim } => {
                let key_sets = key_sets.iter().map(|source| {
                    let keys = Arc::new(PoolKeys::new(&source.url, &expected.authorities, fetching.clone())?);
                    Ok(IssuerKeys { issuer: source.issuer.clone(), keys })
                });
                let key_sets = key_sets.collect::<Result<_, FetchError>>()?;
                let verifier = CognitoVerifier::new(expected, key_sets, claim.clone());
                // Access tokens are half of a credential, and outlive the rest of it.
                let (quarter, rest) = (memory / 4, memory - memory / 4);
                (
                    Access::Required(AccessTokens::new(
                        verifier,
                        Remembered::new(quarter, seeded),
                        Arc::clone(&fetching.metrics),
                    )),
                    rest,
                )
            }
        };
        Ok(Self {
            alb: AlbVerifier::new(expected, alb_keys),
            access,
            verified: Remembered::new(memory, seeded),
            turns: Turns::of_this_runtime(),
            metrics: fetching.metrics,
        })
    }

    /// Who presented these fields at `now`, from memory or verified.
    pub(super) async fn verify(
        &self,
        presented: &AlbCredential<'_>,
        now: u64,
    ) -> Result<Arc<Known>, AuthenticationError> {
        let texts = presented.texts();
        match self.verified.find(&texts, now) {
            Some(known) => Ok(self.remembered(known)),
            // Boxed: who is remembered, as most are, is not to make room for it.
            None => Box::pin(self.verify_anew(presented, &texts, now)).await,
        }
    }

    async fn verify_anew(
        &self,
        presented: &AlbCredential<'_>,
        texts: &Texts<'_>,
        now: u64,
    ) -> Result<Arc<Known>, AuthenticationError> {
        let began = Instant::now();
        // Said before anything is verified: a missing token is no token of any kind.
        let access = match (&self.access, presented.access_token) {
            (Access::Opaque, _) => None,
            (Access::Required(tokens), Some(token)) => Some((tokens, token)),
            (Access::Required(_), None) => {
                return Err(AuthenticationError::Missing { field: CredentialField::AccessToken });
            }
        };
        // May wait for a key, and so comes before the turn.
        let unverified = self.alb.prepare(presented.data, now).await?;
        let turn = self.turns.take().await;
        // A page asks for sixty things at once: the first of these requests has verified for the others.
        if let Some(known) = self.verified.find(texts, now) {
            return Ok(self.remembered(known));
        }
        self.metrics.verification().looked_up(Memory::Credential, Lookup::Miss);
        let checked = self.check(presented, texts, (unverified, access, turn), now).await;
        self.metrics.verification().checked(began.elapsed());
        checked
    }

    fn remembered(&self, known: Arc<Known>) -> Arc<Known> {
        self.metrics.verification().looked_up(Memory::Credential, Lookup::Hit);
        known
    }

    /// Checks the signatures, binds what they say to one subject, and remembers it.
    async fn check(
        &self,
        presented: &AlbCredential<'_>,
        texts: &Texts<'_>,
        (unverified, access, turn): (UnverifiedAlb<'_>, Option<(&AccessTokens, &[u8])>, Turn<'_>),
        now: u64,
    ) -> Result<Arc<Known>, AuthenticationError> {
        let data = unverified.verify()?;
        let data_key = data.trust().clone();
        let (profile, access) = match access {
            None => (alone(data), None),
            Some((tokens, token)) => {
                let access = tokens.verify(token, &data.claims().client, now, turn).await?;
                (bound(data, access.verified())?, Some(access))
            }
        };
        // Unsigned, so it proves nothing, but a request that contradicts itself is refused.
        if presented.identity.is_some_and(|identity| identity != profile.subject.as_bytes()) {
            return Err(AuthenticationError::SubjectMismatch);
        }
        let access_key = access.as_ref().map(|access| access.verified().trust().clone());
        let terms = Terms::new(profile.expires_at, [Some(data_key), access_key], now);
        let known = match access {
            None => Arc::new(Known::new(profile)),
            Some(access) => access.known(profile),
        };
        if let Some(terms) = terms {
            self.verified.remember(texts, terms, Arc::clone(&known), known.weight());
        }
        Ok(known)
    }
}

/// Two tokens of one subject. Otherwise a privileged user's access token could be put beside anybody's ALB token.
fn bound(data: Verified<AlbClaims>, access: &Verified<AccessClaims>) -> Result<Profile, AuthenticationError> {
    let access = access.claims();
    if data.claims().subject != access.subject {
        return Err(AuthenticationError::SubjectMismatch);
    }
    let profile = alone(data);
    Ok(Profile {
        username: access.username.clone().or(profile.username),
        groups: access.groups.clone(),
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
