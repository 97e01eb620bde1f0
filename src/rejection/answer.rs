//! How a refusal looks: a redirect, a page for a person, a problem (RFC 9457) for a program.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode, Uri, Version,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW,
        CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, ORIGIN, RETRY_AFTER, VARY,
        WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
};

use super::Rejection;
use crate::{
    config::{self, Origin, RefusedNavigation, RejectionMode, split_port},
    ingress::{Caller, Safety},
    pages,
};

/// Seconds after which keys or the application may be asked for again.
const RETRY_AFTER_SECONDS: u16 = 5;

/// What the shape of a refusal depends on, read before anything was removed from the request.
pub struct Petitioner {
    /// Who asks.
    pub caller: Caller,
    safety: Safety,
    origin: Option<HeaderValue>,
    /// As it stands in `Host`.
    host: Option<HeaderValue>,
    target: Uri,
    request_id: HeaderValue,
    version: Version,
}

impl Petitioner {
    /// Reads a request.
    #[must_use]
    pub fn of<B>(request: &http::Request<B>, request_id: HeaderValue) -> Self {
        let fields = request.headers();
        Self {
            caller: Caller::of(fields),
            safety: Safety::of(request.method()),
            origin: only_origin(fields).cloned(),
            host: fields.get(HOST).cloned(),
            target: request.uri().clone(),
            request_id,
            version: request.version(),
        }
    }

    /// Lower-cased, without a port: a load balancer may append one.
    fn host(&self) -> Option<String> {
        let named = self.host.as_ref().and_then(|host| host.to_str().ok());
        let authority = named.or_else(|| self.target.authority().map(http::uri::Authority::as_str))?;
        split_port(authority).map(|(host, _)| host)
    }
}

impl std::fmt::Debug for Petitioner {
    /// The query is nobody's business.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Petitioner").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// How refusals look.
#[derive(Debug)]
pub struct Refusals {
    redirect: Redirect,
    mode: RejectionMode,
    allowed_origins: Vec<Origin>,
    /// The path that signs out.
    sign_out: String,
}

#[derive(Debug)]
enum Redirect {
    None,
    /// `host` is `None` where only a path was configured.
    To {
        location: HeaderValue,
        host: Option<String>,
        path: String,
    },
}

impl Refusals {
    /// Takes what it needs of the configuration. `sign_out` is the path that signs out.
    #[must_use]
    pub fn from_config(rejection: &config::Rejection, allowed_origins: &[Origin], sign_out: String) -> Self {
        let redirect = match &rejection.redirect {
            RefusedNavigation::BuiltInPage => Redirect::None,
            RefusedNavigation::Redirect(url) => match HeaderValue::from_str(url.as_str()) {
                Ok(location) => {
                    let (host, path) = url.parts();
                    Redirect::To { location, host, path }
                }
                Err(_) => Redirect::None,
            },
        };
        Self { redirect, mode: rejection.mode, allowed_origins: allowed_origins.to_vec(), sign_out }
    }

    /// The answer to a refused request.
    #[must_use]
    pub fn answer(&self, rejection: &Rejection, petitioner: &Petitioner) -> Response<Bytes> {
        let mut response = match self.redirection(rejection.status(), petitioner) {
            Some(redirection) => redirection,
            None => self.statement(rejection, petitioner),
        };
        let fields = response.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // In HTTP/2 there is no such field: a stream is one request, whatever it says.
        if rejection.ends_connection() && petitioner.version != Version::HTTP_2 {
            fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.let_scripts_read(petitioner, fields);
        response
    }

    /// Only 401 and 403 redirect, and never to the page that was refused: that would loop.
    fn redirection(&self, status: StatusCode, petitioner: &Petitioner) -> Option<Response<Bytes>> {
        let Redirect::To { location, host, path } = &self.redirect else { return None };
        match (self.mode, petitioner.caller) {
            (RejectionMode::Status, _) | (RejectionMode::Auto, Caller::Script) => return None,
            (RejectionMode::Auto, Caller::Navigation) | (RejectionMode::Redirect, _) => {}
        }
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return None;
        }
        let same_host = host.as_ref().is_none_or(|host| petitioner.host().as_ref() == Some(host));
        if same_host && petitioner.target.path() == path {
            return None;
        }
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = match petitioner.safety {
            Safety::Safe => StatusCode::FOUND,
            Safety::Unsafe => StatusCode::SEE_OTHER,
        };
        response.headers_mut().insert(LOCATION, location.clone());
        Some(response)
    }

    /// The status itself: a page for a person, a problem (RFC 9457) for a program.
    fn statement(&self, rejection: &Rejection, petitioner: &Petitioner) -> Response<Bytes> {
        let (status, code) = (rejection.status(), rejection.code());
        let request_id = petitioner.request_id.to_str().unwrap_or_default();
        let (kind, text) = match petitioner.caller {
            Caller::Navigation => {
                let refusal = pages::Refusal { status, code, request_id, sign_out: &self.sign_out };
                ("text/html; charset=utf-8", refusal.page())
            }
            Caller::Script => ("application/problem+json", problem(status, code, Some(request_id))),
        };
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        fields.insert(CONTENT_SECURITY_POLICY, pages::security_policy());
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2 asks for a challenge. No browser asks for a password on this one.
            fields.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = rejection.allow() {
            fields.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            fields.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        response
    }

    /// CORS for allowed origins, or their scripts would see an opaque network error in place of the status.
    fn let_scripts_read(&self, petitioner: &Petitioner, fields: &mut HeaderMap) {
        if self.allowed_origins.is_empty() {
            return;
        }
        fields.insert(VARY, HeaderValue::from_static("origin"));
        let Some(value) = &petitioner.origin else { return };
        let origin = value.to_str().ok().and_then(|text| Origin::parse(text).ok());
        if origin.is_some_and(|origin| self.allowed_origins.contains(&origin)) {
            fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value.clone());
            fields.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("x-request-id, retry-after"));
        }
    }
}

/// `Origin` where it stands once: two are none.
fn only_origin(fields: &HeaderMap) -> Option<&HeaderValue> {
    let mut origins = fields.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(only), None) => Some(only),
        (_, _) => None,
    }
}

/// A problem document (RFC 9457): a status, a stable code, the request's name where it has one, and nothing of the
/// request itself.
#[must_use]
pub fn problem(status: StatusCode, code: &str, request_id: Option<&str>) -> String {
    let mut document = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "code": code,
    });
    if let (Some(request_id), Some(members)) = (request_id, document.as_object_mut()) {
        members.insert("request_id".to_owned(), request_id.into());
    }
    document.to_string()
}
