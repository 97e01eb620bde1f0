//! How long what a key has verified is believed: until the key is withdrawn, and a day at most without seeing it again.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::TRUSTED_FOR;

/// The trust in one key. Its clones are of the same key, so that a withdrawal reaches all that was verified with it.
#[derive(Clone)]
pub struct Trust {
    withdrawn: Arc<AtomicBool>,
    seen: Instant,
}

impl Trust {
    /// In a key that was not known before, seen at its source just now.
    pub(super) fn begin() -> Self {
        Self { withdrawn: Arc::default(), seen: Instant::now() }
    }

    /// In the same key, seen again at its source just now.
    pub(super) fn renewed(&self) -> Self {
        Self { withdrawn: Arc::clone(&self.withdrawn), seen: Instant::now() }
    }

    /// The source has the key no longer, or another one in its place.
    pub(super) fn withdraw(&self) {
        // What follows, the new key, is published by a lock or a swap. A request that runs at the same time may come
        // before or after the withdrawal.
        self.withdrawn.store(true, Ordering::Release);
    }

    /// Whether the key was withdrawn. One load: cheap enough for every request.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }

    /// How long ago the key was seen at its source.
    pub(super) fn age(&self) -> Duration {
        self.seen.elapsed()
    }

    /// How much longer it lasts if the key is not seen again.
    #[must_use]
    pub fn left(&self) -> Duration {
        TRUSTED_FOR.saturating_sub(self.age())
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Trust").field("withdrawn", &self.is_withdrawn()).finish_non_exhaustive()
    }
}
