//! The application's answer on its way back: streamed frame by frame, its connection kept when it ends.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;

use super::{
    pool::{Connection, Pool},
    vigil::Vigil,
};
use crate::{
    authoriser::Tenure,
    metrics::{EndReason, OpenStream, StreamKind},
};

/// Why an answer stops before its end.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// The application broke off.
    #[error("the application broke off its answer")]
    Broken(#[source] hyper::Error),
    /// The proxy ended it. The client must not take what came for the whole.
    #[error("the answer was ended: {}", .0.name())]
    Ended(EndReason),
}

/// The body of an answer. Dropping it before its end closes the connection to the application, which is how the
/// application learns that the client has gone.
#[derive(Debug)]
pub struct AnswerBody {
    flow: Flow,
    kind: StreamKind,
    /// Counted while it is open.
    _open: Option<OpenStream>,
}

/// What there still is of an answer.
#[derive(Debug)]
enum Flow {
    /// Nothing: the proxy ended it. The connection to the application is closed.
    Ended(EndReason),
    /// More, or at least its end.
    Going(Going),
}

#[derive(Debug)]
struct Going {
    body: Incoming,
    lease: Lease,
    vigil: Vigil,
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

/// Gives an answer its streaming body.
pub(super) fn streaming(response: Response<Incoming>, mut lease: Lease, tenure: Tenure) -> Response<AnswerBody> {
    let kind = kind(&response);
    response.map(|body| {
        if body.is_end_stream() {
            lease.finish();
        }
        // A WebSocket is counted by its tunnel, which outlives this.
        let open = (kind == StreamKind::EventStream).then(|| tenure.open(kind));
        AnswerBody { flow: Flow::Going(Going { body, lease, vigil: Vigil::new(tenure) }), kind, _open: open }
    })
}

impl AnswerBody {
    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> StreamKind {
        self.kind
    }

    /// Why the proxy ended it, if it did.
    #[must_use]
    pub const fn end_reason(&self) -> Option<EndReason> {
        match self.flow {
            Flow::Ended(reason) => Some(reason),
            Flow::Going(_) => None,
        }
    }

    /// Ends the answer. Events are whole or they are not there, so their stream just ends and the client asks again; of
    /// everything else a part must not look like the whole.
    fn end(&mut self, reason: EndReason) -> Option<Result<Frame<Bytes>, AnswerError>> {
        if let Flow::Going(going) = &self.flow {
            going.vigil.ended(self.kind, reason);
        }
        self.flow = Flow::Ended(reason);
        match self.kind {
            StreamKind::EventStream => None,
            StreamKind::Download | StreamKind::Websocket => Some(Err(AnswerError::Ended(reason))),
        }
    }
}

impl Going {
    /// The next frame, or why there is to be none.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, AnswerError>> {
        let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(context) else {
            return self.vigil.waits(context).map(|reason| Err(AnswerError::Ended(reason)));
        };
        match next {
            None => self.lease.finish(),
            Some(Err(error)) => return Poll::Ready(Err(AnswerError::Broken(error))),
            // `TE` was not passed on, so nobody asked for trailers.
            Some(Ok(frame)) if frame.is_trailers() => self.lease.finish(),
            Some(Ok(frame)) => {
                if let Poll::Ready(reason) = self.vigil.passed(context) {
                    return Poll::Ready(Err(AnswerError::Ended(reason)));
                }
                if self.body.is_end_stream() {
                    self.lease.finish();
                }
                return Poll::Ready(Ok(Some(frame)));
            }
        }
        Poll::Ready(Ok(None))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        let Flow::Going(going) = &mut self.flow else {
            return Poll::Ready(None);
        };
        going.poll(context).map(|next| match next {
            Ok(frame) => frame.map(Ok),
            Err(AnswerError::Ended(reason)) => self.end(reason),
            Err(error @ AnswerError::Broken(_)) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.flow {
            Flow::Ended(_) => true,
            Flow::Going(going) => going.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.flow {
            Flow::Ended(_) => SizeHint::default(),
            Flow::Going(going) => going.body.size_hint(),
        }
    }
}

fn kind<B>(response: &Response<B>) -> StreamKind {
    const EVENT_STREAM: &[u8] = b"text/event-stream";
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return StreamKind::Websocket;
    }
    let media_type = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    match media_type.split_at_checked(EVENT_STREAM.len()) {
        Some((begin, rest))
            if begin.eq_ignore_ascii_case(EVENT_STREAM) && matches!(rest.first(), None | Some(b';' | b' ' | b'\t')) =>
        {
            StreamKind::EventStream
        }
        Some(_) | None => StreamKind::Download,
    }
}
