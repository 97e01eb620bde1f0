//! What is counted of finding out who somebody is: signature checks, what is remembered of them, and their keys.

use std::time::{Duration, SystemTime};

use prometheus_client::registry::Registry;

use super::{
    Counters, Durations, FetchOutcome, Gauges, KeySource, Lookup, Memory, cells::Unset, durations::CHECKS, unix_seconds,
};

/// Credentials and keys.
#[derive(Debug)]
pub struct Verification {
    checks: Durations<()>,
    lookups: Counters<(Memory, Lookup)>,
    pub(super) fetches: Counters<(KeySource, FetchOutcome)>,
    fetched: Gauges<KeySource>,
}

impl Verification {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let verification = Self {
            checks: Durations::new(CHECKS),
            lookups: Counters::new(),
            fetches: Counters::new(),
            fetched: Gauges::new(Unset::Hidden),
        };
        registry.register(
            "verification_duration_seconds",
            "Checking a credential that was not remembered, waiting for its turn and for keys included",
            verification.checks.clone(),
        );
        registry.register(
            "memory_lookups",
            "Credentials and access tokens that were remembered as verified, or had to be verified",
            verification.lookups.clone(),
        );
        registry.register("key_fetches", "Fetches of verification keys", verification.fetches.clone());
        registry.register(
            "keys_fetched_timestamp_seconds",
            "When keys of this source last came, as Unix time",
            verification.fetched.clone(),
        );
        verification
    }

    /// A credential was checked, well or badly.
    pub fn checked(&self, took: Duration) {
        self.checks.observe((), took);
    }

    /// Something was looked for among what was verified lately.
    pub fn looked_up(&self, memory: Memory, lookup: Lookup) {
        self.lookups.inc((memory, lookup));
    }

    /// A key, or a set of them, was asked for.
    pub fn asked_for_keys(&self, source: KeySource, outcome: FetchOutcome) {
        self.fetches.inc((source, outcome));
        if outcome == FetchOutcome::Fetched {
            self.fetched.set(source, unix_seconds(SystemTime::now()));
        }
    }
}
