//! The keys of a user pool: its key set, kept as a whole, and fetched again for an unknown id or when it grows old.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use moka::sync::Cache;
use tokio::time::Instant;
use tracing::warn;

use super::{
    FetchError, Fetching, KeyError, PoolKey, PoolKeyId, REMEMBERED_FAILURES, TRUSTED_FOR,
    budget::Budget,
    fetch::Fetcher,
    flight::{Departure, Flights},
    jwks::{self, KeySet},
};
use crate::{
    cause::told,
    config::{Authorities, KeysUrl},
    metrics::{KeySource, Metrics},
};

const SET_LIMIT: usize = 64 * 1024;
/// From this age on a set in use is fetched again in the background: keys taken out of it lose our trust.
const REFRESHED_AFTER: Duration = Duration::from_hours(1);

type Outcome = Result<Arc<Dated>, KeyError>;

/// One key set, at one URL.
pub struct PoolKeys {
    shelf: Arc<Shelf>,
    flights: Flights<(), Outcome>,
    budget: Budget,
}

impl PoolKeys {
    /// The key set at `url`, on a server that the system's authorities or these vouch for. Nothing is fetched yet; fetches run, and
    /// are counted, as `fetching` says.
    pub fn new(url: &KeysUrl, authorities: &Authorities, fetching: Fetching) -> Result<Self, FetchError> {
        let shelf = Shelf {
            url: url.to_string(),
            fetcher: Fetcher::for_url(url, authorities)?,
            current: ArcSwapOption::empty(),
            failed: Mutex::new(None),
            missing: Cache::new(REMEMBERED_FAILURES),
            metrics: fetching.metrics,
        };
        Ok(Self { shelf: Arc::new(shelf), flights: Flights::new(fetching.tasks), budget: Budget::full() })
    }

    /// The key `id`, from memory or after one fetch of the set for all who wait. Safe to drop at any time.
    ///
    /// A known key is answered for a day after the set was last fetched, whatever the endpoint does meanwhile.
    pub async fn key(&self, id: &PoolKeyId) -> Result<Arc<PoolKey>, KeyError> {
        let seen = self.shelf.current();
        if let Some(found) = seen.as_ref().and_then(|set| set.keys.get(id)) {
            self.refresh();
            return Ok(Arc::clone(found));
        }
        if let Some(error) = self.shelf.failure(id) {
            return Err(error);
        }
        let outcome = self.flights.join(&(), || self.depart(id, seen.as_ref())).await;
        let set = outcome.unwrap_or_else(|| Err(FetchError::Abandoned.into()))?;
        set.keys.get(id).cloned().ok_or_else(|| {
            self.shelf.missing.insert(id.clone(), Instant::now());
            KeyError::Unknown
        })
    }

    /// Fetches the set again, unless another caller has done so since `seen` was looked at.
    fn depart(
        &self,
        id: &PoolKeyId,
        seen: Option<&Arc<Dated>>,
    ) -> Departure<Outcome, impl Future<Output = Outcome> + Send + use<>> {
        let newer = self.shelf.current().filter(|set| seen.is_none_or(|seen| !Arc::ptr_eq(seen, set)));
        if let Some(set) = newer {
            Departure::Answered(Ok(set))
        } else if let Some(error) = self.shelf.failure(id) {
            Departure::Answered(Err(error))
        } else if self.budget.spend() {
            Departure::Fetch(self.fetch())
        } else {
            Departure::Answered(Err(KeyError::Unknown))
        }
    }

    fn refresh(&self) {
        if self.shelf.is_due() {
            self.flights.send(&(), || self.fetch());
        }
    }

    fn fetch(&self) -> impl Future<Output = Outcome> + Send + use<> {
        let shelf = Arc::clone(&self.shelf);
        async move { shelf.fetch().await }
    }
}

impl fmt::Debug for PoolKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PoolKeys").field("url", &self.shelf.url).finish_non_exhaustive()
    }
}

struct Shelf {
    url: String,
    fetcher: Fetcher,
    current: ArcSwapOption<Dated>,
    failed: Mutex<Option<(KeyError, Instant)>>,
    missing: Cache<PoolKeyId, Instant>,
    metrics: Arc<Metrics>,
}

/// A key set and when it was fetched.
struct Dated {
    keys: KeySet,
    at: Instant,
}

impl Shelf {
    fn current(&self) -> Option<Arc<Dated>> {
        self.current.load_full().filter(|set| set.at.elapsed() < TRUSTED_FOR)
    }

    /// What is still standing against asking: the set failed just now, or lacked this id a moment ago.
    fn failure(&self, id: &PoolKeyId) -> Option<KeyError> {
        let absent = self.missing.get(id).is_some_and(|at| at.elapsed() < KeyError::Unknown.stands_for());
        if absent { Some(KeyError::Unknown) } else { self.outage() }
    }

    fn outage(&self) -> Option<KeyError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().filter(|(error, at)| at.elapsed() < error.stands_for()).map(|(error, _)| error.clone())
    }

    fn is_due(&self) -> bool {
        self.current.load().as_ref().is_some_and(|set| set.at.elapsed() >= REFRESHED_AFTER) && self.outage().is_none()
    }

    /// Fetches the set; a failure leaves the one we have.
    async fn fetch(&self) -> Outcome {
        let fetched = self.ask().await;
        super::count(&self.metrics, KeySource::Pool, &fetched);
        fetched
    }

    async fn ask(&self) -> Outcome {
        let parsed = self.fetcher.get(&self.url, SET_LIMIT).await.and_then(|body| jwks::parse(&body));
        match parsed {
            Ok(mut keys) => {
                // One flight at a time, so no other set comes in between.
                if let Some(former) = self.current.load().as_ref() {
                    jwks::succeed(&former.keys, &mut keys);
                }
                let set = Arc::new(Dated { keys, at: Instant::now() });
                self.current.store(Some(Arc::clone(&set)));
                Ok(set)
            }
            Err(error) => {
                warn!(error = told(&error), url = self.url, "user pool key set not fetched");
                let error = KeyError::from(error);
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((error.clone(), Instant::now()));
                Err(error)
            }
        }
    }
}
