//! Step 9: forward. The one place that talks to the application, and it needs a [`Permit`].

mod answer;
pub mod assertion;
mod connector;
mod hearing;
mod outbound;
mod pool;
mod spare;
mod tunnel;
mod vigil;

use std::{
    error::Error as _,
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE},
};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use answer::Lease;
pub use answer::{AnswerBody, AnswerError};
use assertion::{Asserter, AssertionError};
use connector::Connector;
use outbound::Outbound;
use pool::{Connection, Pool};
use spare::Spare;
use tunnel::Tunnels;

use crate::{
    authoriser::{Permit, Tenure, Tenures},
    config,
    ingress::{
        BodyError, ClaimedNames, Handshake, Inbound, RequestBody,
        hop_by_hop::{self, TransferCoding},
    },
};

/// Why there is no answer of the application.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// Our statement could not be signed.
    #[error("the assertion was not signed")]
    Assertion(#[from] AssertionError),
    /// The client's content did not come whole: the application got a broken request.
    #[error(transparent)]
    Content(BodyError),
    /// It does not accept connections.
    #[error("no connection to the application")]
    Connect(#[source] io::Error),
    /// It does not accept connections in time.
    #[error("no connection to the application in time")]
    ConnectTimeout,
    /// The connection broke, or what came is not HTTP.
    #[error("the application broke off the exchange")]
    Exchange(#[source] hyper::Error),
    /// It did not begin an answer in time.
    #[error("no answer of the application in time")]
    ResponseTimeout,
    /// Its answer is in a transfer coding besides `chunked`.
    #[error("the transfer coding of the answer is not understood")]
    TransferCoding,
    /// It changed protocols without being asked.
    #[error("the application changed the protocol unasked")]
    UnrequestedUpgrade,
}

impl UpstreamError {
    /// Whether the connection ended, as opposed to carrying something that is no answer.
    fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Exchange(error) if !error.is_parse())
    }
}

/// The application behind us.
#[derive(Debug)]
pub struct Upstream {
    connector: Connector,
    pool: Arc<Pool>,
    outbound: Outbound,
    asserter: Arc<Asserter>,
    names: ClaimedNames,
    response_timeout: Duration,
    tenures: Arc<Tenures>,
    tunnels: Tunnels,
}

/// Where the tasks of the upstream side run.
#[derive(Debug, Clone)]
pub struct UpstreamTasks {
    /// Connection drivers: nobody waits for them.
    pub background: TaskTracker,
    /// Open WebSockets: the drain waits for them.
    pub tunnels: TaskTracker,
    /// Ends open WebSockets where they stand.
    pub cut: CancellationToken,
}

/// What is set in requests to the application.
#[derive(Debug)]
pub struct Statements {
    /// Signs who the user is.
    pub asserter: Arc<Asserter>,
    /// The names nobody but us may state.
    pub names: ClaimedNames,
}

impl Upstream {
    /// Builds the client side; nothing is connected yet.
    #[must_use]
    pub fn new(
        upstream: &config::Upstream,
        statements: Statements,
        tenures: Arc<Tenures>,
        tasks: UpstreamTasks,
    ) -> Self {
        Self {
            connector: Connector::new(upstream, tasks.background),
            pool: Arc::new(Pool::new(upstream.pool_idle_timeout)),
            outbound: Outbound::from_config(upstream),
            asserter: statements.asserter,
            names: statements.names,
            response_timeout: upstream.response_timeout,
            tenures,
            tunnels: Tunnels { tasks: tasks.tunnels, cut: tasks.cut },
        }
    }

    /// Forwards a request and returns the application's answer, its body still streaming.
    ///
    /// The permit is used up: one proof, one request. Without one it cannot be called:
    ///
    /// ```compile_fail,E0061
    /// # use cognito_auth_proxy::{ingress::Inbound, upstream::Upstream};
    /// async fn pass(upstream: &Upstream, inbound: Inbound) { let _ = upstream.forward(inbound).await; }
    /// ```
    pub async fn forward(&self, permit: Permit, inbound: Box<Inbound>) -> Result<Response<AnswerBody>, UpstreamError> {
        let tenure = self.tenures.begin(&permit, &inbound.request_id);
        let (request, handshake) = self.outbound.dress(&permit, inbound, &self.asserter)?;
        let (response, lease) = self.exchange(request, &tenure).await?;
        self.passed_on(response, lease, handshake, tenure)
    }

    /// The application's answer as the client gets it.
    fn passed_on(
        &self,
        mut response: Response<Incoming>,
        lease: Lease,
        handshake: Handshake,
        tenure: Tenure,
    ) -> Result<Response<AnswerBody>, UpstreamError> {
        let application =
            (response.status() == StatusCode::SWITCHING_PROTOCOLS).then(|| hyper::upgrade::on(&mut response));
        // The version is that of one connection (RFC 9110 §6.2). Kept at 1.0, the answer would have no framing of its own.
        *response.version_mut() = Version::HTTP_11;
        check_framing(&mut response)?;
        hop_by_hop::remove(response.headers_mut());
        self.names.remove_from_response(response.headers_mut());
        match (application, handshake) {
            (Some(application), Handshake::WebSocket { client, request_id }) => {
                let fields = response.headers_mut();
                fields.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
                fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
                let request_id = request_id.to_str().unwrap_or_default().to_owned();
                self.tunnels.open(client, application, tenure.clone(), request_id);
                Ok(answer::streaming(response, lease.into_tunnel(), tenure))
            }
            (Some(_), Handshake::None) => Err(UpstreamError::UnrequestedUpgrade),
            (None, Handshake::WebSocket { .. } | Handshake::None) => Ok(answer::streaming(response, lease, tenure)),
        }
    }

