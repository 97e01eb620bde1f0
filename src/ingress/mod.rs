//! Step 3: what comes in. A request with nothing of the client's own claims left.

mod body;
mod caller;
mod cookies;
mod cross_site;
mod forwarded;
pub mod headers;
pub mod hop_by_hop;
#[cfg(any(test, fuzzing))]
pub(crate) mod invariants;
mod local_target;
mod path_kind;
mod presented;
mod received;
mod request_id;
mod route;
mod spelling;
mod trace;
mod upgrade;
mod upload;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{EXPECT, HOST},
};
use thiserror::Error;

pub use body::{BodyError, RequestBody};
pub use caller::{Caller, Safety};
pub use cookies::{RELOGIN_GUARD, ReloginGuard, SessionCookies};
pub use cross_site::{Addressee, FetchSite, Site};
pub use forwarded::{Connection, Forwarded, Hop, Room};
pub use headers::ClaimedNames;
pub use local_target::LocalTarget;
pub use presented::{Field, Presented};
pub use received::Received;
pub use request_id::{REQUEST_ID, RequestIds};
pub use route::{Endpoint, PublicRoute, Route, Routes};
pub use trace::{Trace, TraceId, TraceParent};
pub use upgrade::Handshake;
pub use upload::{Answering, Limited, Progress, Uploads};

use crate::config::{HeadLimits, Origin, Server, TraceParents, TrustedHops};

/// Why a request cannot be understood in one way only.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Two authorities, or one that is none (attack class 6.23).
    #[error("the request names no single valid host")]
    AmbiguousAuthority,
    /// A handshake with a body.
    #[error("a websocket handshake carries content")]
    ContentOnUpgrade,
    /// A field over `limits.max_field_size`.
    #[error("the field {name} is too long")]
    FieldTooLong {
        /// Its name.
        name: HeaderName,
        /// The length of its name or value, whichever is longer, in bytes.
        size: usize,
    },
    /// More than `limits.max_fields` or `limits.max_fields_size`.
    #[error("the fields are too many or too long together")]
    FieldsTooLarge,
    /// HTTP/1 without `Host`.
    #[error("the request names no host")]
    MissingAuthority,
    /// A target over `limits.max_target_size`.
    #[error("the request target is too long")]
    TargetTooLong,
    /// A transfer coding other than `chunked`: the application would get coded bytes that nobody declares.
    #[error("the transfer coding is not understood")]
    TransferCoding,
    /// `CONNECT`, `TRACE`: not for an application.
    #[error("the method is not forwarded")]
    UnsupportedMethod,
    /// Neither origin-form nor absolute-form.
    #[error("the request target is not a path")]
    UnsupportedTarget,
}

/// A request with no identity, credential, connection or forwarding field of the client's left in it.
///
/// What was taken out is kept beside it: the credential to be verified, the cookies' meaning, what trusted hops said.
pub struct Inbound {
    /// Method, target, remaining fields.
    pub(crate) head: Head,
    /// Streamed on as it comes.
    pub(crate) body: RequestBody,
    /// The identity fields, unverified.
    pub(crate) presented: Presented,
    /// What the load balancer's cookies told.
    pub(crate) cookies: SessionCookies,
    /// What trusted hops said.
    pub(crate) forwarded: Forwarded,
    /// Whether the application's own pages sent it.
    pub(crate) site: Site,
    /// What the browser says of where it was sent from.
    pub(crate) fetch_site: FetchSite,
    /// What its connection is to become.
    pub(crate) handshake: Handshake,
    /// Its name in every log.
    pub(crate) request_id: HeaderValue,
    /// The trace it belongs to.
    pub(crate) trace: Trace,
}

impl std::fmt::Debug for Inbound {
    /// Cookies, queries and the client's `Authorization` stay out of logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inbound").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// What is known of a request beside its message.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The connection it came on.
    pub connection: Connection,
    /// The name it was given.
    pub request_id: HeaderValue,
}

/// What goes on of the request's head.
pub struct Head {
    /// The method.
    pub method: Method,
    /// Path and query, as received.
    pub target: Uri,
    /// The authority the request was sent to.
    pub host: HeaderValue,
    /// What is left of the fields.
    pub fields: HeaderMap,
}

