//! Step 8: every refusal. The one place that turns a reason into a status, a code and an answer.

use std::error::Error as _;

use crate::{
    authenticator::{AuthenticationError, CredentialError},
    authoriser::Denial,
    config::{self, Origin, RefusedNavigation, RejectionMode, split_port},
    ingress::{Caller, Malformed, Safety},
    keys::KeyError,
    pages,
    token::TokenError,
    upstream::UpstreamError,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL,
        CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
        X_CONTENT_TYPE_OPTIONS,
    },
};

/// Seconds after which keys or the application may be asked for again.
const RETRY_AFTER_SECONDS: u16 = 5;

/// The code of a token past its time, which may lead to a new login instead of a refusal.
pub const TOKEN_EXPIRED: &str = "token_expired";

/// Why a request is not forwarded.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The credential is missing or not good.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// A foreign page made the browser send it.
    #[error("the request comes from another site")]
    CrossSite,
    /// The policy does not admit this user.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The process is on its way out.
    #[error("the proxy is draining")]
    Draining,
    /// It can be understood in more than one way.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// One of our own paths, another method.
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    /// Nothing of ours is at this path, and it is not the application's.
    #[error("nothing is here")]
    NotFound,
    /// The application gave no answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The application does not accept connections (readiness).
    #[error("the application does not accept connections")]
    UpstreamNotReady,
}

impl Rejection {
    /// The status a script gets. Whose fault it was decides: the credential's 401, the policy's 403, an outage 5xx.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Authentication(error) => status_of(error),
            Self::CrossSite | Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Malformed(Malformed::FieldTooLong { .. } | Malformed::FieldsTooLarge) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Malformed(Malformed::TargetTooLong) => StatusCode::URI_TOO_LONG,
            Self::Malformed(Malformed::UnsupportedMethod) | Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(
                Malformed::AmbiguousAuthority
                | Malformed::ContentOnUpgrade
                | Malformed::MissingAuthority
                | Malformed::TransferCoding
                | Malformed::UnsupportedTarget,
            )
            | Self::Upstream(UpstreamError::RequestBody(_)) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Draining | Self::UpstreamNotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream(UpstreamError::ConnectTimeout | UpstreamError::ResponseTimeout) => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Upstream(
                UpstreamError::Connect(_) | UpstreamError::Exchange(_) | UpstreamError::UnrequestedUpgrade,
            ) => StatusCode::BAD_GATEWAY,
            Self::Upstream(UpstreamError::Assertion(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable name of the reason, for clients, logs and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authentication(error) => code_of(error),
            Self::CrossSite => "cross_site",
            Self::Denied(_) => "not_allowed",
            Self::Draining => "draining",
            Self::Malformed(Malformed::FieldTooLong { .. } | Malformed::FieldsTooLarge | Malformed::TargetTooLong) => {
                "too_large"
            }
            Self::Malformed(
                Malformed::AmbiguousAuthority
                | Malformed::ContentOnUpgrade
                | Malformed::MissingAuthority
                | Malformed::TransferCoding
                | Malformed::UnsupportedMethod
                | Malformed::UnsupportedTarget,
            )
            | Self::Upstream(UpstreamError::RequestBody(_)) => "bad_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
            Self::Upstream(UpstreamError::ConnectTimeout | UpstreamError::ResponseTimeout) => "upstream_timeout",
            Self::Upstream(
                UpstreamError::Connect(_) | UpstreamError::Exchange(_) | UpstreamError::UnrequestedUpgrade,
            )
            | Self::UpstreamNotReady => "upstream_unreachable",
            Self::Upstream(UpstreamError::Assertion(_)) => "internal",
        }
    }

    /// Whether an operator has to look: something of ours, of the application or of the key endpoints failed. Saying
    /// that one is not ready is no fault.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.status().is_server_error() && !matches!(self, Self::Draining | Self::UpstreamNotReady)
    }

    /// The reason and its causes, for the log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

