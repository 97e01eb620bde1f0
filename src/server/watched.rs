//! The bytes of one connection under the eyes of its limits: what comes too slowly or asks too often ends the connection, with
//! a word where one can still be understood.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::debug;

use super::{
    exchanges::Exchanges,
    places::Seat,
    reading::{Reading, Waiting},
    socket::Outgoing,
};
use crate::{
    config::ConnectionLimits,
    metrics::{Limit, Metrics},
    rejection::problem,
};

/// GOAWAY with `ENHANCE_YOUR_CALM` (RFC 9113 §6.8). It names the highest stream there can be: what was processed must not be
/// sent again.
const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0xb];

/// Who is watched, and by which rules.
#[derive(Debug)]
pub(super) struct Watch {
    /// The other end.
    pub peer: SocketAddr,
    /// The rules.
    pub limits: ConnectionLimits,
    /// How long it may be idle.
    pub keep_alive_timeout: Duration,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// A stream that obeys the limits of connections.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
    reading: Reading,
    /// Whether the stream took all of what was last written to it.
    taken: Taken,
    /// What ended it.
    reached: Option<Limit>,
    /// Given back when the stream is closed, which may be long after its last request: as a tunnel.
    _seat: Seat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    All,
    Part,
}

impl<S: AsyncRead + AsyncWrite + Outgoing + Unpin> Watched<S> {
    pub(super) fn new(stream: S, exchanges: Arc<Exchanges>, watch: Watch, seat: Seat) -> Self {
        let reading = Reading::new(exchanges, watch.limits, watch.keep_alive_timeout);
        Self { stream, watch, reading, taken: Taken::All, reached: None, _seat: seat }
    }

    /// Ends the connection: everything fails from now on.
    fn stop(&mut self, limit: Limit, context: &mut Context<'_>) -> io::Error {
        if self.reached.replace(limit).is_none() {
            self.watch.metrics.limit_reached(limit);
            debug!(client.addr = %self.watch.peer, limit = limit.name(), "connection cut");
            self.say_why(limit, context);
        }
        over(limit)
    }

    /// Not within a frame or an answer that is on its way, and no more than there is room for at once.
    fn say_why(&mut self, limit: Limit, context: &mut Context<'_>) {
        if self.taken == Taken::Part {
            return;
        }
        let stream = Pin::new(&mut self.stream);
        let _best_effort = match limit {
            Limit::ControlFrames => stream.poll_write(context, &GOAWAY),
            Limit::HeadTimeout if self.reading.is_http1() => stream.poll_write(context, request_timeout().as_bytes()),
            Limit::BodyIdle
            | Limit::BodySize
            | Limit::Connections
            | Limit::HandshakeTimeout
            | Limit::HeadTimeout
            | Limit::WriteTimeout => return,
        };
    }

    fn check(&self) -> io::Result<()> {
        self.reached.map_or(Ok(()), |limit| Err(over(limit)))
    }

    fn wrote(&mut self, wrote: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
        self.taken = match wrote {
            Poll::Ready(Ok(taken)) if taken >= all => Taken::All,
            Poll::Ready(_) | Poll::Pending => Taken::Part,
        };
        wrote
    }
}

fn over(limit: Limit) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, limit.name())
}

fn request_timeout() -> String {
    let text = problem(StatusCode::REQUEST_TIMEOUT, "request_timeout", None);
    format!(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncache-control: no-store\r\n\
         content-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
}

impl<S: AsyncRead + AsyncWrite + Outgoing + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.check()?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let judged = match &read {
            Poll::Ready(Ok(())) => {
                this.reading.took(buffer.filled().get(before..).unwrap_or_default()).map(|()| Waiting::On)
            }
            Poll::Ready(Err(_)) => Ok(Waiting::On),
            Poll::Pending => this.reading.waits(this.stream.outflow(), context),
        };
        match judged {
            Ok(Waiting::On) => read,
            // No bytes: the end, to hyper.
            Ok(Waiting::Over) => Poll::Ready(Ok(())),
            Err(limit) => Poll::Ready(Err(this.stop(limit, context))),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Outgoing + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(wrote, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(wrote, slices.iter().map(|slice| slice.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
