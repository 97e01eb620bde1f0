//! Can keys be fetched, and is it the same time there?

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio_util::task::TaskTracker;

use super::{
    report::{Finding, Report},
    trouble::Trouble,
};
use crate::{
    config::{Authorities, GroupsSource, KeySetSource, KeysUrl, Verification},
    keys::{AlbKeys, FetchError, Fetching, KeyError, KeyId, PoolKeyId, PoolKeys, time_at},
};

const ALB: &str = "load balancer keys";
const POOL: &str = "user pool keys";
const CLOCK: &str = "clock";

/// A `Date` is cut off to whole seconds.
const GRAIN: Duration = Duration::from_secs(1);

pub(super) async fn check(report: &mut Report, expected: &Verification, tasks: &TaskTracker) {
    let alb = alb(expected, tasks).await;
    let answers = alb.is_ok();
    report.add(alb.unwrap_or_else(|error| unreachable(ALB, &expected.alb_keys, &error)));
    match &expected.groups {
        GroupsSource::Userinfo { .. } => {}
        GroupsSource::CognitoAccessToken { key_sets, .. } => {
            pool(report, key_sets, (&expected.authorities, tasks)).await
        }
    }
    if answers {
        report.add(clock(expected).await);
    }
}

/// Asks for a key that does not exist: being told so is the proof that the place answers.
async fn alb(expected: &Verification, tasks: &TaskTracker) -> Result<Finding, Arc<FetchError>> {
    let keys = &expected.alb_keys;
    let source = AlbKeys::new(keys, &expected.authorities, fetching(tasks))?;
    match source.key(&KeyId::of_no_key()).await {
        Ok(_) | Err(KeyError::Unknown) => Ok(Finding::ok(ALB, format!("{keys} answers"))),
        Err(KeyError::Unavailable { source }) => Err(source),
    }
}

async fn pool(report: &mut Report, sources: &[KeySetSource], with: (&Authorities, &TaskTracker)) {
    let mut outcomes = Vec::with_capacity(sources.len());
    for source in sources {
        outcomes.push((source, key_set(source, with).await));
    }
    let found = outcomes.iter().any(|(_, outcome)| outcome.is_ok());
    for (source, outcome) in outcomes {
        let error = match outcome {
            Ok(()) => {
                report.add(Finding::ok(POOL, format!("{} holds usable keys", source.url)));
                continue;
            }
            Err(error) => error,
        };
        // A pool has one of two issuer forms, and whoever names the pool need not know which.
        if found && is_denied(&error) {
            report
                .add(Finding::ok(POOL, format!("{} has none, so the pool uses the other form of issuer", source.url)));
        } else {
            report.add(unreachable(POOL, &source.url, &error));
        }
    }
}

/// Asks for a key that does not exist: the set has to come, and to hold some that can verify.
async fn key_set(
    source: &KeySetSource,
    (authorities, tasks): (&Authorities, &TaskTracker),
) -> Result<(), Arc<FetchError>> {
    let keys = PoolKeys::new(&source.url, authorities, fetching(tasks))?;
    match keys.key(&PoolKeyId::of_no_key()).await {
        Ok(_) | Err(KeyError::Unknown) => Ok(()),
        Err(KeyError::Unavailable { source }) => Err(source),
    }
}

/// Nobody looks at what is counted here.
pub(super) fn fetching(tasks: &TaskTracker) -> Fetching {
    Fetching { tasks: tasks.clone(), ..Fetching::default() }
}

fn is_denied(error: &FetchError) -> bool {
    matches!(error, FetchError::Status { status } if status.is_client_error())
}

fn unreachable(topic: &'static str, url: &KeysUrl, error: &FetchError) -> Finding {
    let trouble = Trouble::of(error);
    Finding::fail(topic, format!("{url}: {}", trouble.sentence(error)), trouble.remedy())
}

/// Compares this machine's clock with the key host's. A token's time is judged by this one, and made by one of AWS.
async fn clock(expected: &Verification) -> Finding {
    let asked = Instant::now();
    let Ok(Some(there)) = time_at(&expected.alb_keys, &expected.authorities).await else {
        return Finding::warn(CLOCK, "the key host does not tell its time", "compare the clock by another way");
    };
    let (skew, direction, remedy) = match SystemTime::now().duration_since(there) {
        Ok(ahead) => (
            ahead.saturating_sub(asked.elapsed() + GRAIN),
            "ahead of",
            "set it by NTP; good tokens seem expired, and what the proxy signs comes from the future for others",
        ),
        Err(error) => (
            error.duration(),
            "behind",
            "set it by NTP; tokens stay good after their time, and what the proxy signs expires too early for others",
        ),
    };
    let (seconds, leeway) = (skew.as_secs(), expected.leeway.as_secs());
    if skew <= expected.leeway {
        return Finding::ok(CLOCK, format!("within {leeway} s of the key host's"));
    }
    let sentence = format!("{seconds} s {direction} the key host's, more than identity.leeway ({leeway} s)");
    Finding::fail(CLOCK, sentence, remedy)
}