fn status_of(error: &AuthenticationError) -> StatusCode {
    match error {
        AuthenticationError::Credential(CredentialError::Repeated { .. }) => StatusCode::BAD_REQUEST,
        AuthenticationError::Credential(CredentialError::TooLarge { .. }) => {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        }
        // Nothing is known against the credential: an outage must not look like a bad token.
        AuthenticationError::Token(TokenError::Key(KeyError::Unavailable { .. })) => StatusCode::SERVICE_UNAVAILABLE,
        AuthenticationError::Credential(CredentialError::Missing { .. })
        | AuthenticationError::Missing { .. }
        | AuthenticationError::SubjectMismatch
        | AuthenticationError::Token(
            TokenError::BadSignature
            | TokenError::Expired { .. }
            | TokenError::Key(KeyError::Unknown)
            | TokenError::Malformed(_)
            | TokenError::WrongClient
            | TokenError::WrongIssuer
            | TokenError::WrongSigner { .. }
            | TokenError::WrongTokenUse,
        ) => StatusCode::UNAUTHORIZED,
    }
}

const fn code_of(error: &AuthenticationError) -> &'static str {
    match error {
        AuthenticationError::Credential(CredentialError::Repeated { .. }) => "bad_request",
        AuthenticationError::Credential(CredentialError::TooLarge { .. }) => "too_large",
        AuthenticationError::Credential(CredentialError::Missing { .. }) | AuthenticationError::Missing { .. } => {
            "missing_credential"
        }
        AuthenticationError::SubjectMismatch => "subject_mismatch",
        AuthenticationError::Token(TokenError::BadSignature) => "bad_signature",
        AuthenticationError::Token(TokenError::Expired { .. }) => TOKEN_EXPIRED,
        AuthenticationError::Token(TokenError::Key(KeyError::Unavailable { .. })) => "keys_unavailable",
        AuthenticationError::Token(TokenError::Key(KeyError::Unknown)) => "unknown_key",
        AuthenticationError::Token(TokenError::Malformed(_)) => "malformed_token",
        AuthenticationError::Token(TokenError::WrongClient) => "wrong_client",
        AuthenticationError::Token(TokenError::WrongIssuer) => "wrong_issuer",
        AuthenticationError::Token(TokenError::WrongSigner { .. }) => "wrong_signer",
        AuthenticationError::Token(TokenError::WrongTokenUse) => "wrong_token_use",
    }
}

/// What the shape of a refusal depends on, read before anything was removed from the request.
#[derive(Debug)]
pub struct Petitioner {
    /// Who asks.
    pub caller: Caller,
    safety: Safety,
    origin: Option<HeaderValue>,
    /// Lower-cased, without a port: a load balancer may append one.
    host: Option<String>,
    path: String,
    request_id: HeaderValue,
}

impl Petitioner {
    /// Reads a request.
    #[must_use]
    pub fn of<B>(request: &http::Request<B>, request_id: HeaderValue) -> Self {
        let fields = request.headers();
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let host = fields.get(HOST).and_then(|host| host.to_str().ok()).or(authority);
        Self {
            caller: Caller::of(fields),
            safety: Safety::of(request.method()),
            origin: fields.get(ORIGIN).cloned(),
            host: host.and_then(split_port).map(|(host, _)| host),
            path: request.uri().path().to_owned(),
            request_id,
        }
    }
}

/// How refusals look.
#[derive(Debug)]
pub struct Refusals {
    redirect: Redirect,
    mode: RejectionMode,
    allowed_origins: Vec<Origin>,
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
    /// Takes what it needs of the configuration.
    #[must_use]
    pub fn from_config(rejection: &config::Rejection, allowed_origins: &[Origin]) -> Self {
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
        Self { redirect, mode: rejection.mode, allowed_origins: allowed_origins.to_vec() }
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
        let same_host = host.as_ref().is_none_or(|host| petitioner.host.as_ref() == Some(host));
        if same_host && petitioner.path == *path {
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
            Caller::Navigation => ("text/html; charset=utf-8", pages::refusal(status, code, request_id)),
            Caller::Script => ("application/problem+json", problem(status, code, request_id)),
        };
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        fields.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(pages::CONTENT_SECURITY_POLICY));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2 asks for a challenge. No browser asks for a password on this one.
            fields.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
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

/// A problem document (RFC 9457): a status, a stable code, the request's name, and nothing of the request itself.
#[must_use]
pub fn problem(status: StatusCode, code: &str, request_id: &str) -> String {
    serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "code": code,
        "request_id": request_id,
    })
    .to_string()
}
