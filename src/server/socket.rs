//! The socket of one connection, below TLS where there is any: a client that takes nothing for long ends it.
//!
//! Only here is it seen whether a client takes something. TLS keeps up to 64 KiB of what it was given: it takes more before
//! the client does, and its flush waits for the last byte of it, however steadily they go.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};
use tokio_rustls::server::TlsStream;
use tracing::debug;

use crate::{
    alarm::Alarm,
    metrics::{Limit, Metrics},
};

/// Who is at the other end, and how long it may take nothing.
#[derive(Debug)]
pub(super) struct Taker {
    /// The other end.
    pub peer: SocketAddr,
    /// How long it may take nothing of what there is for it.
    pub patience: Duration,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// A socket that is given up when its client takes nothing.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    taker: Taker,
    outflow: Outflow,
    alarm: Alarm,
}

/// How it stands with what there is for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outflow {
    /// All of it went, and when it last did after the client had to be waited for.
    Free(Option<Instant>),
    /// The client is waited for, until then.
    Waits(Instant),
    /// It took nothing for too long.
    GivenUp,
}

/// Whose bytes go out through a [`Socket`].
pub(super) trait Outgoing {
    /// How it stands there.
    fn outflow(&self) -> Outflow;
}

impl<S> Outgoing for Socket<S> {
    fn outflow(&self) -> Outflow {
        self.outflow
    }
}

impl<S> Outgoing for TlsStream<Socket<S>> {
    fn outflow(&self) -> Outflow {
        self.get_ref().0.outflow
    }
}

impl<S> Socket<S> {
    pub(super) const fn new(stream: S, taker: Taker) -> Self {
        Self { stream, taker, outflow: Outflow::Free(None), alarm: Alarm::new() }
    }

    fn check(&self) -> io::Result<()> {
        match self.outflow {
            Outflow::Free(_) | Outflow::Waits(_) => Ok(()),
            Outflow::GivenUp => Err(given_up()),
        }
    }

    /// Takes note of what came of a write.
    fn wrote(&mut self, wrote: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if wrote.is_ready() {
            if let Outflow::Waits(_) = self.outflow {
                self.outflow = Outflow::Free(Some(Instant::now()));
            }
            return wrote;
        }
        let until = match self.outflow {
            Outflow::Waits(until) => until,
            Outflow::Free(_) | Outflow::GivenUp => Instant::now() + self.taker.patience,
        };
        self.outflow = Outflow::Waits(until);
        if !self.alarm.rings(until, context) {
            return Poll::Pending;
        }
        self.outflow = Outflow::GivenUp;
        self.taker.metrics.limit_reached(Limit::WriteTimeout);
        debug!(client.addr = %self.taker.peer, limit = Limit::WriteTimeout.name(), "connection cut");
        Poll::Ready(Err(given_up()))
    }
}

fn given_up() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, Limit::WriteTimeout.name())
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(wrote, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(wrote, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    // A socket has nothing to flush, and closing its side waits for nobody.

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
