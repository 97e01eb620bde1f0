//! The load balancers' keys: one PEM per key id, fetched below the configured base URL and kept for a day.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::StatusCode;
use moka::sync::Cache;
use p256::pkcs8::DecodePublicKey;
use tokio::time::Instant;
use tracing::warn;

use super::{
    FetchError, Fetching, KeyError, KeyId, REMEMBERED_FAILURES, Trust,
    budget::Budget,
    fetch::Fetcher,
    flight::{Departure, Flights},
    ring::KeyRing,
};
use crate::{
    cause::told,
    config::{Authorities, KeysUrl},
    metrics::{KeySource, Metrics},
};

const PEM_LIMIT: usize = 8 * 1024;
/// From this age on a key in use is fetched again in the background. It never changes, but it may be withdrawn.
const REFRESHED_AFTER: Duration = Duration::from_hours(12);

/// A public key of the load balancers of one region.
pub struct AlbKey {
    key: ParsedPublicKey,
    trust: Trust,
}

impl AlbKey {
    /// Parses exactly one `PUBLIC KEY` block that holds a point of P-256.
    pub fn from_pem(text: &str) -> Result<Self, FetchError> {
        // No character of a second block's frame is in the base64 alphabet, so what is left is one block.
        let framed = text.trim_ascii().strip_prefix("-----BEGIN PUBLIC KEY-----");
        let inner = framed.and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
        let compact: Vec<u8> = inner.unwrap_or_default().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let der = BASE64_STANDARD.decode(compact).map_err(|_| FetchError::NotAnAlbKey)?;
        let key = p256::PublicKey::from_public_key_der(&der).map_err(|_| FetchError::NotAnAlbKey)?;
        let point = key.to_sec1_bytes();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| FetchError::NotAnAlbKey)?;
        Ok(Self { key, trust: Trust::begin() })
    }

    /// Whether `signature` is the raw `r || s`, 64 bytes, of `message` under this key.
    ///
    /// With `(r, s)` also `(r, n-s)` verifies: the text of a token identifies nothing.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == 64 && self.key.verify_sig(message, signature).is_ok()
    }

    /// The same key, seen again at its source; or this one, with the other one withdrawn.
    pub(super) fn after(self, former: &Self) -> Self {
        if self.key.as_ref() == former.key.as_ref() {
            return Self { trust: former.trust.renewed(), ..self };
        }
        former.trust.withdraw();
        self
    }

    /// How long what it verified is believed.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }
}

impl fmt::Debug for AlbKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AlbKey(…)")
    }
}

type Outcome = Result<Arc<AlbKey>, KeyError>;

/// The keys of the load balancers of one region.
pub struct AlbKeys {
    shelf: Arc<Shelf>,
    flights: Flights<KeyId, Outcome>,
    budget: Budget,
}

impl AlbKeys {
    /// Keys found at `<base>/<id>`, on a server that the system's authorities or these vouch for. Fetches run, and are counted, as
    /// `fetching` says.
    pub fn new(base: &KeysUrl, authorities: &Authorities, fetching: Fetching) -> Result<Self, FetchError> {
        let shelf = Shelf {
            base: format!("{}/", base.as_url().as_str().trim_end_matches('/')),
            fetcher: Fetcher::for_url(base, authorities)?,
            found: KeyRing::default(),
            failed: Cache::new(REMEMBERED_FAILURES),
            metrics: fetching.metrics,
        };
        Ok(Self { shelf: Arc::new(shelf), flights: Flights::new(fetching.tasks), budget: Budget::full() })
    }

    /// The key `id`, from memory or fetched once for all who wait. Safe to drop at any time.
    pub async fn key(&self, id: &KeyId) -> Result<Arc<AlbKey>, KeyError> {
        if let Some(outcome) = self.shelf.remembered(id) {
            self.refresh(id);
            return outcome;
        }
        let depart = || match self.shelf.remembered(id) {
            Some(outcome) => Departure::Answered(outcome),
            None if self.budget.spend() => Departure::Fetch(self.fetch(id)),
            None => Departure::Answered(Err(self.shelf.unasked(id))),
        };
        self.flights.join(id, depart).await.unwrap_or_else(|| Err(FetchError::Abandoned.into()))
    }

    /// Fetches a known key again once it is half-way to the end of its trust.
    fn refresh(&self, id: &KeyId) {
        if self.shelf.is_due(id) {
            self.flights.send(id, || self.fetch(id));
        }
    }

    fn fetch(&self, id: &KeyId) -> impl Future<Output = Outcome> + Send + 'static {
        let (shelf, id) = (Arc::clone(&self.shelf), id.clone());
        async move { shelf.fetch(id).await }
    }
}

impl fmt::Debug for AlbKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AlbKeys").field("base", &self.shelf.base).finish_non_exhaustive()
    }
}

/// What is known of key ids.
struct Shelf {
    base: String,
    fetcher: Fetcher,
    found: KeyRing,
    failed: Cache<KeyId, Failed>,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
struct Failed {
    error: KeyError,
    at: Instant,
}

impl Shelf {
    fn remembered(&self, id: &KeyId) -> Option<Outcome> {
        let trusted = self.found.get(id).filter(|key| !key.trust.left().is_zero());
        trusted.map(Ok).or_else(|| self.failure(id).map(Err))
    }

    fn failure(&self, id: &KeyId) -> Option<KeyError> {
        let failed = self.failed.get(id)?;
        (failed.at.elapsed() < failed.error.stands_for()).then_some(failed.error)
    }

    /// The answer where the budget is used up: an id that last met an outage is still undecided.
    fn unasked(&self, id: &KeyId) -> KeyError {
        self.failed.get(id).map_or(KeyError::Unknown, |failed| failed.error)
    }

    fn is_due(&self, id: &KeyId) -> bool {
        self.found.get(id).is_some_and(|key| key.trust.age() >= REFRESHED_AFTER) && self.failure(id).is_none()
    }

    /// Fetches and remembers what came of it. A failure does not take away a key that is still trusted.
    async fn fetch(&self, id: KeyId) -> Outcome {
        let asked = self.ask(&id).await;
        super::count(&self.metrics, KeySource::Alb, &asked);
        match asked {
            Ok(key) => Ok(self.found.insert(id, key)),
            Err(error) => {
                self.failed.insert(id, Failed { error: error.clone(), at: Instant::now() });
                Err(error)
            }
        }
    }

    async fn ask(&self, id: &KeyId) -> Result<AlbKey, KeyError> {
        let url = format!("{}{id}", self.base);
        let parsed = match self.fetcher.get(&url, PEM_LIMIT).await {
            Ok(pem) => std::str::from_utf8(&pem).map_err(|_| FetchError::NotAnAlbKey).and_then(AlbKey::from_pem),
            Err(FetchError::Status { status }) if denies_existence(status) => return Err(KeyError::Unknown),
            Err(error) => Err(error),
        };
        parsed.map_err(|error| {
            // The id is a stranger's, so the line names the place only. The budget and single flights bound these lines.
            warn!(error = told(&error), url = self.base, "load balancer key not fetched");
            error.into()
        })
    }
}

/// The endpoint is an object store: what does not exist is 403 or 404 there. Anything else, a proxy's 407 or being
/// throttled, says nothing of the key.
const fn denies_existence(status: StatusCode) -> bool {
    matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE)
}
