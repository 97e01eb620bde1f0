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
use tokio_util::task::TaskTracker;

use crate::server::Exchange;

/// How long, and how far, an unread body is read on. Whatever is still to come then meets a closed connection.
const LONGEST: Duration = Duration::from_secs(10);
const MOST: usize = 64 * 1024 * 1024;

/// A request's body. Dropping it before its end answers nothing and loses no answer.
#[derive(Debug)]
pub struct Received {
    /// `None` only while it is dropped.
    incoming: Option<Incoming>,
    rest: Rest,
    /// Open until the body has ended.
    exchange: Option<Exchange>,
}

/// What becomes of the rest when nobody reads on.
#[derive(Debug)]
enum Rest {
    /// There is none, or it is left to the connection.
    Left,
    /// It is read on by a task the drain waits for.
    ReadOn(TaskTracker),
    /// It has not been asked for (`Expect: 100-continue`), and reading would ask. Once asked for, it is read on.
    Unasked(TaskTracker),
}

impl Received {
    /// Takes the body of `request`; what is read on is read by `tasks`. In HTTP/2 nothing is: there a stream is reset, and
    /// not the connection.
    #[must_use]
    pub fn take(request: Request<Incoming>, tasks: &TaskTracker) -> Request<Self> {
        let rest = if request.body().is_end_stream() || request.version() == Version::HTTP_2 {
            Rest::Left
        } else if request.headers().contains_key(EXPECT) {
            Rest::Unasked(tasks.clone())
        } else {
            Rest::ReadOn(tasks.clone())
        };
        request.map(|incoming| Self { incoming: Some(incoming), rest, exchange: None })
    }

    /// Keeps `exchange` open until the body has ended, or has been given up.
    #[must_use]
    pub fn holding(mut self, exchange: &Exchange) -> Self {
        self.exchange = if self.is_end_stream() { None } else { Some(exchange.clone()) };
        self
    }

    /// Nothing is read on: who is known to send nothing is not waited for.
    pub(super) fn leave_rest(&mut self) {
        self.rest = Rest::Left;
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
        if let (Poll::Ready(Some(Ok(frame))), Rest::ReadOn(_) | Rest::Unasked(_)) = (&polled, &self.rest)
            && let (true, Some(exchange)) = (frame.is_trailers(), &self.exchange)
        {
            // hyper takes bytes for trailers that others take for the next request (behind `0\r\n\n`, attack class 6.21).
            exchange.is_the_last();
        }
        self.rest = match (std::mem::replace(&mut self.rest, Rest::Left), &polled) {
            (_, Poll::Ready(None | Some(Err(_)))) | (Rest::Left, _) => Rest::Left,
            (Rest::ReadOn(tasks) | Rest::Unasked(tasks), _) => Rest::ReadOn(tasks),
        };
        if matches!(&polled, Poll::Ready(None | Some(Err(_)))) || self.is_end_stream() {
            self.exchange = None;
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
        let (Some(mut incoming), Rest::ReadOn(tasks)) = (self.incoming.take(), &self.rest) else { return };
        // Outside of a runtime the process is ending, and so is the connection.
        let Ok(runtime) = Handle::try_current() else { return };
        if !incoming.is_end_stream() {
            let exchange = self.exchange.take();
            let reading_on = async move {
                let mut left = MOST;
                let _open = exchange;
                while let (1.., Some(Ok(thrown_away))) = (left, incoming.frame().await) {
                    left = left.saturating_sub(thrown_away.data_ref().map_or(0, Bytes::len));
                }
            };
            // Where the connection is cut, its bodies end.
            tasks.spawn_on(timeout(LONGEST, reading_on), &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Response;
    use http_body_util::{BodyExt, Empty};
    use hyper::{client::conn::http2, server::conn, service::service_fn};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        sync::oneshot,
        time::Instant,
    };

    use super::*;

    /// Refuses without a look at the body.
    async fn refuse(request: Request<Incoming>, tasks: TaskTracker) -> Result<Response<Empty<Bytes>>, Infallible> {
        let _unread = Received::take(request, &tasks);
        Ok(Response::builder().status(401).body(Empty::new()).unwrap())
    }

    /// The other end of a connection whose requests are refused.
    fn http_1() -> DuplexStream {
        let (client, server) = duplex(64 * 1024);
        let tasks = TaskTracker::new();
        let refusing = tasks.clone();
        let service = service_fn(move |request| refuse(request, refusing.clone()));
        tasks.spawn(conn::http1::Builder::new().serve_connection(TokioIo::new(server), service));
        client
    }

    /// How long it is until the connection closes, and what was answered.
    async fn closes(mut client: DuplexStream, request: &str) -> (Duration, String) {
        let began = Instant::now();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answered = String::new();
        client.read_to_string(&mut answered).await.unwrap();
        (began.elapsed(), answered.lines().next().unwrap().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for_long() {
        let unfinished = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nx";
        assert_eq!(closes(http_1(), unfinished).await, (LONGEST, "HTTP/1.1 401 Unauthorized".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_was_not_asked_for_is_not_waited_for() {
        let unasked = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n";
        assert_eq!(closes(http_1(), unasked).await, (Duration::ZERO, "HTTP/1.1 401 Unauthorized".to_owned()));
    }

    /// A body that never goes on, and says when nobody wants it any more.
    struct Endless(#[expect(dead_code, reason = "told by dropping it")] oneshot::Sender<()>);

    impl Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn in_http_2_the_stream_is_reset_and_nothing_read_on() {
        let (client, server) = duplex(64 * 1024);
        let tasks = TaskTracker::new();
        let refusing = tasks.clone();
        let service = service_fn(move |request| refuse(request, refusing.clone()));
        tasks.spawn(conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(server), service));
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.unwrap();
        tasks.spawn(connection);
        let (began, (unwanted, dropped)) = (Instant::now(), oneshot::channel());
        let request = Request::post("http://a/").body(Endless(unwanted)).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 401);
        answer.into_body().collect().await.unwrap();
        dropped.await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
