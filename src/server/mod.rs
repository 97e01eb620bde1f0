//! Step 1: accept. One task per connection, HTTP/1.1 and HTTP/2 by prior knowledge.

mod drain;
mod listener;

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

pub use drain::{Phase, Stage};
pub use listener::bind;

use crate::{
    config::ConnectionLimits,
    ingress::{Connection, Received},
    metrics::Metrics,
};

/// How much of a head is read at all: more than `ingress` admits, so that what is too large is refused there, in words.
const MAX_HEAD: usize = 128 * 1024;

/// How many fields are read at all; `ingress` admits fewer.
const MAX_FIELDS: usize = 400;

/// How long the accept loop rests when the system has no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Something that answers every request: a refusal is an answer too.
pub trait Answer: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;

    /// Answers one request.
    fn answer(
        &self,
        request: Request<Received>,
        connection: Connection,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// How the connections of a listener are treated.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How long a connection may be idle, or wait for its first request.
    pub keep_alive_timeout: Duration,
    /// Numbers and times.
    pub limits: ConnectionLimits,
    /// Where it is counted that a limit stopped somebody.
    pub metrics: Arc<Metrics>,
}

/// One listener and its connections.
#[derive(Debug, Clone)]
pub struct Server {
    builder: auto::Builder<TaskExecutor>,
    connections: TaskTracker,
    ends: Ends,
    patience: Duration,
}

/// What ends the connections of a listener.
#[derive(Debug, Clone)]
pub struct Ends {
    /// The listener closes, and every connection ends after its request.
    pub stop_accepting: CancellationToken,
    /// Every connection ends where it stands.
    pub cut: CancellationToken,
}

impl Server {
    /// Connections run on `connections`. They are closed when no first request comes for `keep_alive_timeout`, and on
    /// HTTP/1.1 also when idle, or when a request head is not complete, for so long. On HTTP/2 that is the interval of
    /// pings: a connection stays while its peer answers them.
    #[must_use]
    pub fn new(terms: &Terms, connections: TaskTracker, ends: Ends) -> Self {
        let keep_alive_timeout = terms.keep_alive_timeout;
        let mut builder = auto::Builder::new(TaskExecutor { tasks: connections.clone(), cut: ends.cut.clone() });
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(keep_alive_timeout)
            .max_headers(MAX_FIELDS)
            .max_buf_size(MAX_HEAD);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(terms.limits.concurrent_requests)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(keep_alive_timeout)
            .keep_alive_timeout(keep_alive_timeout);
        Self { builder, connections, ends, patience: keep_alive_timeout }
    }

    /// Accepts until told to stop.
    pub async fn serve<A: Answer>(&self, listener: TcpListener, answer: Arc<A>) {
        let Ok(local) = listener.local_addr() else { return };
        let mut exhausted = false;
        loop {
            let accepted = tokio::select! {
                () = self.ends.stop_accepting.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    exhausted = false;
                    self.connections.spawn(self.clone().connection(stream, peer, local, Arc::clone(&answer)));
                }
                Err(error) if is_about_one_connection(&error) => debug!(error = %error, "connection lost in the queue"),
                Err(error) => {
                    if !std::mem::replace(&mut exhausted, true) {
                        warn!(error = %error, "no connection accepted, trying on");
                    }
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    async fn connection<A: Answer>(self, stream: TcpStream, peer: SocketAddr, local: SocketAddr, answer: Arc<A>) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(error = %error, "nodelay not set");
        }
        let local = stream.local_addr().unwrap_or(local);
        let spoken = Arc::new(AtomicBool::new(false));
        let speaking = Arc::clone(&spoken);
        let tasks = self.connections.clone();
        let service = service_fn(move |request| {
            let request = Received::take(request, &tasks);
            speaking.store(true, Ordering::Relaxed);
            let answer = Arc::clone(&answer);
            async move { Ok::<_, Infallible>(answer.answer(request, Connection { peer, local }).await) }
        });
        let connection = self.builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = silence(&spoken, self.patience) => return debug!(client.addr = %peer, "no request came"),
            () = self.ends.stop_accepting.cancelled() => {
                connection.as_mut().graceful_shutdown();
                match self.ends.cut.run_until_cancelled(connection).await {
                    Some(ended) => ended,
                    None => return,
                }
            }
        };
        if let Err(error) = ended {
            debug!(client.addr = %peer, error = %error, "connection ended early");
        }
    }
}

/// Completes where no request has come in `patience`. hyper's own timer begins only when the protocol is known, so a
/// connection that sends nothing, or `P` alone, would stay for ever.
async fn silence(spoken: &AtomicBool, patience: Duration) {
    tokio::time::sleep(patience).await;
    if spoken.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

/// Runs HTTP/2 streams as tasks the drain waits for.
#[derive(Debug, Clone)]
struct TaskExecutor {
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for TaskExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move { cut.run_until_cancelled(future).await.map(drop) });
    }
}

/// Errors of `accept` that concern a connection which is gone, not the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionReset, Interrupted].contains(&error.kind())
}