/// The rules of [`Inbound::sanitise`].
#[derive(Debug)]
pub struct Hygiene {
    names: ClaimedNames,
    limits: HeadLimits,
    session_cookie: String,
    trusted: TrustedHops,
    parents: TraceParents,
    allowed_origins: Vec<Origin>,
}

impl Hygiene {
    /// Takes what it needs of the configuration.
    #[must_use]
    pub fn from_config(
        server: &Server,
        limits: HeadLimits,
        parents: TraceParents,
        assertion: &HeaderName,
        session_cookie: &str,
    ) -> Self {
        Self {
            names: ClaimedNames::with_assertion(assertion),
            limits,
            session_cookie: session_cookie.to_owned(),
            trusted: server.trusted.clone(),
            parents,
            allowed_origins: server.allowed_origins.clone(),
        }
    }

    /// The names nobody but us may state.
    #[must_use]
    pub const fn names(&self) -> &ClaimedNames {
        &self.names
    }
}

impl Inbound {
    /// Reads what must be read, then removes everything only we or a trusted hop may say.
    ///
    /// The order matters: credentials are read before `Connection` is obeyed, or `Connection: x-amzn-oidc-data` would
    /// hide one; everything is removed before anything is set (`upstream`), or it would remove ours.
    pub fn sanitise(mut request: Request<RequestBody>, arrival: Arrival, hygiene: &Hygiene) -> Result<Self, Malformed> {
        check_size(request.uri(), request.headers(), hygiene.limits)?;
        if hop_by_hop::TransferCoding::of(request.headers()) == hop_by_hop::TransferCoding::Unknown {
            return Err(Malformed::TransferCoding);
        }
        let host = forwarded::authority(&request)?;
        let handshake = Handshake::take_from(&mut request, &arrival.request_id)?;
        let (parts, body) = request.into_parts();
        let target = origin_form(&parts.method, &parts.uri)?;
        let mut fields = parts.headers;
        let forwarded = Forwarded::read(&fields, arrival.connection, &hygiene.trusted);
        let site = Site::of(
            &parts.method,
            &fields,
            Addressee {
                host: host.to_str().unwrap_or_default(),
                balancer_port: forwarded.balancer_port(),
                allowed: &hygiene.allowed_origins,
            },
        );
        let fetch_site = FetchSite::of(&fields);
        let presented = Presented::take_from(&mut fields);
        hop_by_hop::remove(&mut fields);
        hygiene.names.remove_from_request(&mut fields);
        // We answer 100 ourselves when the application begins to read, so that a refused upload is never sent.
        fields.remove(EXPECT);
        fields.remove(HOST);
        let trace = Trace::read(&mut fields, forwarded.hop(), hygiene.parents);
        let cookies = SessionCookies::take_from(&mut fields, &hygiene.session_cookie);
        let head = Head { method: parts.method, target, host, fields };
        Ok(Self {
            head,
            body,
            presented,
            cookies,
            forwarded,
            site,
            fetch_site,
            handshake,
            request_id: arrival.request_id,
            trace,
        })
    }
}

fn check_size(target: &Uri, fields: &HeaderMap, limits: HeadLimits) -> Result<(), Malformed> {
    if target.path_and_query().is_some_and(|target| target.as_str().len() > limits.target_size) {
        return Err(Malformed::TargetTooLong);
    }
    let mut total = 0;
    for (name, value) in fields {
        let size = name.as_str().len().max(value.len());
        if size > limits.field_size {
            return Err(Malformed::FieldTooLong { name: name.clone(), size });
        }
        total += name.as_str().len() + value.len();
    }
    if fields.len() > limits.fields || total > limits.fields_size { Err(Malformed::FieldsTooLarge) } else { Ok(()) }
}

/// Path and query alone, as the application expects them.
pub(crate) fn origin_form(method: &Method, uri: &Uri) -> Result<Uri, Malformed> {
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return Err(Malformed::UnsupportedMethod);
    }
    match uri.path_and_query() {
        // Also where there is nothing but a fragment, which would be written as no target at all.
        Some(path) if path.as_str() == "/" => Ok(Uri::default()),
        Some(path) if path.as_str().starts_with('/') => Ok(Uri::from(path.clone())),
        Some(_) | None => Err(Malformed::UnsupportedTarget),
    }
}

#[cfg(test)]
mod tests;
