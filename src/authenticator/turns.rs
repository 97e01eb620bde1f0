//! Verifying takes turns, so that a flood of new tokens does not keep those waiting whose credentials are known.
//!
//! A signature takes 15 to 50 µs in which its worker thread does nothing else. Sixty-four new tokens that come at once
//! would be sixty-four signatures in a row, and whoever comes behind them waits for all. With turns, as many signatures
//! are under way as there are workers, and before each the worker does everything else there is to do.

use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
    task::yield_now,
};

/// As many turns at a time as there are workers.
///
/// How many wait for one is not limited here: each of them is a request, whose number has its limits
/// (`limits.max_connections`, `limits.max_concurrent_requests`), and holds nothing beyond what a request holds anyway.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

/// The right to use a worker for one credential. Given back when dropped, with whoever held it or waited for it.
#[derive(Debug)]
#[must_use]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Turns {
    /// For the runtime this runs in; one turn at a time where it runs in none.
    pub(super) fn of_this_runtime() -> Self {
        Self(Semaphore::new(Handle::try_current().map_or(1, |handle| handle.metrics().num_workers())))
    }

    /// Waits for a turn: first come, first served. It must not be held while waiting for anything else.
    pub(super) async fn take(&self) -> Turn<'_> {
        // An error would mean that the semaphore was closed, and nobody closes it.
        let turn = Turn { turns: self, _permit: self.0.acquire().await.ok() };
        // The runtime asks for what has come in on all connections, and does it, before it comes back to this task.
        yield_now().await;
        turn
    }
}

impl<'a> Turn<'a> {
    /// Waits for something else, and for another turn after it. Others have this one meanwhile.
    pub(super) async fn cede<T>(self, wait: impl Future<Output = T>) -> (T, Self) {
        let turns = self.turns;
        drop(self);
        (wait.await, turns.take().await)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn there_are_as_many_turns_as_workers_and_the_next_waits() {
        let turns = Turns::of_this_runtime();
        let first = turns.take().await;
        let mut second = pin!(turns.take());
        assert!(poll!(&mut second).is_pending() && poll!(&mut second).is_pending());
        drop(first);
        let _turn = second.await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn three_workers_have_three_turns() {
        assert_eq!(Turns::of_this_runtime().0.available_permits(), 3);
    }

    #[tokio::test]
    async fn who_leaves_while_waiting_or_at_the_turn_gives_it_back() {
        let turns = Turns::of_this_runtime();
        let first = turns.take().await;
        {
            let mut waiting = pin!(turns.take());
            assert!(poll!(&mut waiting).is_pending());
        }
        drop(first);
        {
            // It has its turn, and lets everybody else go first.
            let mut yielding = pin!(turns.take());
            assert!(poll!(&mut yielding).is_pending());
            assert_eq!(turns.0.available_permits(), 0);
        }
        assert_eq!(turns.0.available_permits(), 1);
    }

    #[tokio::test]
    async fn whatever_else_there_is_to_do_is_done_before_a_turn() {
        let turns = Turns::of_this_runtime();
        let (done, mut other) = tokio::sync::oneshot::channel();
        tokio_util::task::TaskTracker::new().spawn(async move { done.send(()) });
        // Free as it is, it comes only when the runtime has been through everything else.
        let _turn = turns.take().await;
        assert!(other.try_recv().is_ok(), "the other task ran first");
    }
}
