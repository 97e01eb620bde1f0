//! Where a policy is kept outside of the configuration, and how it is read.

use std::{fmt, io, path::PathBuf, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{
    super::policy::{self, ReadError},
    aws::{AwsProblem, AwsSource},
    pace::Pace,
};
use crate::{config::AwsStore, reload::Writing};

/// How often AWS is asked before a process that has no policy gives up: a role or a network may come a moment late.
const FIRST_ATTEMPTS: u32 = 3;

/// The wait after the first of these; the second is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How long they may take together.
const FIRST_BOUND: Duration = Duration::from_secs(25);

/// What one look gave.
pub(super) type Glimpse = Result<Vec<u8>, ReadError>;

/// Where the policy is.
#[derive(Debug)]
pub(super) enum Source {
    Aws(Box<AwsSource>),
    File(PathBuf),
}

/// A source as errors name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPlace(String);

impl fmt::Display for PolicyPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A source as the log names it: one of these.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) path: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) parameter: Option<String>,
}

impl Source {
    /// What it holds now.
    pub(super) async fn read(&self) -> Glimpse {
        match self {
            Self::Aws(source) => policy::limited(source.read().await?),
            Self::File(path) => {
                let path = path.clone();
                let glimpse = spawn_blocking(move || policy::read(&path)).await;
                glimpse.unwrap_or(Err(ReadError::Unreadable(io::ErrorKind::Other)))
            }
        }
    }

    /// What it holds when there is no policy yet. Fails only after several attempts where it is somebody else who fails.
    pub(super) async fn read_first(&self) -> Glimpse {
        let Self::Aws(source) = self else { return self.read().await };
        let mut last = Err(AwsProblem::Unreachable { service: source.policy().store().service() }.into());
        let attempts = async {
            let mut wait = FIRST_WAIT;
            for _ in 1..FIRST_ATTEMPTS {
                last = self.read().await;
                if last.is_ok() {
                    return;
                }
                sleep(wait).await;
                wait *= 2;
            }
            last = self.read().await;
        };
        // Where it takes too long, what was wrong the last time still is.
        let _too_long = timeout(FIRST_BOUND, attempts).await;
        last
    }

    pub(super) fn pace(&self) -> Pace {
        match self {
            Self::Aws(source) => Pace::sparing(source.policy().refresh()),
            Self::File(_) => Pace::Steady,
        }
    }

    pub(super) const fn writing(&self) -> Writing {
        match self {
            Self::Aws(_) => Writing::Whole,
            Self::File(_) => Writing::InPlace,
        }
    }

    pub(super) fn place(&self) -> PolicyPlace {
        PolicyPlace(match self {
            Self::Aws(source) => source.policy().to_string(),
            Self::File(path) => format!("policy file {}", path.display()),
        })
    }

    pub(super) fn named(&self) -> Named {
        match self {
            Self::Aws(source) => {
                let name = Some(source.policy().name().to_owned());
                match source.policy().store() {
                    AwsStore::ParameterStore => Named { parameter: name, ..Named::default() },
                    AwsStore::SecretsManager => Named { secret: name, ..Named::default() },
                }
            }
            Self::File(path) => Named { path: Some(path.display().to_string()), ..Named::default() },
        }
    }
}
