//! Whoever logs only copies a whole line into memory: no system call, and no waiting for whoever reads the log.
//!
//! One thread ([`writer`](super::writer)) takes everything that has gathered and writes it. The first line after quiet
//! wakes it; under load nobody has to, because it comes back by itself.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::metrics::counter::Counter;

/// How much waits for the writer before lines are dropped, in bytes: 10,000 lines, a third of a second of one core's
/// requests or ten seconds of a busy day's, and twice that is all a reader that hangs costs in memory.
pub(super) const LIMIT: usize = 4 * 1024 * 1024;

/// What is kept of a buffer after a burst, in bytes: what gathers in a pause at 60,000 lines a second.
const KEPT: usize = 256 * 1024;

/// Where lines gather. A handle; its clones are the same sink.
#[derive(Debug, Clone)]
pub struct Sink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The writer waits here: for lines, or for its pause to end.
    wake: Condvar,
    /// Whoever flushes waits here.
    progress: Condvar,
    dropped: Counter,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    /// All bytes there ever were, and those that have left: equal where everything is written.
    appended: u64,
    left: u64,
    /// Lines dropped that the log does not speak of yet.
    untold: u64,
    writer: Writer,
    health: Health,
    haste: Haste,
}

/// What the writer does: only a resting one has to be woken, which is a system call.
#[derive(Debug, Default, PartialEq, Eq)]
enum Writer {
    #[default]
    Busy,
    Resting,
}

/// Whether the last write went through. Where it did not, a word about it would not either.
#[derive(Debug, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Good,
    Failing,
}

/// Whether somebody waits for the lines to have been written.
#[derive(Debug, Default, PartialEq, Eq)]
enum Haste {
    #[default]
    None,
    Flushing,
}

impl Default for Sink {
    fn default() -> Self {
        Self::holding(LIMIT)
    }
}

impl Sink {
    /// A sink whose lines wait for the writer in at most this many bytes.
    pub(super) fn holding(limit: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            progress: Condvar::new(),
            dropped: Counter::default(),
            limit,
        }))
    }

    /// Takes one line, its newline included, or drops and counts it where there is no room. Never waits for the output.
    pub fn append(&self, line: &[u8]) {
        let mut state = self.state();
        if state.pending.len().saturating_add(line.len()) > self.0.limit {
            state.untold = state.untold.saturating_add(1);
            drop(state);
            self.0.dropped.inc();
            return;
        }
        state.pending.extend_from_slice(line);
        state.appended = state.appended.saturating_add(size(line));
        if state.writer == Writer::Resting {
            state.writer = Writer::Busy;
            drop(state);
            self.0.wake.notify_one();
        }
    }

    /// How many lines were dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> &Counter {
        &self.0.dropped
    }

    /// Waits until what was appended before has been written, or `patience` is over.
    pub fn flush(&self, patience: Duration) {
        let began = Instant::now();
        let mut state = self.state();
        let all = state.appended;
        while state.left < all {
            state.haste = Haste::Flushing;
            self.0.wake.notify_one();
            let Some(rest) = patience.checked_sub(began.elapsed()) else { return };
            let waited = self.0.progress.wait_timeout(state, rest);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Rests until there are lines, and takes all of them in place of `batch`, which is empty. The number of lines that
    /// the log has to be told were dropped after them.
    pub(super) fn take(&self, batch: &mut Vec<u8>) -> u64 {
        // A burst's memory is given back.
        batch.shrink_to(KEPT);
        let mut state = self.state();
        while state.pending.is_empty() {
            state.writer = Writer::Resting;
            state = self.0.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writer = Writer::Busy;
        state.haste = Haste::None;
        std::mem::swap(&mut state.pending, batch);
        match state.health {
            Health::Good => std::mem::take(&mut state.untold),
            Health::Failing => 0,
        }
    }

    /// A batch of this many bytes has been written.
    pub(super) fn written(&self, bytes: usize) {
        self.left(bytes, Health::Good, 0);
    }

    /// A batch of this many bytes has left, and these many lines of it were not written.
    pub(super) fn failed(&self, bytes: usize, lines: u64) {
        self.0.dropped.inc_by(lines);
        self.left(bytes, Health::Failing, lines);
    }

    fn left(&self, bytes: usize, health: Health, untold: u64) {
        let mut state = self.state();
        state.left = state.left.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        state.untold = state.untold.saturating_add(untold);
        state.health = health;
        drop(state);
        self.0.progress.notify_all();
    }

    /// Waits for this long, so that lines gather; less where somebody waits for them.
    pub(super) fn gather(&self, pause: Duration) {
        let state = self.state();
        // Woken by the time or by whoever flushes: either way the pause is over.
        let _over = self.0.wake.wait_timeout_while(state, pause, |state| state.haste == Haste::None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For `tracing`, which writes each event as one whole line. Never fails.
impl Write for &Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.append(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
