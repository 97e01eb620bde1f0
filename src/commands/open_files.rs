//! The process may have as many files open as it is allowed to have, and says at its start where that is too few.
//!
//! Every connection is a file. What a system gives a process that does not ask is often 1024, for programs that cannot
//! count further (`select`); asking for more is free.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Listeners, log, key endpoints, policy file, the runtime's own.
const OTHERS: u64 = 100;

/// Raises the limit to what is allowed. How many that is; `None` is any number.
pub(super) fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let allowed = if raised.is_ok() { maximum } else { current };
    debug!(before = current, now = allowed, "open files");
    allowed
}

/// Warns where `connections` do not fit in what is allowed, each with one to the application.
pub(super) fn check(allowed: Option<u64>, connections: usize) {
    if let Some(allowed) = allowed.filter(|allowed| *allowed < needed(connections)) {
        warn!(
            allowed,
            needed = needed(connections),
            "limits.max_connections does not fit in the open files this process may have: \
             allow it more (ulimit -n, LimitNOFILE=, ulimits), or set a smaller limit"
        );
    }
}

fn needed(connections: usize) -> u64 {
    u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OTHERS)
}
