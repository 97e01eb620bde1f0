//! A stand-in for the load balancer: signs users in, and carries their requests to the proxy with freshly signed tokens.
//!
//! It differs from a real one in its keys, in having no TLS and no HTTP/2, and in never closing an idle stream. The
//! proxy behind it is the one of production and sees no difference.

mod forward;
mod headers;
mod host;
mod pages;
mod session;
mod sign_in;
mod tokens;
mod trouble;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::LOCATION};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::trouble::Trouble;
use self::{
    forward::Way,
    session::{Presented, Sessions},
    sign_in::{ON, refusal, sign_in_address},
    tokens::TokenDesk,
};
use super::{Fault, Issuer, KeyEndpoint, Personas, signers::uuid};
use crate::{
    authoriser::LiveAuthoriser,
    ingress::{Caller, Connection, LocalTarget, Received, hop_by_hop::TransferCoding},
    server::Answer,
};

/// Where the stand-in's own pages are. A real load balancer has none of these; no application should.
pub const PREFIX: &str = "/.dev";

/// Where a real load balancer takes the identity provider's answer: never the application's (alb-facts 5.1).
const IDENTITY_PROVIDER_RESPONSE: &str = "/oauth2/idpresponse";

/// The longest target that a sign-in returns to.
const LONGEST_RETURN: usize = 2048;

/// What happens to a request without a session, as on a listener rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnauthenticated {
    /// It goes on without identity.
    Allow,
    /// The browser is sent to sign in.
    #[default]
    Authenticate,
    /// 401.
    Deny,
}

/// What a stand-in is made of.
#[derive(Debug)]
pub struct Parts {
    /// Signs tokens.
    pub issuer: Issuer,
    /// Publishes the issuer's keys, and can be made to fail.
    pub keys: KeyEndpoint,
    /// Who may be chosen on the sign-in page.
    pub personas: Personas,
    /// Base name of the session's cookies.
    pub cookie_name: String,
    /// Path of the proxy's sign-out.
    pub sign_out: String,
    /// What happens without a session.
    pub on_unauthenticated: OnUnauthenticated,
    /// The policy in force, for saying beforehand whom it admits. The proxy decides.
    pub policy: Arc<LiveAuthoriser>,
}

/// The load balancer.
#[derive(Debug)]
pub struct LoadBalancer {
    way: Way,
    sessions: Sessions,
    desk: TokenDesk,
    personas: Personas,
    sign_out: String,
    on_unauthenticated: OnUnauthenticated,
    policy: Arc<LiveAuthoriser>,
    trouble: Switch,
}

/// The one trouble of the process.
#[derive(Debug)]
struct Switch {
    active: watch::Sender<Active>,
    keys: KeyEndpoint,
}

/// The trouble since it was chosen.
#[derive(Debug, Clone, Default)]
struct Active {
    trouble: Trouble,
    /// The id of a key that nobody has published: one for all tokens, as after a rotation, or the proxy would have to look
    /// for more unknown keys than it may.
    unpublished_key: Arc<str>,
}

impl Switch {
    fn active(&self) -> Active {
        self.active.borrow().clone()
    }

    fn set(&self, trouble: Trouble) {
        self.keys.set_fault(if trouble == Trouble::KeysDown { Fault::Down } else { Fault::None });
        // Without randomness there is no key id, and the token is refused for that.
        self.active.send_replace(Active { trouble, unpublished_key: uuid().unwrap_or_default().into() });
    }
}

impl LoadBalancer {
    /// Stands in front of the proxy at `proxy`. WebSockets run on `tunnels` until `cut`.
    ///
    /// # Errors
    /// Where `proxy` cannot stand in a URL.
    pub fn new(
        parts: Parts,
        proxy: SocketAddr,
        tunnels: TaskTracker,
        cut: CancellationToken,
    ) -> Result<Self, http::uri::InvalidUri> {
        let Parts { issuer, keys, personas, cookie_name, sign_out, on_unauthenticated, policy } = parts;
        Ok(Self {
            way: Way::to(proxy, tunnels, cut)?,
            sessions: Sessions::new(cookie_name),
            desk: TokenDesk::new(issuer),
            personas,
            sign_out,
            on_unauthenticated,
            policy,
            trouble: Switch { active: watch::Sender::new(Active::default()), keys },
        })
    }

