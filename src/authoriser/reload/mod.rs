//! Keeps the policy in force equal to its file: a complete new policy is taken, a broken one never is.
//!
//! The file is read again every second and compared by content. That is one small read a second, it works wherever
//! reading works, and there is nothing to miss: change notices are not sent for a bind-mounted file that was renamed
//! over, for Kubernetes' exchanged symbolic links or for most network file systems, and modification times can go back
//! or stay.

#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{
    Authoriser, LiveAuthoriser, PolicyError,
    policy::{self, ReadError},
};
use crate::config::{EmailRules, EmptyPolicy};

/// Two reads must agree, so a change is in force after at most two of these and the time to read, below the 5 s that
/// operators are promised.
const PERIOD: Duration = Duration::from_secs(1);

/// Follows the policy file at `path` until `stop`. Whatever is wrong with the file, the last good policy stays in force
/// and the reason is logged once.
///
/// A file caught while it is rewritten in place is not judged: only content read twice in a row is. A writer that
/// pauses longer than that in the middle of a file that is a policy up to there is not noticed; rename over where that
/// matters.
pub async fn watch(
    path: PathBuf,
    live: Arc<LiveAuthoriser>,
    when_empty: EmptyPolicy,
    email_rules: EmailRules,
    stop: CancellationToken,
) {
    let parse = |content: &[u8]| Authoriser::from_content(content, when_empty, email_rules);
    stop.run_until_cancelled(follow(path, &live, parse)).await;
}

async fn follow(path: PathBuf, live: &LiveAuthoriser, parse: impl Fn(&[u8]) -> Result<Authoriser, PolicyError>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Seen::default();
    loop {
        ticks.tick().await;
        let path = path.clone();
        let shown = path.display().to_string();
        let glimpse = spawn_blocking(move || policy::read(&path)).await;
        let Some(settled) = seen.settle(glimpse.unwrap_or(Err(ReadError::Unreadable(io::ErrorKind::Other)))) else {
            continue;
        };
        match settled.as_ref().map_err(|&problem| problem.into()).and_then(|content| parse(content)) {
            Ok(authoriser) => {
                live.replace(authoriser);
                info!(path = shown, "policy applied");
            }
            Err(problem) => {
                let problem: &(dyn std::error::Error + 'static) = &problem;
                error!(path = shown, error = problem, "policy file not taken, the last good policy stays in force");
            }
        }
    }
}

/// What one look at the file gave.
type Glimpse = Result<Vec<u8>, ReadError>;

/// What is known of the file.
#[derive(Default)]
struct Seen {
    judged: Option<Glimpse>,
    unsettled: Option<Glimpse>,
}

impl Seen {
    /// What there is to judge: seen twice in a row, and not what was judged last.
    fn settle(&mut self, glimpse: Glimpse) -> Option<&Glimpse> {
        let before = self.unsettled.take();
        if self.judged.as_ref() == Some(&glimpse) {
            return None;
        }
        if before.as_ref() == Some(&glimpse) {
            return Some(self.judged.insert(glimpse));
        }
        self.unsettled = Some(glimpse);
        None
    }
}
