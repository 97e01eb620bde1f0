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

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, future::poll_fn};

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// A socket of whose reads and writes this comes; after that they are pending.
    #[derive(Default)]
    struct Socket {
        reads: VecDeque<io::Result<&'static [u8]>>,
        writes: VecDeque<io::Result<usize>>,
    }

    impl AsyncRead for Socket {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let Some(read) = self.reads.pop_front() else { return Poll::Pending };
            Poll::Ready(read.map(|bytes| buffer.put_slice(bytes)))
        }
    }

    impl AsyncWrite for Socket {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            self.writes.pop_front().map_or(Poll::Pending, Poll::Ready)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            _: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.poll_write(context, b"")
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    fn broken() -> io::Error {
        io::ErrorKind::BrokenPipe.into()
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Form {
        Plain,
        Vectored,
    }

    const FORMS: [Form; 2] = [Form::Plain, Form::Vectored];

    /// What one try to write comes to.
    async fn tries(hearing: &mut Hearing<Socket>, form: Form) -> Poll<Result<usize, io::ErrorKind>> {
        poll_fn(|context| {
            let hearing = Pin::new(&mut *hearing);
            let tried = if form == Form::Vectored {
                hearing.poll_write_vectored(context, &[IoSlice::new(b"x")])
            } else {
                hearing.poll_write(context, b"x")
            };
            Poll::Ready(tried.map_err(|error| error.kind()))
        })
        .await
    }

    #[tokio::test]
    async fn what_passes_is_what_came() {
        let (mut other, stream) = duplex(64);
        let mut hearing = Hearing::new(stream);
        hearing.write_all(b"request").await.unwrap();
        assert_eq!(hearing.write_vectored(&[IoSlice::new(b" and"), IoSlice::new(b" more")]).await.unwrap(), 9);
        other.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        hearing.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
        hearing.shutdown().await.unwrap();
        let mut request = String::new();
        other.read_to_string(&mut request).await.unwrap();
        assert_eq!(request, "request and more");
    }

    #[tokio::test]
    async fn it_does_and_can_do_what_its_stream_does_and_can_do() {
        let mut quiet = Hearing::new(Socket::default());
        assert!(quiet.is_write_vectored());
        poll_fn(|context| {
            assert!(Pin::new(&mut quiet).poll_flush(context).is_pending());
            assert!(Pin::new(&mut quiet).poll_shutdown(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_failure_of_the_first_write_is_told_at_once() {
        for form in FORMS {
            // Nothing taken is not something written.
            let writes = [Ok(0), Err(broken())].into();
            let mut hearing = Hearing::new(Socket { writes, ..Socket::default() });
            assert_eq!(tries(&mut hearing, form).await, Poll::Ready(Ok(0)));
            assert_eq!(tries(&mut hearing, form).await, Poll::Ready(Err(io::ErrorKind::BrokenPipe)));
        }
    }

    #[tokio::test]
    async fn a_later_failure_is_kept_back_until_reading_has_ended() {
        for form in FORMS {
            for end in [Ok(&b""[..]), Err(io::ErrorKind::ConnectionReset.into())] {
                let reads = [Ok(&b"413 and why"[..]), end].into();
                let writes = [Ok(1), Err(broken()), Err(broken())].into();
                let mut hearing = Hearing::new(Socket { reads, writes });
                assert_eq!(tries(&mut hearing, form).await, Poll::Ready(Ok(1)));
                let mut buffer = [0; 64];
                for _ in 0..3 {
                    assert_eq!(tries(&mut hearing, form).await, Poll::Pending);
                }
                // No room is no end.
                assert_eq!(hearing.read(&mut []).await.unwrap(), 0);
                assert_eq!(tries(&mut hearing, form).await, Poll::Pending);
                assert_eq!(hearing.read(&mut buffer).await.unwrap(), 11);
                assert_eq!(tries(&mut hearing, form).await, Poll::Pending, "there may be more");
                let _ended = hearing.read(&mut buffer).await;
                assert_eq!(tries(&mut hearing, form).await, Poll::Ready(Err(io::ErrorKind::BrokenPipe)));
            }
        }
    }
}