    /// Whether the application accepts connections.
    pub async fn accepts_connections(&self) -> io::Result<()> {
        self.connector.probe().await
    }

    /// Sends on an idle connection if there is one. Where the application closed that just now, a request it cannot
    /// have acted upon is sent once more on a new one.
    async fn exchange(
        &self,
        request: Box<Request<RequestBody>>,
        tenure: &Tenure,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        // A handshake cannot be repeated, so it does not risk a connection that is just being closed.
        let idle = if request.headers().contains_key(UPGRADE) { None } else { self.pool.take(tenure.began()) };
        // Boxed: most requests find a connection, and none is to make room for opening one.
        let Some(connection) = idle else {
            return Box::pin(self.exchange_anew(request, tenure)).await;
        };
        let copy = Spare::of(&request);
        match self.send(connection, request, tenure, tenure.began()).await {
            Ok(answered) => Ok(answered),
            Err(Failure { error, unsent }) => match (unsent, copy) {
                (Some(request), _) => {
                    debug!(error = %error, "idle connection was closed, request not sent on it");
                    Box::pin(self.exchange_anew(request, tenure)).await
                }
                (None, Some(copy)) if error.is_broken_connection() => {
                    debug!(error = %error, "idle connection was closed, safe request repeated");
                    let request = copy.into_request().ok_or(error)?;
                    Box::pin(self.exchange_anew(request, tenure)).await
                }
                (None, Some(_) | None) => Err(error),
            },
        }
    }

    async fn exchange_anew(
        &self,
        request: Box<Request<RequestBody>>,
        tenure: &Tenure,
    ) -> Result<(Response<Incoming>, Lease), UpstreamError> {
        let connection = self.connector.connect().await?;
        self.send(connection, request, tenure, Instant::now()).await.map_err(|failure| failure.error)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that talks to the application")]
    async fn send(
        &self,
        mut connection: Connection,
        request: Box<Request<RequestBody>>,
        tenure: &Tenure,
        now: Instant,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let progress = request.body().progress();
        let method = request.method().clone();
        let mut deadline = now + self.response_timeout;
        let mut answer = pin!(connection.requests.try_send_request(*request));
        let answered = poll_fn(|context| {
            if let Poll::Ready(answered) = answer.as_mut().poll(context) {
                return Poll::Ready(Ok(answered));
            }
            while connection.alarm.rings(deadline, context) {
                // An upload takes its time; the application's begins when it has what there is. But it takes no more than a
                // stream may, or one that drips would hold its connection for ever, whatever becomes of its user.
                match progress.as_ref().map(|progress| progress.last_moved() + self.response_timeout) {
                    Some(later) if later > deadline && tenure.goes_on() => deadline = later,
                    Some(_) | None => return Poll::Ready(Err(Late)),
                }
            }
            Poll::Pending
        })
        .await;
        if let Ok(Ok(_)) = &answered {
            tenure.metrics().traffic().answered_by_upstream(now.elapsed());
        }
        match answered {
            Ok(Ok(response)) if may_be_followed(&method, &response) => Ok((response, Lease::Ended)),
            Ok(Ok(response)) => Ok((response, Lease::Lent(connection, Arc::clone(&self.pool)))),
            Ok(Err(mut failed)) => {
                let unsent = failed.take_message().map(Box::new);
                let error = failed.into_error();
                // hyper's "user" is whoever gave it the body: our client.
                let error = if error.is_user() {
                    UpstreamError::Content(content_error(error))
                } else {
                    UpstreamError::Exchange(error)
                };
                Err(Failure { error, unsent })
            }
            Err(Late) => Err(Failure { error: UpstreamError::ResponseTimeout, unsent: None }),
        }
    }
}

/// Takes away a length that does not say how long the body is: beside a transfer coding it never does (RFC 9112 §6.3),
/// and a 204 has no body. An answer in a coding besides `chunked` is refused, or its reader would get coded bytes that
/// nobody declares.
fn check_framing(response: &mut Response<Incoming>) -> Result<(), UpstreamError> {
    let no_content = response.status() == StatusCode::NO_CONTENT;
    let fields = response.headers_mut();
    match TransferCoding::of(fields) {
        TransferCoding::Chunked => drop(fields.remove(CONTENT_LENGTH)),
        TransferCoding::None if no_content => drop(fields.remove(CONTENT_LENGTH)),
        TransferCoding::None => {}
        TransferCoding::Unknown => return Err(UpstreamError::TransferCoding),
    }
    Ok(())
}

/// Whether an application that forgets that this answer has no content may send it nevertheless, as much later as it likes.
/// On a connection that is used again it would be the next user's answer.
fn may_be_followed(method: &Method, response: &Response<Incoming>) -> bool {
    let announced = || {
        let fields = response.headers();
        fields.contains_key(TRANSFER_ENCODING)
            || fields.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
    };
    match response.status() {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => announced(),
        _ => *method == Method::HEAD,
    }
}

/// What our own body said was wrong with it, out of what hyper made of that.
fn content_error(error: hyper::Error) -> BodyError {
    match error.source().and_then(|cause| cause.downcast_ref::<BodyError>()) {
        Some(BodyError::Idle) => BodyError::Idle,
        Some(BodyError::TooLarge) => BodyError::TooLarge,
        Some(BodyError::Broken(_)) | None => BodyError::Broken(error),
    }
}

/// No answer has begun in time.
struct Late;

/// A failed attempt, and the request where not a byte of it was written.
#[derive(Debug)]
struct Failure {
    error: UpstreamError,
    unsent: Option<Box<Request<RequestBody>>>,
}
