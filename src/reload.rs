//! A wish to read again, now, what is otherwise read again by and by: the policy, signing keys, certificates.

use tokio::sync::watch;

/// Where the wish is said. Clones say it to the same listeners.
#[derive(Debug, Clone, Default)]
pub struct Reload {
    wishes: watch::Sender<()>,
}

/// Where it is heard.
#[derive(Debug)]
pub struct Wishes {
    heard: watch::Receiver<()>,
}

impl Reload {
    /// Asks whoever listens to read again. Several wishes while somebody is busy are one.
    pub fn wish(&self) {
        self.wishes.send_replace(());
    }

    /// Hears every wish from now on.
    #[must_use]
    pub fn wishes(&self) -> Wishes {
        Wishes { heard: self.wishes.subscribe() }
    }
}

impl Wishes {
    /// Completes at the next wish; never, where nobody can say one any more. Safe to drop at any time.
    pub async fn next(&mut self) {
        if self.heard.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_wish_is_heard_once_and_not_lost_while_busy() {
        let reload = Reload::default();
        let mut wishes = reload.wishes();
        reload.clone().wish();
        reload.wish();
        wishes.next().await;
        assert!(wishes.next().now_or_never().is_none());
    }

    #[tokio::test]
    async fn nobody_left_to_wish_is_silence() {
        let mut wishes = Reload::default().wishes();
        assert!(wishes.next().now_or_never().is_none());
    }
}
