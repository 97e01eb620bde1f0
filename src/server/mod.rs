//! Step 1: accept. One task per connection, HTTP/1.1 and HTTP/2 by prior knowledge, each within its limits.

mod allowance;
mod drain;
mod exchanges;
mod frames;
mod listener;
mod places;
mod protocols;
mod reading;
mod socket;
mod tls;
mod watched;

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, Version, header::CONNECTION};
use http_body::Body;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

pub use drain::{Phase, Stage};
pub use exchanges::Exchange;
pub use listener::bind;
pub(crate) use places::SURPLUS;
pub use tls::{Tls, TlsError, Transport};

use self::{
    exchanges::{Answered, Exchanges},
    places::{Places, Seat},
    protocols::TaskExecutor,
    socket::{Outgoing, Socket, Taker},
    watched::{Watch, Watched},
};
use crate::{
    config::{ConnectionLimits, HeadLimits, Scheme},
    ingress::{Connection, Received, Room},
    metrics::{Limit, Metrics},
};

/// How long the accept loop rests when the system has no file descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How long it must have had some before a lack is spoken of again: while a crowd leaves, room comes and goes.
const EPISODE: Duration = Duration::from_mins(1);

/// How long a connection there is no room for may take to ask, and then to take its refusal.
const HASTE: Duration = Duration::from_secs(5);

/// Something that answers every request: a refusal is an answer too.
pub trait Answer: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + Unpin + 'static;

    /// Answers one request. The future is kept in memory for as long as its connection is open: it should be small.
    fn answer(
        self: Arc<Self>,
        request: Request<Received>,
        connection: Connection,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static;
}

/// How the connections of a listener are treated.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What connections begin with.
    pub transport: Transport,
    /// How long a connection may be idle, or wait for its first request.
    pub keep_alive_timeout: Duration,
    /// How much of a head `ingress` admits.
    pub heads: HeadLimits,
    /// Numbers and times.
    pub limits: ConnectionLimits,
    /// Where it is counted that a limit stopped somebody.
    pub metrics: Arc<Metrics>,
    /// Whether the process is on its way out.
    pub stage: Stage,
}

/// One listener and its connections.
#[derive(Debug)]
pub struct Server {
    terms: Terms,
    /// For the connections there is room for, and for the others.
    builders: Builders,
    places: Arc<Places>,
    connections: TaskTracker,
    ends: Ends,
}

#[derive(Debug)]
struct Builders {
    enough: auto::Builder<TaskExecutor>,
    none: auto::Builder<TaskExecutor>,
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
    pub fn new(terms: &Terms, connections: TaskTracker, ends: Ends) -> Arc<Self> {
        let executor = TaskExecutor::new(connections.clone(), ends.cut.clone());
        let enough = protocols::builder(terms, executor);
        let mut none = enough.clone();
        none.http1().keep_alive(false);
        let places = Places::new(terms.limits.connections, Arc::clone(&terms.metrics));
        Arc::new(Self { terms: terms.clone(), builders: Builders { enough, none }, places, connections, ends })
    }

