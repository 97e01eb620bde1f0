//! Serves an issuer's keys on loopback as AWS does (`/alb/<kid>`, `/jwks.json`), and fails in every way AWS might.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{DATE, LOCATION},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::{Issuer, SignerError, issuer::Published};

/// How the endpoint misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    None,
    /// Connections are closed without an answer.
    Down,
    /// Every request is answered with this status.
    Status(StatusCode),
    /// Requests wait until the fault is another one.
    Held,
    /// The right answer with a `Date` that is so far ahead.
    Early(Duration),
    /// The right answer with a `Date` of so long ago.
    Late(Duration),
    /// 200 with a page of HTML.
    Html,
    /// 200 with a key of another curve, or a set of keys of another kind.
    WrongKind,
    /// 200 with 5 MB.
    Oversized,
    /// A redirect to where the right answer is.
    Redirect,
    /// 200 with the right answer, twice.
    Twice,
}

/// The place where keys are fetched. Cheap to clone: all clones are one endpoint.
#[derive(Debug, Clone)]
pub struct KeyEndpoint {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    published: Mutex<Published>,
    p384: String,
    fault: watch::Sender<Fault>,
    requests: watch::Sender<usize>,
}

impl KeyEndpoint {
    /// Listens on a free loopback port with the keys of `issuer`. The second value serves until it is dropped.
    pub async fn bind(issuer: &Issuer) -> io::Result<(Self, impl Future<Output = ()> + Send + 'static)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let state = Arc::new(State {
            published: Mutex::new(issuer.published().clone()),
            p384: p384_pem().map_err(io::Error::other)?,
            fault: watch::Sender::new(Fault::None),
            requests: watch::Sender::new(0),
        });
        let endpoint = Self { address: listener.local_addr()?, state: Arc::clone(&state) };
        Ok((endpoint, serve(listener, state)))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of the load balancer's keys.
    #[must_use]
    pub fn alb_url(&self) -> String {
        format!("http://{}/alb", self.address)
    }

    /// The URL of the pool's key set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// From now on serves the keys of `issuer`, and only those.
    pub fn publish(&self, issuer: &Issuer) {
        *self.state.published.lock().unwrap_or_else(PoisonError::into_inner) = issuer.published().clone();
    }

    /// From now on misbehaves like this. Requests on hold go on.
    pub fn set_fault(&self, fault: Fault) {
        self.state.fault.send_replace(fault);
    }

    /// How many requests have come, answered or not.
    #[must_use]
    pub fn requests(&self) -> usize {
        *self.state.requests.borrow()
    }

    /// Waits until this many requests have come.
    pub async fn reached(&self, requests: usize) {
        // An error would mean that the counter is gone, and we hold it.
        let _ = self.state.requests.subscribe().wait_for(|count| *count >= requests).await;
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(converse(stream, Arc::clone(&state)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, state: Arc<State>) {
    let answer = |request| {
        let state = Arc::clone(&state);
        async move { state.answer(request).await.ok_or(Hangup) }
    };
    // A hang-up is an error for hyper and the point of the fault for us.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct Hangup;

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        self.requests.send_modify(|count| *count += 1);
        let mut fault = self.fault.subscribe();
        let fault = *fault.wait_for(|fault| *fault != Fault::Held).await.ok()?;
        let path = request.uri().path().trim_end_matches("/moved").to_owned();
        Some(match fault {
            Fault::Down => return None,
            Fault::Status(status) => response(status, String::new()),
            Fault::Html => response(StatusCode::OK, "<!doctype html><title>Sign in to the network</title>".to_owned()),
            Fault::Oversized => response(StatusCode::OK, "-".repeat(5_000_000)),
            Fault::WrongKind if path == "/jwks.json" => response(StatusCode::OK, WRONG_SET.to_owned()),
            Fault::WrongKind => response(StatusCode::OK, self.p384.clone()),
            Fault::Redirect if request.uri().path() == path => redirect(&format!("{path}/moved")),
            Fault::Twice => self.key(&path).map_or_else(not_found, |key| response(StatusCode::OK, key.repeat(2))),
            Fault::Early(by) => dated(SystemTime::now() + by, self.right(&path)),
            Fault::Late(by) => dated(SystemTime::now() - by, self.right(&path)),
            Fault::None | Fault::Held | Fault::Redirect => self.right(&path),
        })
    }

    fn right(&self, path: &str) -> Response<Full<Bytes>> {
        self.key(path).map_or_else(not_found, |key| response(StatusCode::OK, key))
    }

    fn key(&self, path: &str) -> Option<String> {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        if path == "/jwks.json" {
            return Some(json!({ "keys": published.pool }).to_string());
        }
        let id = path.strip_prefix("/alb/")?;
        published.alb.iter().find(|(published, _)| published == id).map(|(_, pem)| pem.clone())
    }
}

/// A set without an RSA key.
const WRONG_SET: &str = r#"{"keys":[{"kty":"oct","kid":"k","k":"AAAA"}]}"#;

fn response(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}

/// What AWS answers for a key that does not exist.
fn not_found() -> Response<Full<Bytes>> {
    response(StatusCode::FORBIDDEN, String::new())
}

fn redirect(location: &str) -> Response<Full<Bytes>> {
    let mut redirect = response(StatusCode::FOUND, String::new());
    if let Ok(location) = location.try_into() {
        redirect.headers_mut().insert(LOCATION, location);
    }
    redirect
}

fn dated(date: SystemTime, mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(date)) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn p384_pem() -> Result<String, SignerError> {
    let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(|_| SignerError)?;
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| SignerError)?;
    let text = BASE64_STANDARD.encode(der.as_ref());
    Ok(format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"))
}
