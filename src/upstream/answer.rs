//! The application's answer on its way back: streamed frame by frame, its connection kept when it ends.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::pool::{Connection, Pool};

/// The body of an answer. Dropping it before its end closes the connection to the application, which is how the
/// application learns that the client has gone.
#[derive(Debug)]
pub struct AnswerBody {
    body: Incoming,
    lease: Lease,
}

/// A connection in use. It goes back to the pool only through [`Lease::finish`].
#[derive(Debug)]
pub(super) enum Lease {
    /// Gone back.
    Ended,
    /// Lent by the pool until the answer has ended.
    Lent(Connection, Arc<Pool>),
    /// A tunnel now: held, and never lent again.
    Tunnel {
        /// Open for as long as the head of the answer is on its way.
        _connection: Connection,
    },
}

impl Lease {
    /// The answer was read to its end.
    fn finish(&mut self) {
        match std::mem::replace(self, Self::Ended) {
            Self::Lent(connection, pool) => pool.park(connection),
            Self::Ended => {}
            tunnel @ Self::Tunnel { .. } => *self = tunnel,
        }
    }

    /// The connection has changed its protocol.
    pub(super) fn into_tunnel(self) -> Self {
        match self {
            Self::Lent(connection, _) => Self::Tunnel { _connection: connection },
            Self::Ended | Self::Tunnel { .. } => self,
        }
    }
}

impl AnswerBody {
    pub(super) fn new(body: Incoming, mut lease: Lease) -> Self {
        if body.is_end_stream() {
            lease.finish();
        }
        Self { body, lease }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(None) => self.lease.finish(),
            // `TE` was not passed on, so nobody asked for trailers.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                self.lease.finish();
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Ok(_))) if self.body.is_end_stream() => self.lease.finish(),
            Poll::Ready(Some(_)) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
