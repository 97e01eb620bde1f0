//! Access tokens: each is verified for the client it is presented beside, and remembered for that client by itself.
//!
//! An access token lives for an hour, beside load balancers' tokens that live for minutes or for one request. So most
//! credentials that are new are so by half, and the second signature check is saved.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{
    AuthenticationError,
    cache::{Remembered, Terms},
    turns::Turn,
};
use crate::token::{AccessClaims, CognitoVerifier, Verified};

/// What verifies access tokens, and what it has verified lately.
#[derive(Debug)]
pub(super) struct AccessTokens {
    verifier: CognitoVerifier,
    remembered: Remembered<Arc<Verified<AccessClaims>>>,
}

impl AccessTokens {
    pub(super) const fn new(verifier: CognitoVerifier, remembered: Remembered<Arc<Verified<AccessClaims>>>) -> Self {
        Self { verifier, remembered }
    }

    /// The claims of `token`, which must have been issued to `client`, at `now`. `turn` is used up.
    pub(super) async fn verify(
        &self,
        token: &[u8],
        client: &str,
        now: u64,
        turn: Turn<'_>,
    ) -> Result<Arc<Verified<AccessClaims>>, AuthenticationError> {
        let texts = [Some(token), Some(client.as_bytes()), None];
        if let Some(access) = self.remembered.find(&texts, now) {
            return Ok(access);
        }
        // With the key at hand the same turn does. A key that has to be fetched must not keep others waiting.
        let (prepared, turn) = match self.verifier.prepare(token).now_or_never() {
            Some(prepared) => (prepared, turn),
            None => turn.cede(self.verifier.prepare(token)).await,
        };
        let access = Arc::new(prepared?.verify(client, now)?);
        drop(turn);
        let claims = access.claims();
        if let Some(terms) = Terms::new(claims.expires_at, [Some(access.trust().clone()), None], now) {
            let weight = claims.groups.iter().map(|group| group.len() + size_of::<String>()).sum();
            self.remembered.remember(&texts, terms, Arc::clone(&access), weight);
        }
        Ok(access)
    }
}