    /// Accepts until told to stop.
    pub async fn serve<A: Answer>(self: Arc<Self>, listener: TcpListener, answer: Arc<A>) {
        let Ok(local) = listener.local_addr() else { return };
        let mut exhausted: Option<Instant> = None;
        loop {
            let place_and_connection = async { (self.places.next().await, listener.accept().await) };
            let (place, accepted) = tokio::select! {
                () = self.ends.stop_accepting.cancelled() => return,
                accepted = place_and_connection => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        debug!(error = %error, "nodelay not set");
                    }
                    let ends = (peer, stream.local_addr().unwrap_or(local));
                    let seat = self.places.seat(place);
                    let (server, answer) = (Arc::clone(&self), Arc::clone(&answer));
                    let stream = self.socket(stream, peer);
                    match &self.terms.transport {
                        Transport::Plain => self.connections.spawn(server.connection(stream, ends, seat, answer)),
                        Transport::Tls(tls) => {
                            self.connections.spawn(server.secured((Arc::clone(tls), stream), ends, seat, answer))
                        }
                    };
                }
                Err(error) if is_about_one_connection(&error) => debug!(error = %error, "connection lost in the queue"),
                Err(error) => {
                    let before = exhausted.replace(Instant::now());
                    if before.is_none_or(|before| before.elapsed() > EPISODE) {
                        warn!(error = %error, "no connection accepted, trying on");
                    }
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    fn socket<S>(&self, stream: S, peer: SocketAddr) -> Socket<S> {
        let (patience, metrics) = (self.terms.limits.write_timeout, Arc::clone(&self.terms.metrics));
        Socket::new(stream, Taker { peer, patience, metrics })
    }

    /// A connection that begins with a handshake, which has the time of a head.
    async fn secured<A: Answer, S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self: Arc<Self>,
        (tls, stream): (Arc<Tls>, Socket<S>),
        ends: (SocketAddr, SocketAddr),
        seat: Seat,
        answer: Arc<A>,
    ) {
        let (peer, _) = ends;
        let patience = match seat.room() {
            Room::Enough => self.terms.limits.head_timeout.min(self.terms.keep_alive_timeout),
            Room::None => HASTE,
        };
        let leave = async {
            self.ends.stop_accepting.cancelled().await;
            tokio::time::sleep(HASTE).await;
        };
        let shaken = tokio::select! {
            biased;
            shaken = tls.accept(stream) => shaken,
            () = self.ends.cut.cancelled() => return,
            () = leave => return,
            () = tokio::time::sleep(patience) => {
                self.terms.metrics.limit_reached(Limit::HandshakeTimeout);
                return debug!(client.addr = %peer, limit = Limit::HandshakeTimeout.name(), "connection cut");
            }
        };
        match shaken {
            Ok(stream) => self.connection(stream, ends, seat, answer).await,
            Err(error) => debug!(client.addr = %peer, error = %error, "no tls handshake"),
        }
    }

    async fn connection<A: Answer, S: AsyncRead + AsyncWrite + Outgoing + Unpin + Send + 'static>(
        self: Arc<Self>,
        stream: S,
        (peer, local): (SocketAddr, SocketAddr),
        seat: Seat,
        answer: Arc<A>,
    ) {
        let room = seat.room();
        let builder = match room {
            Room::Enough => &self.builders.enough,
            Room::None => &self.builders.none,
        };
        let exchanges = Arc::new(Exchanges::default());
        let Terms { keep_alive_timeout, limits, .. } = self.terms;
        let watch = Watch { peer, limits, keep_alive_timeout, metrics: Arc::clone(&self.terms.metrics) };
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&exchanges), watch, seat));
        let begun = Begun {
            exchanges: Arc::clone(&exchanges),
            tasks: self.connections.clone(),
            stage: self.terms.stage.clone(),
        };
        let scheme = match self.terms.transport {
            Transport::Plain => Scheme::Http,
            Transport::Tls(_) => Scheme::Https,
        };
        let at = Connection { peer, local, scheme, room };
        let service = service_fn(move |request| exchange(&answer, request, at, &begun));
        let connection = builder.serve_connection_with_upgrades(stream, service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = silence(&exchanges, HASTE), if room == Room::None => return debug!(client.addr = %peer, "no request came"),
            () = self.leave_taking(room, &exchanges) => {
                connection.as_mut().graceful_shutdown();
                match self.ends.cut.run_until_cancelled(self.at_last(room, &exchanges, connection)).await {
                    Some(Some(ended)) => ended,
                    Some(None) | None => return,
                }
            }
        };
        if let Err(error) = ended {
            if protocols::is_about_a_flood(error.as_ref()) {
                self.terms.metrics.limit_reached(Limit::ControlFrames);
            }
            debug!(client.addr = %peer, error = %error, "connection ended early");
        }
    }

    /// Completes when a connection is to end after the requests it has. One on which none has come by the time that idle
    /// ones end is among them: the first may just be on its way, and an HTTP/2 client is told that nothing was processed.
    async fn leave_taking(&self, room: Room, exchanges: &Exchanges) {
        let stop = self.ends.stop_accepting.cancelled();
        match room {
            Room::Enough => tokio::select! {
                biased;
                () = stop => {}
                () = silence(exchanges, self.terms.keep_alive_timeout) => {}
            },
            Room::None => tokio::select! {
                () = stop => {}
                () = exchanges.first() => {}
            },
        }
    }

    /// The end of a connection that has been asked to end; `None` where it may not wait for that any longer.
    async fn at_last<E>(&self, room: Room, exchanges: &Exchanges, connection: impl Future<Output = E>) -> Option<E> {
        match room {
            Room::Enough => tokio::select! {
                ended = connection => Some(ended),
                // A first head that is on its way has come by then, or is too slow.
                () = silence(exchanges, self.terms.limits.head_timeout) => None,
            },
            Room::None => timeout(HASTE, connection).await.ok(),
        }
    }
}

/// What the exchanges of one connection have in common.
struct Begun {
    exchanges: Arc<Exchanges>,
    tasks: TaskTracker,
    stage: Stage,
}

/// One exchange. It begins when this is called, not when it is first polled: until then more bytes may be read.
fn exchange<A: Answer>(
    answer: &Arc<A>,
    request: Request<Incoming>,
    connection: Connection,
    begun: &Begun,
) -> impl Future<Output = Result<Response<Answered<A::Body>>, Infallible>> + use<A> {
    let (exchanges, stage) = (Arc::clone(&begun.exchanges), begun.stage.clone());
    let exchange = exchanges.begin();
    let version = request.version();
    let request = Received::take(request, &begun.tasks).map(|body| body.holding(&exchange));
    // Not an `async` block, which would hold the answer's future twice.
    Arc::clone(answer).answer(request, connection).map(move |mut response| {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            exchanges.upgrade();
        } else if version != Version::HTTP_2 && (exchanges.are_over() || stage.phase() == Phase::Draining) {
            // Draining: whoever comes back comes back elsewhere, and is not under way when idle connections are closed.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if version == Version::HTTP_10 && response.headers().get(CONNECTION).is_some_and(|option| option == "close") {
            // To an answer of 1.1 hyper adds the `keep-alive` that was asked for, beside the `close`.
            *response.version_mut() = version;
        }
        Ok(response.map(|body| Answered::new(body, exchange)))
    })
}

/// Completes where no request has come in `patience`. hyper's own timer begins only when the protocol is known, so a
/// connection that sends nothing, or `P` alone, would stay for ever.
async fn silence(exchanges: &Exchanges, patience: Duration) {
    let mut patience = pin!(tokio::time::sleep(patience));
    poll_fn(|context| {
        // Whatever the connection waits for, this is asked: most often the answer is known.
        if exchanges.begun() > 0 { Poll::Pending } else { patience.as_mut().poll(context) }
    })
    .await;
}

/// Errors of `accept` that concern a connection which is gone, not the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionReset, Interrupted].contains(&error.kind())
}

#[cfg(test)]
mod tests;
