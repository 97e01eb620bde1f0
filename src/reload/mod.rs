//! What is read again while the process runs: the policy, signing keys, certificates. Here are the wish to have it read now,
//! which is otherwise read by and by, and what is known of what was read.

mod seen;

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

pub use self::seen::{Found, News, Occasion, Seen, Writing};

/// However often it is wished for, nothing is read more often than this: a flood of signals is no flood of reads.
const BREATH: Duration = Duration::from_secs(1);

/// Where the wish is said. Clones say it to the same listeners.
#[derive(Debug, Clone, Default)]
pub struct Reload {
    wishes: watch::Sender<()>,
}

/// Where it is heard.
#[derive(Debug)]
pub struct Wishes {
    heard: watch::Receiver<()>,
    /// When the next one may be granted.
    earliest: Instant,
}

impl Reload {
    /// Asks whoever listens to read again. Several wishes while somebody is busy are one.
    pub fn wish(&self) {
        self.wishes.send_replace(());
    }

    /// Hears every wish from now on. Must run inside a runtime.
    #[must_use]
    pub fn wishes(&self) -> Wishes {
        Wishes { heard: self.wishes.subscribe(), earliest: Instant::now() }
    }
}

impl Wishes {
    /// Completes at the next wish, a second after the last one at the earliest; never, where nobody can say one any more.
    /// Safe to drop at any time.
    pub async fn next(&mut self) {
        sleep_until(self.earliest).await;
        if self.heard.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.earliest = Instant::now() + BREATH;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wish_is_heard_once_and_not_lost_while_busy() {
        let reload = Reload::default();
        let mut wishes = reload.wishes();
        reload.clone().wish();
        reload.wish();
        wishes.next().await;
        assert!(wishes.next().now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_wishes_is_one_a_second() {
        let reload = Reload::default();
        let mut wishes = reload.wishes();
        let begun = Instant::now();
        for _ in 0..10 {
            reload.wish();
            wishes.next().await;
        }
        assert_eq!(begun.elapsed().as_secs(), 9);
    }

    #[tokio::test]
    async fn nobody_left_to_wish_is_silence() {
        let mut wishes = Reload::default().wishes();
        assert!(wishes.next().now_or_never().is_none());
    }
}
