//! A body as it comes from the client. What nobody reads of it is read on for a while and thrown away.
//!
//! A refusal is often written before the body has come. Closing the connection then, with bytes unread, resets it, and the
//! reset destroys the answer on its way: the client, or the load balancer, reports a broken connection in place of the
//! refusal (RFC 9112 §9.6).

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Version, header::EXPECT};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{runtime::Handle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long, and how far, an unread body is read on. Whatever is still to come then meets a closed connection.
const LONGEST: Duration = Duration::from_secs(10);
const MOST: usize = 64 * 1024 * 1024;

/// Where unread bodies are read on: the drain waits for these tasks, and `cut` ends them.
#[derive(Debug, Clone)]
pub struct Lingering {
    /// Runs the tasks.
    pub tasks: TaskTracker,
    /// Ends them where they stand.
    pub cut: CancellationToken,
}

/// A request's body. Dropping it before its end answers nothing and loses no answer.
#[derive(Debug)]
pub struct Received {
    /// `None` only while it is dropped.
    incoming: Option<Incoming>,
    lingering: Option<Lingering>,
}

impl Received {
    /// Takes the body of `request`. It is not read on in HTTP/2, which resets one stream and not the connection, nor where
    /// the client waits to be asked for it (`Expect: 100-continue`): reading would ask.
    #[must_use]
    pub fn take(request: Request<Incoming>, lingering: &Lingering) -> Request<Self> {
        let lingers = request.version() < Version::HTTP_2 && !request.headers().contains_key(EXPECT);
        request.map(|incoming| {
            let lingering = (lingers && !incoming.is_end_stream()).then(|| lingering.clone());
            Self { incoming: Some(incoming), lingering }
        })
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        let polled = Pin::new(incoming).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.lingering = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let (Some(mut incoming), Some(Lingering { tasks, cut })) = (self.incoming.take(), self.lingering.take()) else {
            return;
        };
        // Outside of a runtime the process is ending, and so is the connection.
        let Ok(runtime) = Handle::try_current() else { return };
        if !incoming.is_end_stream() {
            let reading_on = async move {
                let mut left = MOST;
                while let (1.., Some(Ok(thrown_away))) = (left, incoming.frame().await) {
                    left = left.saturating_sub(thrown_away.data_ref().map_or(0, Bytes::len));
                }
            };
            tasks.spawn_on(cut.run_until_cancelled_owned(timeout(LONGEST, reading_on)), &runtime);
        }
    }
}
