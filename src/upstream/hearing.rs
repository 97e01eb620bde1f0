//! A connection that listens to the end: an answer that came before the application hung up is heard.
//!
//! An application may answer early, 413 say, and close with the upload unread. The next write then fails, and hyper would
//! report that and drop the answer, which lies received and unread. So a failed write is kept back until reading has said
//! all there is: the answer, or the end.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream to the application.
#[derive(Debug)]
pub(super) struct Hearing<S> {
    stream: S,
    speech: Speech,
}

/// How far writing got.
#[derive(Debug)]
enum Speech {
    /// Nothing was written: a failure is told at once, for the request may be sent elsewhere.
    Begun,
    /// Writing failed and reading has not ended. Whoever writes is woken when it has.
    Interrupted(Waker),
    /// Something was written.
    Going,
    /// Reading has ended, so nothing is kept back.
    Over,
}

impl<S> Hearing<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, speech: Speech::Begun }
    }

    /// What a write came to, as far as it is told.
    fn told(&mut self, written: Poll<io::Result<usize>>, context: &Context<'_>) -> Poll<io::Result<usize>> {
        match (written, &self.speech) {
            (Poll::Ready(Err(_)), Speech::Going) => {
                self.speech = Speech::Interrupted(context.waker().clone());
                Poll::Pending
            }
            (Poll::Ready(Ok(written)), Speech::Begun) if written > 0 => {
                self.speech = Speech::Going;
                Poll::Ready(Ok(written))
            }
            (written, _) => written,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Hearing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let ended = match &read {
            Poll::Ready(Ok(())) => room > 0 && buffer.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended && let Speech::Interrupted(writer) = std::mem::replace(&mut self.speech, Speech::Over) {
            writer.wake();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Hearing<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Speech::Interrupted(writer) = &mut self.speech {
            writer.clone_from(context.waker());
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.told(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Speech::Interrupted(writer) = &mut self.speech {
            writer.clone_from(context.waker());
            return Poll::Pending;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.told(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
