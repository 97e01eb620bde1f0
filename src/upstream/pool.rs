//! Connections to the application, kept for the next request while they are surely still open.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use crate::{alarm::Alarm, ingress::RequestBody};

/// The most connections kept idle; a burst's surplus is closed.
const MOST_IDLE: usize = 512;

/// One HTTP/1.1 connection to the application.
#[derive(Debug)]
pub(super) struct Connection {
    /// Takes requests.
    pub(super) requests: SendRequest<RequestBody>,
    /// Rings when an answer is too late. It goes with the connection: making one costs more than keeping it.
    pub(super) alarm: Alarm,
}

/// Idle connections, the latest used first: the longer one has been idle, the likelier the application closes it. Old
/// ones are let go at the next request; until then the application may close them as it likes.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<VecDeque<Parked>>,
    idle_timeout: Duration,
}

#[derive(Debug)]
struct Parked {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// Keeps connections for `idle_timeout`.
    pub(super) const fn new(idle_timeout: Duration) -> Self {
        Self { idle: Mutex::new(VecDeque::new()), idle_timeout }
    }

    /// A connection that is open and free, as far as can be seen from here.
    pub(super) fn take(&self, now: Instant) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.drop_stale(&mut idle, now);
        let free = idle.iter().rposition(|parked| parked.connection.requests.is_ready())?;
        idle.remove(free).map(|parked| parked.connection)
    }

    /// Keeps `connection`, whose last answer was read to its end.
    pub(super) fn park(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        self.drop_stale(&mut idle, now);
        if !connection.requests.is_closed() && idle.len() < MOST_IDLE {
            idle.push_back(Parked { connection, since: now });
        }
    }

    fn drop_stale(&self, idle: &mut VecDeque<Parked>, now: Instant) {
        while idle.front().is_some_and(|oldest| now.saturating_duration_since(oldest.since) >= self.idle_timeout) {
            idle.pop_front();
        }
        while idle.back().is_some_and(|latest| latest.connection.requests.is_closed()) {
            idle.pop_back();
        }
    }
}