    async fn respond(&self, mut request: Request<Received>, connection: Connection) -> Response<Content> {
        host::name(&mut request);
        let Some(port) = host::loopback_port(&request) else {
            return own(refusal(
                StatusCode::MISDIRECTED_REQUEST,
                "Not this address",
                "This development server answers to localhost and 127.0.0.1 only, so that no website can reach it under a \
                 name of its own.",
            ));
        };
        let path = request.uri().path();
        if path == IDENTITY_PROVIDER_RESPONSE {
            return own(refusal(StatusCode::UNAUTHORIZED, "401 Authorization Required", "No sign-in was begun here."));
        }
        if let Some(rest) = path.strip_prefix(PREFIX).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            let (rest, method) = (rest.to_owned(), request.method().clone());
            let response = self.own_pages(&rest, request).await;
            return own(crate::endpoints::for_method(&method, response));
        }
        if TransferCoding::of(request.headers()) == TransferCoding::Unknown {
            return own(refusal(
                StatusCode::NOT_IMPLEMENTED,
                "501 Not Implemented",
                "This transfer coding is not known.",
            ));
        }
        let session = match self.sessions.of(request.headers()) {
            Presented::Open(session) => Some(session),
            Presented::Ended => match self.on_unauthenticated {
                OnUnauthenticated::Allow => None,
                // `deny` is for those who present nothing: whoever was signed in may sign in again (alb-facts 5.7).
                OnUnauthenticated::Authenticate | OnUnauthenticated::Deny => return own(to_sign_in(&request, port)),
            },
            Presented::Nothing => match self.without_session(&request, port) {
                Some(response) => return own(response),
                None => None,
            },
        };
        headers::dress(request.headers_mut(), connection, now());
        if let Some(session) = session {
            self.desk.stamp(&session, &self.trouble.active(), request.headers_mut());
        }
        match self.way.forward(request).await {
            Some(response) => response.map(Either::Left),
            None => own(refusal(StatusCode::BAD_GATEWAY, "502 Bad Gateway", "The proxy does not answer.")),
        }
    }

    /// The answer to a request without a session, unless it goes on.
    fn without_session(&self, request: &Request<Received>, port: u16) -> Option<Response<Bytes>> {
        match self.on_unauthenticated {
            OnUnauthenticated::Allow => None,
            OnUnauthenticated::Deny => Some(refusal(
                StatusCode::UNAUTHORIZED,
                "401 Authorization Required",
                "The load balancer lets nobody through who is not signed in (--on-unauthenticated deny).",
            )),
            OnUnauthenticated::Authenticate => Some(to_sign_in(request, port)),
        }
    }
}

/// The identity provider is another origin in production, where a script cannot follow: its `fetch` fails, and so it does
/// here. A page navigation stays on this origin, which is the one that is surely reachable.
fn to_sign_in(request: &Request<Received>, port: u16) -> Response<Bytes> {
    let target = LocalTarget::of(request.uri()).filter(|target| target.as_str().len() <= LONGEST_RETURN);
    let page = sign_in_address(&target.unwrap_or_else(LocalTarget::root));
    let location = match Caller::of(request.headers()) {
        Caller::Navigation => page,
        Caller::Script => {
            let path = page.to_str().unwrap_or_default();
            HeaderValue::try_from(format!("http://sign-in.localhost:{port}{path}")).unwrap_or(page)
        }
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since_1970| since_1970.as_secs())
}

/// The proxy's answer as it streams, or a page of ours.
type Content = Either<Incoming, Full<Bytes>>;

fn own(response: Response<Bytes>) -> Response<Content> {
    response.map(|text| Either::Right(Full::new(text)))
}

impl Answer for LoadBalancer {
    type Body = Content;

    async fn answer(self: Arc<Self>, request: Request<Received>, connection: Connection) -> Response<Content> {
        self.respond(request, connection).await
    }
}
