//! Whether this process should get requests: not while draining, not while the application refuses connections.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    rejection::Rejection,
    server::{Phase, Stage},
    upstream::Upstream,
};

/// How long a probe of the application is believed: health checks of many nodes cost one connection a second.
const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// Answers whether the process is ready.
#[derive(Debug)]
pub struct Readiness {
    stage: Stage,
    upstream: Arc<Upstream>,
    last: Mutex<Option<(Instant, Probe)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    Accepting,
    Refusing,
}

impl Readiness {
    /// Asks `upstream`, unless `stage` already says no.
    #[must_use]
    pub fn new(stage: Stage, upstream: Arc<Upstream>) -> Self {
        Self { stage, upstream, last: Mutex::new(None) }
    }

    /// `Ok` while requests should come.
    pub async fn check(&self) -> Result<(), Rejection> {
        if self.stage.phase() == Phase::Draining {
            return Err(Rejection::Draining);
        }
        match self.probe().await {
            Probe::Accepting => Ok(()),
            Probe::Refusing => Err(Rejection::UpstreamNotReady),
        }
    }

    /// Asks the application, once for all who want to know: they wait for one probe, and this lock is made for that.
    async fn probe(&self) -> Probe {
        let mut last = self.last.lock().await;
        match *last {
            Some((at, probe)) if at.elapsed() < BELIEVED_FOR => return probe,
            Some(_) | None => {}
        }
        let probe = match self.upstream.accepts_connections().await {
            Ok(()) => Probe::Accepting,
            Err(_) => Probe::Refusing,
        };
        *last = Some((Instant::now(), probe));
        probe
    }
}
