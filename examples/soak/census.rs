//! Counts what happened. What was not as it should be is a failure, and the first failures are told in words.

use std::{
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What can become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The application's answer, the owner's.
    Answered,
    /// Refused, and rightly so.
    Refused,
    /// Left by the client in the middle.
    Left,
    /// A message or event of a stream, its owner's.
    Message,
    /// A stream that the proxy or the application ended as it should.
    StreamEnded,
    /// Broken or 502 while the application restarted.
    Restart,
}

const FATES: [(Fate, &str); 6] = [
    (Fate::Answered, "answered"),
    (Fate::Refused, "refused"),
    (Fate::Left, "left"),
    (Fate::Message, "messages"),
    (Fate::StreamEnded, "ended"),
    (Fate::Restart, "restarts"),
];

/// How many failures are told in words.
const TOLD: usize = 20;

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Census {
    counts: [AtomicU64; FATES.len()],
    failures: Mutex<(u64, Vec<String>)>,
}

impl Census {
    /// What stands over [`Census::line`].
    pub(crate) const HEAD: &'static str = " answered  refused     left messages    ended restarts   failed";

    /// It went like this.
    pub(crate) fn count(&self, fate: Fate) {
        if let Some(count) = FATES.iter().position(|(each, _)| *each == fate).and_then(|at| self.counts.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It should not have gone like this.
    pub(crate) fn fail(&self, what: String) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.0 += 1;
        if failures.1.len() < TOLD {
            println!("FAILED {what}");
            failures.1.push(what);
        }
    }

    fn failures(&self) -> u64 {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn verdict(&self) -> Option<String> {
        let failures = self.failures();
        (failures > 0).then(|| format!("{failures} answers were not what they should be"))
    }

    /// The counts so far, in columns.
    pub(crate) fn line(&self) -> String {
        let mut line = String::new();
        for count in &self.counts {
            let _always = write!(line, "{:9}", count.load(Ordering::Relaxed));
        }
        let _always = write!(line, "{:9}", self.failures());
        line
    }

    /// The counts in words.
    pub(crate) fn report(&self) -> String {
        let counts = self.counts.iter().zip(FATES).map(|(count, (_, name))| (name, count.load(Ordering::Relaxed)));
        let words: Vec<String> = counts.map(|(name, count)| format!("{count} {name}")).collect();
        format!("requests: {}, {} failed", words.join(", "), self.failures())
    }
}
