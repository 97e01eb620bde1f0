//! A WebSocket after the application agreed: bytes both ways until either side ends.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

/// Joins the two upgraded connections on `tasks`, so that the drain waits for them.
pub(super) fn open(client: OnUpgrade, application: OnUpgrade, request_id: String, tasks: &TaskTracker) {
    tasks.spawn(async move {
        let (client, application) = match tokio::try_join!(client, application) {
            Ok(both) => both,
            Err(error) => {
                debug!(request_id, error = %error, "tunnel not opened");
                return;
            }
        };
        let opened = tokio::time::Instant::now();
        let (mut client, mut application) = (TokioIo::new(client), TokioIo::new(application));
        let ended = copy_bidirectional(&mut client, &mut application).await;
        let duration_ms = u64::try_from(opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        match ended {
            Ok((bytes_in, bytes_out)) => info!(request_id, bytes_in, bytes_out, duration_ms, "tunnel closed"),
            Err(error) => info!(request_id, error = %error, duration_ms, "tunnel broken"),
        }
    });
}
