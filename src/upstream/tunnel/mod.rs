//! A WebSocket after the application agreed: bytes both ways until either side ends, or its tenure does.

mod frames;
mod half;

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, split},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info};

use self::half::{Activity, Half};
use crate::{
    authoriser::Tenure,
    config::IdleLimit,
    metrics::{Carrier, EndReason, StreamKind},
};

/// How long the other direction may go on when one has ended. A WebSocket whose one side has hung up is over (RFC 6455
/// §7.1.1); what is on its way may arrive.
const AFTERMATH: Duration = Duration::from_secs(10);

/// How long both sides may take to hear that the tunnel ends: the rest of a frame, ours, and the client's last one.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where tunnels run, and what ends them.
#[derive(Debug)]
pub(super) struct Tunnels {
    /// The drain waits for these.
    pub(super) tasks: TaskTracker,
    /// Ends every tunnel where it stands.
    pub(super) cut: CancellationToken,
}

impl Tunnels {
    /// Joins two upgraded connections until either ends, or `tenure` does.
    pub(super) fn open(&self, client: OnUpgrade, application: OnUpgrade, tenure: Tenure, request_id: String) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            let (client, application) = match tokio::try_join!(client, application) {
                Ok((client, application)) => (TokioIo::new(client), TokioIo::new(application)),
                Err(error) => {
                    debug!(request_id, error = %error, "tunnel not opened");
                    return;
                }
            };
            let _open = tenure.open(StreamKind::Websocket);
            let activity = Activity::begin();
            let ended = cut.run_until_cancelled(join(client, application, &tenure, &activity)).await;
            let duration_ms = u64::try_from(activity.age().as_millis()).unwrap_or(u64::MAX);
            let Some(Ended { how, bytes_in, bytes_out }) = ended else {
                info!(request_id, duration_ms, "tunnel cut");
                return;
            };
            match how {
                How::Closed => info!(request_id, bytes_in, bytes_out, duration_ms, "tunnel closed"),
                How::Broken(error) => {
                    info!(request_id, error = %error, bytes_in, bytes_out, duration_ms, "tunnel broken");
                }
                How::ByUs(reason) => {
                    info!(request_id, reason = reason.name(), bytes_in, bytes_out, duration_ms, "tunnel ended");
                }
            }
        });
    }
}

/// How a tunnel ended, and how much passed.
#[derive(Debug)]
struct Ended {
    how: How,
    bytes_in: u64,
    bytes_out: u64,
}

#[derive(Debug)]
enum How {
    Broken(std::io::Error),
    ByUs(EndReason),
    Closed,
}

async fn join<C, A>(client: C, application: A, tenure: &Tenure, activity: &Activity) -> Ended
where
    C: AsyncRead + AsyncWrite,
    A: AsyncRead + AsyncWrite,
{
    let ((from_client, to_client), (from_application, to_application)) = (split(client), split(application));
    let traffic = tenure.metrics().traffic();
    let mut inward = Half::new(from_client, to_application, |bytes| traffic.received(Carrier::Websocket, bytes));
    let mut outward = Half::new(from_application, to_client, |bytes| traffic.sent(Carrier::Websocket, bytes));
    let silence = async {
        match tenure.idle_limit() {
            IdleLimit::After(limit) => activity.silence(limit).await,
            IdleLimit::Off => std::future::pending().await,
        }
    };
    let how = tokio::select! {
        biased;
        reason = tenure.end() => How::ByUs(reason),
        () = silence => How::ByUs(EndReason::Idle),
        ended = run(&mut inward, &mut outward, activity) => match ended {
            Ok(()) => How::Closed,
            Err(error) => How::Broken(error),
        },
    };
    if let How::ByUs(reason) = &how {
        tenure.ended(StreamKind::Websocket, *reason);
        let last = Close::of(*reason);
        let farewell = async {
            let (to_client, to_application) = (last.unmasked(), last.masked());
            let (_told, _told_too) = tokio::join!(outward.end_with(&to_client), inward.end_with(&to_application));
            // Closing with the client's own close frame unread would reset the connection, and with it lose ours.
            let _heard = inward.hear_out().await;
        };
        // Whoever does not listen so long is cut off.
        let _in_time = timeout(FAREWELL, farewell).await;
    }
    Ended { how, bytes_in: inward.bytes, bytes_out: outward.bytes }
}

/// Passes bytes both ways until one side has ended, and the other had its time to.
async fn run<C, A>(
    inward: &mut Half<impl AsyncRead + Unpin, C, impl Fn(u64)>,
    outward: &mut Half<impl AsyncRead + Unpin, A, impl Fn(u64)>,
    activity: &Activity,
) -> std::io::Result<()>
where
    C: AsyncWrite + Unpin,
    A: AsyncWrite + Unpin,
{
    let (mut inward, mut outward) = (std::pin::pin!(inward.run(activity)), std::pin::pin!(outward.run(activity)));
    tokio::select! {
        ended = &mut inward => {
            ended?;
            timeout(AFTERMATH, outward).await.unwrap_or(Ok(()))
        }
        ended = &mut outward => {
            ended?;
            timeout(AFTERMATH, inward).await.unwrap_or(Ok(()))
        }
    }
}

/// A close frame (RFC 6455 §5.5.1).
#[derive(Debug, Clone, Copy)]
struct Close {
    code: u16,
    reason: &'static str,
}

impl Close {
    /// What both sides are told. 1008 is "policy violation", 1001 "going away".
    const fn of(reason: EndReason) -> Self {
        match reason {
            EndReason::Age => Self { code: 1008, reason: "open for too long" },
            EndReason::Drain => Self { code: 1001, reason: "the proxy restarts" },
            EndReason::Expired => Self { code: 1008, reason: "the session has expired" },
            EndReason::Idle => Self { code: 1001, reason: "idle for too long" },
            EndReason::Revoked => Self { code: 1008, reason: "no longer allowed" },
        }
    }

    /// As a server sends it.
    fn unmasked(self) -> Vec<u8> {
        self.frame(0, &[])
    }

    /// As a client sends it. The payload is ours and says nothing of anybody, so the masking key hides nothing.
    fn masked(self) -> Vec<u8> {
        self.frame(0x80, &[0; 4])
    }

    fn frame(self, mask_bit: u8, masking_key: &[u8]) -> Vec<u8> {
        let length = u8::try_from(self.reason.len() + 2).unwrap_or(2);
        let mut frame = vec![0x88, mask_bit | length];
        frame.extend_from_slice(masking_key);
        frame.extend_from_slice(&self.code.to_be_bytes());
        frame.extend_from_slice(self.reason.as_bytes());
        frame
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::duplex, time::Instant};

    use super::*;
    use crate::config::{StreamExpiry, StreamLimits};

    #[tokio::test(start_paused = true)]
    async fn when_one_side_has_hung_up_the_other_has_ten_seconds() {
        let limits = StreamLimits { age: AFTERMATH * 100, idle: IdleLimit::Off, expiry: StreamExpiry::Ignored };
        let tenure = Tenure::for_tests(limits);
        let ((client, from_client), (_application, from_application)) = (duplex(64), duplex(64));
        drop(client);
        let began = Instant::now();
        let ended = join(from_client, from_application, &tenure, &Activity::begin()).await;
        assert!(matches!(ended.how, How::Closed), "{ended:?}");
        assert_eq!(began.elapsed(), AFTERMATH);
    }
}
