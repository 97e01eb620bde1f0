//! Step 8: every refusal. The one place that turns a reason into a status and a code; `answer` gives it its shape.

mod answer;
mod reason;

use std::error::Error as _;

pub use answer::{Petitioner, Refusals, problem};
pub use reason::Reason;

use crate::{
    authenticator::{AuthenticationError, CredentialError},
    authoriser::Denial,
    ingress::{BodyError, Malformed},
    keys::KeyError,
    token::TokenError,
    upstream::UpstreamError,
};
use http::StatusCode;

/// The code of a token past its time, which may lead to a new login instead of a refusal.
pub const TOKEN_EXPIRED: &str = Reason::TokenExpired.name();

/// The code of a request that a foreign page made the browser send.
pub const CROSS_SITE: &str = Reason::CrossSite.name();

/// Why a request is not forwarded.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The credential is missing or not good.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    /// The client's content is too long, or did not come whole.
    #[error(transparent)]
    Content(#[from] BodyError),
    /// A foreign page made the browser send it.
    #[error("the request comes from another site")]
    CrossSite,
    /// There is no room for the connection it came on.
    #[error("there are too many connections")]
    Crowded,
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
    MethodNotAllowed {
        /// The methods that are, as `Allow` lists them.
        allow: &'static str,
    },
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
            Self::Content(error) | Self::Upstream(UpstreamError::Content(error)) => match error {
                BodyError::Broken(_) => StatusCode::BAD_REQUEST,
                BodyError::Idle => StatusCode::REQUEST_TIMEOUT,
                BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            },
            Self::CrossSite | Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Malformed(Malformed::FieldTooLong { .. } | Malformed::FieldsTooLarge) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Malformed(Malformed::TargetTooLong) => StatusCode::URI_TOO_LONG,
            Self::Malformed(Malformed::UnsupportedMethod) | Self::MethodNotAllowed { .. } => {
                StatusCode::METHOD_NOT_ALLOWED
            }
            Self::Malformed(
                Malformed::AmbiguousAuthority
                | Malformed::ContentOnUpgrade
                | Malformed::MissingAuthority
                | Malformed::TransferCoding
                | Malformed::UnsupportedTarget,
            ) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Crowded | Self::Draining | Self::UpstreamNotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream(UpstreamError::ConnectTimeout | UpstreamError::ResponseTimeout) => {
                StatusCode::GATEWAY_TIMEOUT
            }
            Self::Upstream(
                UpstreamError::Connect(_)
                | UpstreamError::Exchange(_)
                | UpstreamError::TransferCoding
                | UpstreamError::UnrequestedUpgrade,
            ) => StatusCode::BAD_GATEWAY,
            Self::Upstream(UpstreamError::Assertion(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable name of the reason, for clients and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.reason().name()
    }

    /// The reason, for clients, logs and metrics.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Authentication(error) => reason_of(error),
            Self::Content(error) | Self::Upstream(UpstreamError::Content(error)) => match error {
                BodyError::Broken(_) => Reason::BadRequest,
                BodyError::Idle => Reason::RequestTimeout,
                BodyError::TooLarge => Reason::TooLarge,
            },
            Self::CrossSite => Reason::CrossSite,
            Self::Crowded => Reason::TooManyConnections,
            Self::Denied(_) => Reason::NotAllowed,
            Self::Draining => Reason::Draining,
            Self::Malformed(Malformed::FieldTooLong { .. } | Malformed::FieldsTooLarge | Malformed::TargetTooLong) => {
                Reason::TooLarge
            }
            Self::Malformed(
                Malformed::AmbiguousAuthority
                | Malformed::ContentOnUpgrade
                | Malformed::MissingAuthority
                | Malformed::TransferCoding
                | Malformed::UnsupportedMethod
                | Malformed::UnsupportedTarget,
            ) => Reason::BadRequest,
            Self::MethodNotAllowed { .. } => Reason::MethodNotAllowed,
            Self::NotFound => Reason::NotFound,
            Self::Upstream(UpstreamError::ConnectTimeout | UpstreamError::ResponseTimeout) => Reason::UpstreamTimeout,
            Self::Upstream(
                UpstreamError::Connect(_)
                | UpstreamError::Exchange(_)
                | UpstreamError::TransferCoding
                | UpstreamError::UnrequestedUpgrade,
            )
            | Self::UpstreamNotReady => Reason::UpstreamUnreachable,
            Self::Upstream(UpstreamError::Assertion(_)) => Reason::Internal,
        }
    }

    /// The methods a 405 names (RFC 9110 §15.5.6); `None` for every other status.
    #[must_use]
    pub const fn allow(&self) -> Option<&'static str> {
        match self {
            Self::MethodNotAllowed { allow } => Some(allow),
            Self::Malformed(Malformed::UnsupportedMethod) => Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            Self::Authentication(_)
            | Self::Content(_)
            | Self::CrossSite
            | Self::Crowded
            | Self::Denied(_)
            | Self::Draining
            | Self::Malformed(_)
            | Self::NotFound
            | Self::Upstream(_)
            | Self::UpstreamNotReady => None,
        }
    }

    /// Whether the connection ends after the answer. Where a message begins and ends, or whom it is for, was a guess, and
    /// so would be what stands behind it (RFC 9112 §6.3).
    #[must_use]
    pub const fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::Malformed(
                Malformed::AmbiguousAuthority
                    | Malformed::ContentOnUpgrade
                    | Malformed::MissingAuthority
                    | Malformed::TransferCoding
                    | Malformed::UnsupportedMethod
                    | Malformed::UnsupportedTarget
            )
        )
    }

    /// Whether an operator has to look: something of ours, of the application or of the key endpoints failed. Saying
    /// that one is not ready is no fault, and that there is no room the server says once.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        self.status().is_server_error() && !matches!(self, Self::Crowded | Self::Draining | Self::UpstreamNotReady)
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

const fn reason_of(error: &AuthenticationError) -> Reason {
    match error {
        AuthenticationError::Credential(CredentialError::Repeated { .. }) => Reason::BadRequest,
        AuthenticationError::Credential(CredentialError::TooLarge { .. }) => Reason::TooLarge,
        AuthenticationError::Credential(CredentialError::Missing { .. }) | AuthenticationError::Missing { .. } => {
            Reason::MissingCredential
        }
        AuthenticationError::SubjectMismatch => Reason::SubjectMismatch,
        AuthenticationError::Token(TokenError::BadSignature) => Reason::BadSignature,
        AuthenticationError::Token(TokenError::Expired { .. }) => Reason::TokenExpired,
        AuthenticationError::Token(TokenError::Key(KeyError::Unavailable { .. })) => Reason::KeysUnavailable,
        AuthenticationError::Token(TokenError::Key(KeyError::Unknown)) => Reason::UnknownKey,
        AuthenticationError::Token(TokenError::Malformed(_)) => Reason::MalformedToken,
        AuthenticationError::Token(TokenError::WrongClient) => Reason::WrongClient,
        AuthenticationError::Token(TokenError::WrongIssuer) => Reason::WrongIssuer,
        AuthenticationError::Token(TokenError::WrongSigner { .. }) => Reason::WrongSigner,
        AuthenticationError::Token(TokenError::WrongTokenUse) => Reason::WrongTokenUse,
    }
}
