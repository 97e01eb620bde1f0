//! Single flight: whoever wants what is already being fetched waits for that fetch, and nobody's leaving stops it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Fetches under way, by what is fetched.
pub(super) struct Flights<I, T> {
    airborne: Arc<Airborne<I, T>>,
    tasks: TaskTracker,
}

type Airborne<I, T> = Mutex<HashMap<I, watch::Receiver<Option<T>>>>;

/// What a caller who found no flight under way decides.
pub(super) enum Departure<T, F> {
    /// No fetch: this is the answer.
    Answered(T),
    /// This fetch, for everybody.
    Fetch(F),
}

impl<I, T> Flights<I, T>
where
    I: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(super) fn new(tasks: TaskTracker) -> Self {
        Self { airborne: Arc::default(), tasks }
    }

    /// Waits for the flight of `wanted`, or for the one `depart` begins. `None` only where the fetch was torn down.
    ///
    /// `depart` runs under the lock that a landing needs. It must look once more whether the answer has arrived
    /// meanwhile, or a flight that has just landed is flown twice; it must not block.
    pub(super) async fn join<F>(&self, wanted: &I, depart: impl FnOnce() -> Departure<T, F>) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut arrival = match self.board(wanted, depart) {
            Departure::Answered(answer) => return Some(answer),
            Departure::Fetch(arrival) => arrival,
        };
        // The answer is cloned out at once: the guard holds a lock.
        arrival.wait_for(Option::is_some).await.ok().and_then(|arrived| arrived.clone())
    }

    /// Begins a flight nobody waits for, unless there is one.
    pub(super) fn send<F>(&self, wanted: &I, fetch: impl FnOnce() -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.board(wanted, || Departure::Fetch(fetch()));
    }

    fn board<F>(&self, wanted: &I, depart: impl FnOnce() -> Departure<T, F>) -> Departure<T, watch::Receiver<Option<T>>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut airborne = lock(&self.airborne);
        if let Some(arrival) = airborne.get(wanted) {
            return Departure::Fetch(arrival.clone());
        }
        let fetch = match depart() {
            Departure::Answered(answer) => return Departure::Answered(answer),
            Departure::Fetch(fetch) => fetch,
        };
        let (announce, arrival) = watch::channel(None);
        airborne.insert(wanted.clone(), arrival.clone());
        drop(airborne);
        // The future is owned by the guard's scope, not by a caller: a client that leaves takes nothing along.
        let landing = Landing { airborne: Arc::clone(&self.airborne), wanted: wanted.clone() };
        self.tasks.spawn(async move {
            let answer = fetch.await;
            drop(landing);
            announce.send_replace(Some(answer));
        });
        Departure::Fetch(arrival)
    }
}

/// Takes a flight off the list, also where its task is dropped or panics: nobody must wait for it for ever.
struct Landing<I: Eq + Hash, T> {
    airborne: Arc<Airborne<I, T>>,
    wanted: I,
}

impl<I: Eq + Hash, T> Drop for Landing<I, T> {
    fn drop(&mut self) {
        lock(&self.airborne).remove(&self.wanted);
    }
}

fn lock<I, T>(airborne: &Airborne<I, T>) -> MutexGuard<'_, HashMap<I, watch::Receiver<Option<T>>>> {
    airborne.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn the_first_caller_may_leave_and_the_rest_still_arrive() {
        let tasks = TaskTracker::new();
        let flights = Arc::new(Flights::<u8, u8>::new(tasks.clone()));
        let gate = Arc::new(Semaphore::new(0));
        let fetches = Arc::new(AtomicUsize::new(0));
        let join = || {
            let (flights, gate, fetches) = (Arc::clone(&flights), Arc::clone(&gate), Arc::clone(&fetches));
            async move {
                let fetch = async move {
                    fetches.fetch_add(1, Ordering::Relaxed);
                    gate.acquire().await.unwrap().forget();
                    7
                };
                flights.join(&1, || Departure::Fetch(fetch)).await
            }
        };
        let first = tasks.spawn(join());
        let second = tasks.spawn(join());
        tokio::task::yield_now().await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        gate.add_permits(1);
        assert_eq!(second.await.unwrap(), Some(7));
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
        gate.add_permits(1);
        assert_eq!(join().await, Some(7));
        assert_eq!(fetches.load(Ordering::Relaxed), 2, "a landed flight is not joined");
    }

    #[tokio::test]
    async fn a_fetch_that_panics_leaves_nobody_waiting() {
        let flights = Flights::<u8, u8>::new(TaskTracker::new());
        assert_eq!(flights.join(&1, || Departure::Fetch(async { panic!("a bug in the fetch") })).await, None);
        assert_eq!(flights.join(&1, || Departure::Fetch(async { 7 })).await, Some(7));
    }
}
