//! Step 6: with which key? Keys come from configured places only, are fetched once for all who wait, and are kept.
//!
//! What a flood of made-up key ids can and cannot do:
//!
//! * A known key is answered from memory; nothing a stranger sends delays or evicts it.
//! * Fetches for unknown ids are limited to ten at once and then one a second, for each source of keys. Beyond that an
//!   unknown id is refused unasked. A new genuine key therefore competes with the flood for one attempt a second; the
//!   flood cannot stop the attempts, and one success ends the competition for everybody.
//! * An id that does not exist is not asked for again for 30 s; an id (or key set) that could not be fetched is tried
//!   again after 2 s, so that the first success comes within seconds of the end of an outage.

mod alb;
mod budget;
mod fetch;
mod flight;
mod id;
mod jwks;
mod pool;
mod probe;
mod ring;
mod trust;

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio_util::task::TaskTracker;

use crate::metrics::{FetchOutcome, KeySource, Metrics};

pub use alb::{AlbKey, AlbKeys};
pub use fetch::FetchError;
pub use id::{KeyId, PoolKeyId};
pub use jwks::PoolKey;
pub use pool::PoolKeys;
pub use probe::time_at;
pub use trust::Trust;

/// Why there is no key to verify with.
#[derive(Debug, Clone, Error)]
pub enum KeyError {
    /// The source has no such key, or the budget for asking is used up: the credential is at fault.
    #[error("the key id is unknown")]
    Unknown,
    /// The source did not answer as it should: nothing can be said of the credential.
    #[error("the verification keys cannot be fetched")]
    Unavailable {
        /// What went wrong.
        #[source]
        source: Arc<FetchError>,
    },
}

impl From<FetchError> for KeyError {
    fn from(source: FetchError) -> Self {
        Self::Unavailable { source: Arc::new(source) }
    }
}

impl KeyError {
    /// How long this answer stands before the source is asked again.
    const fn stands_for(&self) -> Duration {
        match self {
            Self::Unknown => Duration::from_secs(30),
            Self::Unavailable { .. } => Duration::from_secs(2),
        }
    }
}

/// Where fetches run, and where they are counted.
#[derive(Debug, Clone, Default)]
pub struct Fetching {
    /// The tasks of fetches.
    pub tasks: TaskTracker,
    /// What counts them.
    pub metrics: Arc<Metrics>,
}

/// Counts what came of a fetch.
fn count<T>(metrics: &Metrics, source: KeySource, outcome: &Result<T, KeyError>) {
    let outcome = match outcome {
        Ok(_) => FetchOutcome::Fetched,
        Err(KeyError::Unavailable { .. }) => FetchOutcome::Unavailable,
        Err(KeyError::Unknown) => FetchOutcome::Unknown,
    };
    metrics.verification().asked_for_keys(source, outcome);
}

/// The longest a key is trusted without being seen again at its source.
const TRUSTED_FOR: Duration = Duration::from_hours(24);

/// How many ids without a key are remembered. The budget admits about forty in the time they stand.
const REMEMBERED_FAILURES: u64 = 1024;

#[cfg(test)]
mod tests;
