//! Reads a policy from AWS Secrets Manager or the SSM Parameter Store, with the role of the task, pod or instance.
//!
//! Credentials and addresses are the SDK's business, which looks for them itself: in `AWS_*`, at the container's and the
//! instance's endpoints, in a web identity's file. What AWS says in words is never passed on, only its code.

mod connector;
mod refusal;

use std::{error::Error, io, time::Duration};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_secretsmanager::{
    config::{ProvideCredentials, SharedCredentialsProvider, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
};
use tokio::time::timeout;

use self::connector::OpenWay;
pub use self::refusal::CredentialsRefusal;
use crate::{
    cause,
    config::{Authorities, AwsPolicy, AwsStore},
};

/// How long a connection to AWS may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(4);

/// How long a read may take, with credentials and all attempts.
const READ: Duration = Duration::from_secs(10);

/// How often the SDK itself tries what may have been bad luck.
const ATTEMPTS: u32 = 2;

/// Longer codes are no codes.
const LONGEST_CODE: usize = 64;

/// Why nothing was read. Comparable, so that a lasting problem is reported once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsProblem {
    /// AWS does not take the credentials there are.
    #[error(
        "AWS does not take the credentials ({code}); see what role they are of, whether they expired and whether the clock is right"
    )]
    BadCredentials {
        /// The code of the refusal.
        code: String,
    },
    /// The role may not read it.
    #[error(
        "AWS denies it ({code}); allow the role {action} on it, and kms:Decrypt where a key of your own encrypts it"
    )]
    Denied {
        /// The code of the refusal.
        code: String,
        /// What has to be allowed.
        action: &'static str,
    },
    /// It has a value of no kind.
    #[error("it has no value; put the policy into it")]
    NoValue,
    /// There is a source of credentials, and it gives none.
    #[error("there are no credentials to read it with: {0}")]
    CredentialsRefused(CredentialsRefusal),
    /// There is nobody to ask as.
    #[error(
        "there are no credentials to read it with; give the task, pod or instance a role, or set AWS_ACCESS_KEY_ID"
    )]
    NoCredentials,
    /// There is nothing of this name.
    #[error("there is none of this name in this region and account ({code}); correct the name, or create it")]
    NotFound {
        /// The code of the refusal.
        code: String,
    },
    /// It was not asked, because it was to be where anybody could answer for it.
    #[error(
        "AWS is not asked over plain http, where anybody on the way could answer for it; write https in what names its endpoint: AWS_ENDPOINT_URL and its forms, or endpoint_url in the profile"
    )]
    OpenWay,
    /// AWS answered, and with no value.
    #[error("AWS answers {code}; a deleted secret has to be restored, all else may pass")]
    Refused {
        /// The code of the refusal, or the status of the answer.
        code: String,
    },
    /// TLS did not come about.
    #[error(
        "TLS to {service} fails; where a proxy on the way opens it, give its authority in outgoing.ca_path, and see whether the clock is right"
    )]
    Tls {
        /// Who should have answered.
        service: &'static str,
    },
    /// AWS did not answer.
    #[error("AWS does not answer; let the proxy reach the endpoint of {service} in this region on port 443")]
    Unreachable {
        /// Who should have answered.
        service: &'static str,
    },
}

/// A secret or parameter, and who asks for it.
#[derive(Debug)]
pub(super) struct AwsSource {
    policy: AwsPolicy,
    client: Client,
    credentials: Option<SharedCredentialsProvider>,
}

#[derive(Debug)]
enum Client {
    Parameters(aws_sdk_ssm::Client),
    Secrets(aws_sdk_secretsmanager::Client),
}

impl AwsSource {
    /// Prepares to ask; asks nobody yet. Servers that `authorities` vouch for are trusted beside those of the system's.
    pub(super) async fn prepare(policy: AwsPolicy, authorities: &Authorities) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(READ)
            .build();
        let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(connector::client(authorities))
            .region(Region::new(policy.region().to_owned()))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .load()
            .await;
        let client = match policy.store() {
            AwsStore::ParameterStore => Client::Parameters(aws_sdk_ssm::Client::new(&sdk)),
            AwsStore::SecretsManager => Client::Secrets(aws_sdk_secretsmanager::Client::new(&sdk)),
        };
        Self { policy, client, credentials: sdk.credentials_provider() }
    }

    /// What is asked for.
    pub(super) const fn policy(&self) -> &AwsPolicy {
        &self.policy
    }

    /// The text that is kept there now.
    pub(super) async fn read(&self) -> Result<Vec<u8>, AwsProblem> {
        let name = self.policy.name();
        let content = match &self.client {
            Client::Parameters(client) => match client.get_parameter().name(name).with_decryption(true).send().await {
                Ok(answer) => answer.parameter.and_then(|parameter| parameter.value).map(String::into_bytes),
                Err(error) => return Err(self.problem(&error).await),
            },
            Client::Secrets(client) => match client.get_secret_value().secret_id(name).send().await {
                Ok(answer) => {
                    let text = answer.secret_string.map(String::into_bytes);
                    text.or_else(|| answer.secret_binary.map(aws_sdk_secretsmanager::primitives::Blob::into_inner))
                }
                Err(error) => return Err(self.problem(&error).await),
            },
        };
        content.ok_or(AwsProblem::NoValue)
    }

    async fn problem<E>(&self, error: &SdkError<E, HttpResponse>) -> AwsProblem
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let Some(answer) = error.raw_response() else { return self.no_answer(error).await };
        let code = code_of(error.code(), answer);
        match code.as_str() {
            "AccessDenied" | "AccessDeniedException" | "DecryptionFailure" | "InvalidKeyId" => {
                AwsProblem::Denied { code, action: self.policy.store().action() }
            }
            "ParameterNotFound" | "ParameterVersionNotFound" | "ResourceNotFoundException" => {
                AwsProblem::NotFound { code }
            }
            "ExpiredTokenException"
            | "IncompleteSignature"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException" => AwsProblem::BadCredentials { code },
            _ => AwsProblem::Refused { code },
        }
    }

    /// The SDK does not tell by its type whether it had no credentials or no answer, so they are asked for once more.
    async fn no_answer(&self, error: &(dyn Error + Send + Sync + 'static)) -> AwsProblem {
        if cause::chain(error).any(|cause| cause.is::<OpenWay>()) {
            return AwsProblem::OpenWay;
        }
        let Some(provider) = &self.credentials else { return AwsProblem::NoCredentials };
        let service = self.policy.store().service();
        match timeout(ATTEMPT, provider.provide_credentials()).await {
            Ok(Ok(_)) if fails_in_tls(error) => AwsProblem::Tls { service },
            Ok(Ok(_)) => AwsProblem::Unreachable { service },
            Ok(Err(CredentialsError::CredentialsNotLoaded(_))) => AwsProblem::NoCredentials,
            Ok(Err(error)) => AwsProblem::CredentialsRefused(CredentialsRefusal::of(&error)),
            Err(_) => AwsProblem::CredentialsRefused(CredentialsRefusal::Silent),
        }
    }
}

fn fails_in_tls(error: &(dyn Error + 'static)) -> bool {
    let mut system = cause::chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    system.any(|error| cause::is_of_tls(cause::innermost(error)))
}

/// The code of a refusal, or the status where it has none.
fn code_of(code: Option<&str>, answer: &HttpResponse) -> String {
    match code {
        Some(code) => code.chars().filter(char::is_ascii_alphanumeric).take(LONGEST_CODE).collect(),
        None => format!("status {}", answer.status()),
    }
}
