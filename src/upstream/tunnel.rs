//! A WebSocket after the application agreed: bytes both ways until either side ends.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info};

/// Where tunnels run, and what ends them.
#[derive(Debug)]
pub(super) struct Tunnels {
    /// The drain waits for these.
    pub(super) tasks: TaskTracker,
    /// Ends every tunnel where it stands.
    pub(super) cut: CancellationToken,
}

impl Tunnels {
    /// Joins two upgraded connections until either ends.
    pub(super) fn open(&self, client: OnUpgrade, application: OnUpgrade, request_id: String) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            let (client, application) = match tokio::try_join!(client, application) {
                Ok(both) => both,
                Err(error) => {
                    debug!(request_id, error = %error, "tunnel not opened");
                    return;
                }
            };
            let opened = tokio::time::Instant::now();
            let (mut client, mut application) = (TokioIo::new(client), TokioIo::new(application));
            let ended = cut.run_until_cancelled(copy_bidirectional(&mut client, &mut application)).await;
            let duration_ms = u64::try_from(opened.elapsed().as_millis()).unwrap_or(u64::MAX);
            match ended {
                Some(Ok((bytes_in, bytes_out))) => {
                    info!(request_id, bytes_in, bytes_out, duration_ms, "tunnel closed");
                }
                Some(Err(error)) => info!(request_id, error = %error, duration_ms, "tunnel broken"),
                None => info!(request_id, duration_ms, "tunnel cut"),
            }
        });
    }
}
