//! Why a source of credentials that is there gives none. What AWS says in words is not passed on, only its code.

use std::{error::Error, io};

use aws_config::imds::client::error::ImdsError;
use aws_sdk_secretsmanager::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;

use super::{code_of, fails_in_tls};

/// Why it gives none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsRefusal {
    /// The instance metadata service, or who answers in its place.
    #[error(
        "the instance metadata service gives none; see the role of the instance, whether the service is on, and whether its hop limit is 2 for a container"
    )]
    Instance,
    /// It did not answer in time.
    #[error("where they come from does not answer in time; see that it runs, and that the proxy reaches it")]
    Silent,
    /// STS does not give this web identity the role.
    #[error(
        "STS does not give the role to this web identity ({code}); correct AWS_ROLE_ARN, or let the role trust the cluster's identity provider and this service account"
    )]
    Sts {
        /// The code of the refusal.
        code: String,
    },
    /// STS did not answer.
    #[error("STS does not answer; let the proxy reach the endpoint of sts in this region on port 443")]
    StsUnreachable,
    /// TLS to them did not come about.
    #[error(
        "TLS to where they come from (STS, an https endpoint) fails; where a proxy on the way opens it, give its authority in outgoing.ca_path, and see whether the clock is right"
    )]
    Tls,
    /// The file of a token.
    #[error(
        "the token to ask for them with cannot be read; let the proxy read what AWS_WEB_IDENTITY_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names"
    )]
    TokenFile,
    /// Any other source: mostly the endpoint of a container.
    #[error(
        "where they come from gives none; see what AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_PROFILE names, and the role of the task or pod"
    )]
    Unwilling,
}

impl CredentialsRefusal {
    /// What is behind the error of a source.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let Some(cause) = error.source() else { return Self::Unwilling };
        if fails_in_tls(error) {
            return Self::Tls;
        }
        if let Some(asked) = cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>() {
            return match asked.raw_response() {
                Some(answer) => Self::Sts { code: code_of(asked.code(), answer) },
                None => Self::StsUnreachable,
            };
        }
        if cause.is::<ImdsError>() {
            return Self::Instance;
        }
        if cause.is::<io::Error>() {
            return Self::TokenFile;
        }
        Self::Unwilling
    }
}
