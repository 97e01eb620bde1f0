//! A bounded GET: limited in time and size, no redirects, status 200 or nothing.

use http::StatusCode;
use reqwest::{Client, Response};
use thiserror::Error;

use crate::{
    config::{Authorities, KeysUrl},
    outgoing,
};

/// Why a fetch gave no key. Says nothing of what the token contained.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The client could not be set up: TLS, or a proxy setting of the environment.
    #[error("the key client cannot be set up")]
    Client(#[source] reqwest::Error),
    /// No connection, no answer in time, or an answer cut short.
    #[error("the key endpoint does not answer")]
    Transport(#[source] reqwest::Error),
    /// An answer other than 200; redirects are not followed.
    #[error("the key endpoint answered {status}")]
    Status {
        /// What it answered.
        status: StatusCode,
    },
    /// The answer is longer than any key.
    #[error("the key endpoint's answer is longer than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The answer is not one P-256 public key in PEM.
    #[error("the key endpoint's answer is not one P-256 public key in pem")]
    NotAnAlbKey,
    /// The answer is no JWK set with at least one RS256 key of 2048 bits or more.
    #[error("the key endpoint's answer is no jwk set with a usable rs256 key")]
    NotAKeySet,
    /// The fetch was torn down: the process is ending.
    #[error("the fetch was abandoned")]
    Abandoned,
}

/// Fetches from one place.
#[derive(Debug, Clone)]
pub(super) struct Fetcher(Client);

impl Fetcher {
    /// A client for `keys`, which trusts `authorities` beside those of the system.
    pub(super) fn for_url(keys: &KeysUrl, authorities: &Authorities) -> Result<Self, FetchError> {
        let client = outgoing::client_for(keys.as_url(), authorities).map_err(FetchError::Client)?;
        // Fetches are minutes apart: a kept connection would mostly be one that somebody on the way has dropped.
        client.pool_max_idle_per_host(0).build().map(Self).map_err(FetchError::Client)
    }

    /// The body at `url`, at most `limit` bytes of it.
    pub(super) async fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, FetchError> {
        let mut response = self.answer(url).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status { status: response.status() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if chunk.len() > limit - body.len() {
                return Err(FetchError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The head of whatever is answered at `url`.
    pub(super) async fn answer(&self, url: &str) -> Result<Response, FetchError> {
        self.0.get(url).send().await.map_err(transport)
    }
}

/// The URL ends in text from a token, so it stays out of the error.
fn transport(error: reqwest::Error) -> FetchError {
    FetchError::Transport(error.without_url())
}
