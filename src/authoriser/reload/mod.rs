//! Keeps the policy in force equal to its file: a complete new policy is taken, a broken one never is.
//!
//! The file is read again every second and compared by content. That is one small read a second, it works wherever
//! reading works, and there is nothing to miss: change notices are not sent for a bind-mounted file that was renamed
//! over, for Kubernetes' exchanged symbolic links or for most network file systems, and modification times can go back
//! or stay.

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

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
use crate::{
    config::{EmailRules, EmptyPolicy},
    telemetry::AUDIT,
};

/// Two reads must agree, so a change is in force after at most two of these and the time to read, below the 5 s that
/// operators are promised.
const PERIOD: Duration = Duration::from_secs(1);

/// A policy file whose policy is in force.
#[derive(Debug)]
pub struct PolicyFile {
    path: PathBuf,
    in_force: Vec<u8>,
    when_empty: EmptyPolicy,
    email_rules: EmailRules,
}

impl PolicyFile {
    /// Reads the policy the process starts with.
    pub(super) fn open(
        path: &Path,
        when_empty: EmptyPolicy,
        email_rules: EmailRules,
    ) -> Result<(Self, Authoriser), PolicyError> {
        let in_file = |source| PolicyError::File { path: path.to_owned(), source: Box::new(source) };
        let content = policy::read(path).map_err(|error| in_file(error.into()))?;
        let authoriser = Authoriser::from_content(&content, when_empty, email_rules).map_err(in_file)?;
        Ok((Self { path: path.to_owned(), in_force: content, when_empty, email_rules }, authoriser))
    }

    /// Follows the file until `stop`. Whatever is wrong with it, the last good policy stays in force and the reason is
    /// logged once.
    ///
    /// A file caught while it is rewritten in place is not judged: only content read twice in a row is. A writer that
    /// pauses longer than that in the middle of a file that is a policy up to there is not noticed; rename over where
    /// that matters.
    pub async fn follow(self, live: Arc<LiveAuthoriser>, stop: CancellationToken) {
        let Self { path, in_force, when_empty, email_rules } = self;
        let parse = |content: &[u8]| Authoriser::from_content(content, when_empty, email_rules);
        let seen = Seen { judged: Ok(in_force), unsettled: None };
        stop.run_until_cancelled(follow(path, seen, &live, parse)).await;
    }
}

async fn follow(
    path: PathBuf,
    mut seen: Seen,
    live: &LiveAuthoriser,
    parse: impl Fn(&[u8]) -> Result<Authoriser, PolicyError>,
) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
                info!(target: AUDIT, path = shown, "policy applied");
            }
            Err(problem) => {
                let problem: &(dyn std::error::Error + 'static) = &problem;
                error!(target: AUDIT, path = shown, error = problem, "policy file not taken, the last good policy stays in force");
            }
        }
    }
}

/// What one look at the file gave.
type Glimpse = Result<Vec<u8>, ReadError>;

/// What is known of the file.
struct Seen {
    judged: Glimpse,
    unsettled: Option<Glimpse>,
}

impl Seen {
    /// What there is to judge: seen twice in a row, and not what was judged last.
    fn settle(&mut self, glimpse: Glimpse) -> Option<&Glimpse> {
        let before = self.unsettled.take();
        if self.judged == glimpse {
            return None;
        }
        if before.as_ref() == Some(&glimpse) {
            self.judged = glimpse;
            return Some(&self.judged);
        }
        self.unsettled = Some(glimpse);
        None
    }
}
