//! How often a stranger can make us fetch: a burst, and then one a second.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

const BURST: u32 = 10;
const INTERVAL: Duration = Duration::from_secs(1);

/// Admits [`BURST`] fetches at once and one per [`INTERVAL`] after that.
#[derive(Debug)]
pub(super) struct Budget {
    /// When every fetch admitted so far would have happened at the steady rate.
    paid_until: Mutex<Instant>,
}

impl Budget {
    pub(super) fn full() -> Self {
        Self { paid_until: Mutex::new(Instant::now()) }
    }

    /// Takes one fetch out of the budget; `false` where none is left.
    #[must_use]
    pub(super) fn spend(&self) -> bool {
        let now = Instant::now();
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let from = (*paid_until).max(now);
        if from - now > INTERVAL * (BURST - 1) {
            return false;
        }
        *paid_until = from + INTERVAL;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_ten_then_one_a_second() {
        let budget = Budget::full();
        let spendable = || (0..100).filter(|_| budget.spend()).count();
        assert_eq!(spendable(), 10);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(spendable(), 0);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(spendable(), 1);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(spendable(), 10);
    }
}
