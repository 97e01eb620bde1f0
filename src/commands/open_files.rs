//! The process may have as many files open as it is allowed to have, and takes no more connections than that leaves room
//! for.
//!
//! Every connection is a file. What a system gives a process that does not ask is often 1024, for programs that cannot
//! count further (`select`); asking for more is free.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

use crate::server::SURPLUS;

/// Listeners, log, key endpoints, policy file, the runtime's own.
const OTHERS: usize = 32;

/// Raises the limit to what is allowed. How many that is; `None` is any number.
pub(super) fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let allowed = if raised.is_ok() { maximum } else { current };
    debug!(before = current, now = allowed, "open files");
    allowed
}

/// How many files this process may have open once it has asked for more; `None` is any number.
pub(super) fn allowed() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// How many of `connections` fit in what is allowed; warns where that is fewer. Clients who are let in and then find
/// nothing left for the connection to the application would be told 502, and so would those who are served already.
pub(super) fn fitting(allowed: Option<u64>, connections: usize) -> usize {
    let fitting = allowed.map_or(connections, |allowed| fit(usize::try_from(allowed).unwrap_or(usize::MAX)));
    if fitting < connections {
        warn!(
            allowed,
            accepted = fitting,
            "limits.max_connections does not fit in the open files this process may have, fewer are accepted: \
             allow it more (ulimit -n, LimitNOFILE=, ulimits), or set a smaller limit"
        );
    }
    fitting.min(connections)
}

/// A quarter is for the application: not every connection has a request under way at a time.
fn fit(allowed: usize) -> usize {
    allowed.saturating_sub(allowed / 4).saturating_sub(OTHERS + SURPLUS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_never_take_what_the_application_needs() {
        for (allowed, fitting) in [(1024, 672), (65_535, 49_056), (256, 96), (20, 1)] {
            assert_eq!(fit(allowed), fitting, "{allowed}");
        }
        assert_eq!(fitting(Some(65_535), 16_384), 16_384);
        assert_eq!(fitting(None, 16_384), 16_384);
        assert_eq!(fitting(Some(1024), 16_384), 672);
    }
}
