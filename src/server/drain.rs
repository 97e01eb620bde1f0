//! The end of the process, in an order that loses no request.
//!
//! Readiness off → keep serving until the load balancer has looked away → stop accepting → wait for requests and
//! tunnels → deadline.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::config::Drain;

/// Whether the process is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is: readiness says no.
    Draining,
    /// It is not.
    Serving,
}

/// The shared knowledge of the phase.
#[derive(Debug, Clone, Default)]
pub struct Stage(Arc<AtomicBool>);

impl Stage {
    /// Where the process stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.0.load(Ordering::Relaxed) { Phase::Draining } else { Phase::Serving }
    }

    /// Runs the drain to its end. `open` holds every connection and tunnel; what is still open at the deadline is for the
    /// caller to cut.
    pub async fn drain(&self, times: Drain, stop_accepting: &CancellationToken, open: &TaskTracker) {
        self.0.store(true, Ordering::Relaxed);
        info!(delay_ms = millis(times.delay), deadline_ms = millis(times.deadline), "draining");
        sleep(times.delay).await;
        stop_accepting.cancel();
        open.close();
        if timeout(times.deadline, open.wait()).await.is_err() {
            warn!(open = open.len(), "drain deadline reached");
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
