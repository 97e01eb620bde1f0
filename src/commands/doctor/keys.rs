//! Can keys be fetched, and is it the same time there?

use std::time::{Duration, Instant, SystemTime};

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

/// A well-formed id that no key has.
const MADE_UP: &str = "00000000-0000-4000-8000-000000000000";

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
async fn alb(expected: &Verification, tasks: &TaskTracker) -> Result<Finding, KeyError> {
    let keys = &expected.alb_keys;
    let source = AlbKeys::new(keys, &expected.authorities, fetching(tasks))?;
    let Some(id) = KeyId::parse(MADE_UP) else { return Err(KeyError::Unknown) };
    match source.key(&id).await {
        Ok(_) | Err(KeyError::Unknown) => Ok(Finding::ok(ALB, format!("{keys} answers"))),
        Err(error @ KeyError::Unavailable { .. }) => Err(error),
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
async fn key_set(source: &KeySetSource, (authorities, tasks): (&Authorities, &TaskTracker)) -> Result<(), KeyError> {
    let keys = PoolKeys::new(&source.url, authorities, fetching(tasks))?;
    let Some(id) = PoolKeyId::parse(MADE_UP) else { return Err(KeyError::Unknown) };
    match keys.key(&id).await {
        Ok(_) | Err(KeyError::Unknown) => Ok(()),
        Err(error @ KeyError::Unavailable { .. }) => Err(error),
    }
}

/// Nobody looks at what is counted here.
pub(super) fn fetching(tasks: &TaskTracker) -> Fetching {
    Fetching { tasks: tasks.clone(), ..Fetching::default() }
}

fn is_denied(error: &KeyError) -> bool {
    match error {
        KeyError::Unknown => false,
        KeyError::Unavailable { source } => {
            matches!(**source, FetchError::Status { status } if status.is_client_error())
        }
    }
}

fn unreachable(topic: &'static str, url: &KeysUrl, error: &KeyError) -> Finding {
    let KeyError::Unavailable { source } = error else {
        return Finding::fail(topic, format!("{url} could not be asked"), "report this, it is a fault of the program");
    };
    let trouble = Trouble::of(source);
    Finding::fail(topic, format!("{url}: {}", trouble.sentence(source)), trouble.remedy())
}

/// Compares this machine's clock with the key host's. A token's time is judged by this one, and made by one of AWS.
async fn clock(expected: &Verification) -> Finding {
    let asked = Instant::now();
    let Ok(Some(there)) = time_at(&expected.alb_keys, &expected.authorities).await else {
        return Finding::warn(CLOCK, "the key host does not tell its time", "compare the clock by another way");
    };
    let (skew, direction) = match SystemTime::now().duration_since(there) {
        Ok(ahead) => (ahead.saturating_sub(asked.elapsed() + GRAIN), "ahead of"),
        Err(error) => (error.duration(), "behind"),
    };
    let seconds = skew.as_secs();
    if skew <= expected.leeway {
        return Finding::ok(CLOCK, format!("within {} s of the key host's", expected.leeway.as_secs()));
    }
    Finding::fail(
        CLOCK,
        format!("{seconds} s {direction} the key host's, more than identity.leeway ({} s)", expected.leeway.as_secs()),
        "set it by NTP; tokens seem expired where it is ahead, and what the proxy signs seems to come from the future",
    )
}
