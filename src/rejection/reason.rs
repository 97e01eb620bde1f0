//! The stable names of refusals: clients get them as `code`, the log and metrics as `reason`.

use crate::metrics::{StatusClass, closed_set};

closed_set! {
    /// Why a request was not forwarded, or not answered by the application. README explains them.
    pub enum Reason = "reason" {
        /// The request can be understood in more than one way, or not at all.
        BadRequest => "bad_request",
        /// The signature is not that of the key.
        BadSignature => "bad_signature",
        /// A foreign page made the browser send it.
        CrossSite => "cross_site",
        /// The process is on its way out.
        Draining => "draining",
        /// Our statement could not be signed.
        Internal => "internal",
        /// Keys cannot be fetched.
        KeysUnavailable => "keys_unavailable",
        /// A token is not of the form of one.
        MalformedToken => "malformed_token",
        /// One of our own paths, another method.
        MethodNotAllowed => "method_not_allowed",
        /// Nobody is signed in.
        MissingCredential => "missing_credential",
        /// The policy does not admit this user.
        NotAllowed => "not_allowed",
        /// Nothing of ours is at this path.
        NotFound => "not_found",
        /// The client did not send what it announced in time.
        RequestTimeout => "request_timeout",
        /// The tokens speak of different users.
        SubjectMismatch => "subject_mismatch",
        /// A token is past its time.
        TokenExpired => "token_expired",
        /// The head or the content is too large.
        TooLarge => "too_large",
        /// There is no room for the connection.
        TooManyConnections => "too_many_connections",
        /// No key has the id of the token's.
        UnknownKey => "unknown_key",
        /// The application did not answer in time.
        UpstreamTimeout => "upstream_timeout",
        /// The application does not answer.
        UpstreamUnreachable => "upstream_unreachable",
        /// A token is for another client.
        WrongClient => "wrong_client",
        /// A token is of another issuer.
        WrongIssuer => "wrong_issuer",
        /// A token is of another load balancer.
        WrongSigner => "wrong_signer",
        /// A token is of another kind.
        WrongTokenUse => "wrong_token_use",
    }
}

impl Reason {
    /// The class of the status that scripts get with it; a page may be a redirect.
    #[must_use]
    pub const fn usual_class(self) -> StatusClass {
        match self {
            Self::Draining
            | Self::Internal
            | Self::KeysUnavailable
            | Self::TooManyConnections
            | Self::UpstreamTimeout
            | Self::UpstreamUnreachable => StatusClass::ServerError,
            Self::BadRequest
            | Self::BadSignature
            | Self::CrossSite
            | Self::MalformedToken
            | Self::MethodNotAllowed
            | Self::MissingCredential
            | Self::NotAllowed
            | Self::NotFound
            | Self::RequestTimeout
            | Self::SubjectMismatch
            | Self::TokenExpired
            | Self::TooLarge
            | Self::UnknownKey
            | Self::WrongClient
            | Self::WrongIssuer
            | Self::WrongSigner
            | Self::WrongTokenUse => StatusClass::ClientError,
        }
    }
}
