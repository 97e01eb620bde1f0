//! Access tokens: each is verified for the client it is presented beside, and remembered for that client by itself.
//!
//! An access token lives for an hour, beside load balancers' tokens that live for minutes or for one request. So most
//! credentials that are new are so by half, and the second signature check is saved.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use futures_util::FutureExt;

use super::{
    AuthenticationError, Profile,
    cache::{Remembered, Terms},
    identity::Known,
    turns::Turn,
};
use crate::{
    metrics::{Lookup, Memory, Metrics},
    token::{AccessClaims, CognitoVerifier, Verified},
};

/// What verifies access tokens, and what it has verified lately.
#[derive(Debug)]
pub(super) struct AccessTokens {
    verifier: CognitoVerifier,
    remembered: Remembered<Arc<AccessToken>>,
    metrics: Arc<Metrics>,
}

/// About what a user takes beside their groups, the last statement included.
const LAST: usize = 1536;

/// A verified access token, and whose it was found to be last.
#[derive(Debug)]
pub(super) struct AccessToken {
    verified: Verified<AccessClaims>,
    last: ArcSwapOption<Known>,
}

impl AccessToken {
    /// What was verified.
    pub(super) const fn verified(&self) -> &Verified<AccessClaims> {
        &self.verified
    }

    /// The user of a credential that this token is one half of. A load balancer's token that is new says most often what the
    /// one before said, and then there is nothing to decide and to sign again.
    pub(super) fn known(&self, profile: Profile) -> Arc<Known> {
        let known = Known::new(profile);
        let known = Arc::new(match self.last.load().as_deref() {
            Some(last) => known.after(last),
            None => known,
        });
        self.last.store(Some(Arc::clone(&known)));
        known
    }
}

impl AccessTokens {
    pub(super) const fn new(
        verifier: CognitoVerifier,
        remembered: Remembered<Arc<AccessToken>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { verifier, remembered, metrics }
    }

    /// The claims of `token`, which must have been issued to `client`, at `now`. `turn` is used up.
    pub(super) async fn verify(
        &self,
        token: &[u8],
        client: &str,
        now: u64,
        turn: Turn<'_>,
    ) -> Result<Arc<AccessToken>, AuthenticationError> {
        let texts = [Some(token), Some(client.as_bytes()), None];
        if let Some(access) = self.remembered.find(&texts, now) {
            self.metrics.verification().looked_up(Memory::AccessToken, Lookup::Hit);
            return Ok(access);
        }
        self.metrics.verification().looked_up(Memory::AccessToken, Lookup::Miss);
        // With the key at hand the same turn does. A key that has to be fetched must not keep others waiting.
        let (prepared, turn) = match self.verifier.prepare(token).now_or_never() {
            Some(prepared) => (prepared, turn),
            None => turn.cede(self.verifier.prepare(token)).await,
        };
        let access = Arc::new(AccessToken { verified: prepared?.verify(client, now)?, last: ArcSwapOption::empty() });
        drop(turn);
        let claims = access.verified.claims();
        if let Some(terms) = Terms::new(claims.expires_at, [Some(access.verified.trust().clone()), None], now) {
            let groups: usize = claims.groups.iter().map(|group| group.len() + size_of::<String>()).sum();
            // Also for the user it was found to be of, and what is said of them.
            let weight = LAST + 4 * groups;
            self.remembered.remember(&texts, terms, Arc::clone(&access), weight);
        }
        Ok(access)
    }
}
