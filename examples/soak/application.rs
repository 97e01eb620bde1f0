//! The application: echoes whom the proxy says it serves, streams, counts uploads, and is restarted at times.

use std::{
    convert::Infallible,
    error::Error,
    io,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long it is away, and how long after that the proxy may not know yet.
const AWAY: Duration = Duration::from_millis(300);
const SETTLES: Duration = Duration::from_secs(1);

/// How often an event is sent.
const EVENT: Duration = Duration::from_secs(2);

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// A number that changes when a restart begins and when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// Whether no restart is going on.
    pub(crate) const fn is_quiet(self) -> bool {
        self.0.is_multiple_of(2)
    }
}

/// The application on its port.
pub(crate) struct Application {
    address: SocketAddr,
    epoch: AtomicU64,
    life: Mutex<CancellationToken>,
    tasks: TaskTracker,
}

impl Application {
    pub(crate) async fn start(tasks: TaskTracker) -> io::Result<Self> {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let (address, life) = (listener.local_addr()?, CancellationToken::new());
        tasks.spawn(life.clone().run_until_cancelled_owned(accept(listener, life.clone(), tasks.clone())));
        Ok(Self { address, epoch: AtomicU64::new(0), life: Mutex::new(life), tasks })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::SeqCst))
    }

    /// Ends: every connection breaks off where it is.
    pub(crate) fn stop(&self) {
        self.life.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }

    /// Ends, and comes back after a moment.
    pub(crate) async fn restart(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.stop();
        tokio::time::sleep(AWAY).await;
        let (listener, life) = (listen(self.address)?, CancellationToken::new());
        *self.life.lock().unwrap_or_else(PoisonError::into_inner) = life.clone();
        self.tasks.spawn(life.clone().run_until_cancelled_owned(accept(listener, life, self.tasks.clone())));
        tokio::time::sleep(SETTLES).await;
        self.epoch.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept(listener: TcpListener, life: CancellationToken, tasks: TaskTracker) {
    while let Ok((stream, _)) = listener.accept().await {
        let (connection_life, connection_tasks) = (life.clone(), tasks.clone());
        tasks.spawn(life.clone().run_until_cancelled_owned(serve(stream, connection_life, connection_tasks)));
    }
}

async fn serve(stream: TcpStream, life: CancellationToken, tasks: TaskTracker) {
    let answer = service_fn(move |request| {
        let (life, tasks) = (life.clone(), tasks.clone());
        async move { Ok::<_, Infallible>(answer(request, life, tasks).await) }
    });
    // A client that leaves is what half of them do.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).with_upgrades().await;
}

async fn answer(mut request: Request<Incoming>, life: CancellationToken, tasks: TaskTracker) -> Answer {
    let subject = subject(request.headers());
    let mut path = request.uri().path().trim_start_matches('/').split('/');
    let (what, nonce) = (path.next().unwrap_or_default(), path.next().and_then(|text| text.parse().ok()).unwrap_or(0));
    match what {
        "echo" => text(echo(&subject, nonce)),
        "upload" => match request.body_mut().collect().await {
            Ok(body) => text(echo(&subject, nonce ^ body.to_bytes().len() as u64)),
            Err(_) => text(String::new()),
        },
        "download" => stream_of(stream::iter(0..nonce).map(|_| Bytes::from(vec![b'd'; 64 * 1024]))),
        "events" => {
            let ticks = tokio::time::interval(EVENT);
            stream_of(stream::unfold(ticks, move |mut ticks| {
                let event = Bytes::from(format!("data: {subject}\n\n"));
                async move {
                    ticks.tick().await;
                    Some((event, ticks))
                }
            }))
        }
        "socket" => socket(request, subject, life, tasks),
        _ => text("not found".to_owned()),
    }
}

/// What `echo` says, in a length that differs from one to the next.
pub(crate) fn echo(subject: &str, nonce: u64) -> String {
    format!("{subject} {nonce} {}", subject.repeat((nonce % 97) as usize))
}

/// Whom the proxy says it serves. What is signed is verified elsewhere.
pub(crate) fn subject(fields: &HeaderMap) -> String {
    let claims = fields.get("x-auth-user").and_then(|value| value.to_str().ok()?.split('.').nth(1)).unwrap_or_default();
    let claims: Value = BASE64_URL_SAFE_NO_PAD
        .decode(claims)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    claims.get("sub").and_then(Value::as_str).unwrap_or("nobody").to_owned()
}

fn text(text: String) -> Answer {
    Response::new(Full::from(text).boxed())
}

fn stream_of(pieces: impl stream::Stream<Item = Bytes> + Send + Sync + 'static) -> Answer {
    Response::new(BodyExt::boxed(StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece))))))
}

/// Agrees to a WebSocket, and sends every message back with the subject in front.
fn socket(request: Request<Incoming>, subject: String, life: CancellationToken, tasks: TaskTracker) -> Answer {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let mut response = text(String::new());
    let Some(accept) = key.and_then(|key| key.parse().ok()) else { return response };
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = response.headers_mut();
    fields.insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
    fields.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    fields.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    tasks.spawn(life.run_until_cancelled_owned(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            let Ok(said) = message.into_text() else { continue };
            if socket.send(format!("{subject} {said}").into()).await.is_err() {
                return;
            }
        }
    }));
    response
}
