//! Secrets Manager and the Parameter Store at one address, and proxies that keep their policy there.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::json;

use super::{
    process::{Ended, Process, Serving},
    proxy::Setup,
    upstream::{Seen, Upstream},
};

/// What AWS says besides its codes: told by the SDK alone, and only at its own finest level.
pub(crate) const AWS_WORDS: &str = "words-of-aws";

/// The endpoint of both services.
pub(crate) struct Aws {
    pub(crate) endpoint: Upstream,
    answer: Arc<Mutex<Vec<u8>>>,
    application: Upstream,
}

pub(crate) fn answer(status: u16, body: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + body).into_bytes()
}

/// A secret with this text.
pub(crate) fn secret(text: &str) -> Vec<u8> {
    answer(200, &json!({ "Name": "app/policy", "VersionId": "v1", "SecretString": text }).to_string())
}

/// A secret of bytes.
pub(crate) fn binary_secret(bytes: &[u8]) -> Vec<u8> {
    let bytes = base64::engine::general_purpose::STANDARD.encode(bytes);
    answer(200, &json!({ "Name": "app/policy", "VersionId": "v1", "SecretBinary": bytes }).to_string())
}

/// A parameter with this text.
pub(crate) fn parameter(text: &str) -> Vec<u8> {
    let parameter = json!({ "Name": "/app/policy", "Type": "SecureString", "Value": text, "Version": 1 });
    answer(200, &json!({ "Parameter": parameter }).to_string())
}

/// A refusal with this code.
pub(crate) fn refusal(status: u16, code: &str) -> Vec<u8> {
    answer(status, &json!({ "__type": code, "message": format!("{AWS_WORDS} arn:aws:iam::1:role/x") }).to_string())
}

impl Aws {
    pub(crate) async fn new(first: Vec<u8>) -> Self {
        let answer = Arc::new(Mutex::new(first));
        let current = Arc::clone(&answer);
        let endpoint = Upstream::answering(move |_| current.lock().unwrap().clone()).await;
        Self { endpoint, answer, application: Upstream::start().await }
    }

    pub(crate) fn answers(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) async fn asked(&self) -> Seen {
        self.endpoint.next().await
    }

    /// A proxy that keeps its policy there.
    pub(crate) async fn setup(&self, key: &str, name: &str) -> Setup {
        as_role(at(&self.url(), Setup::new(&self.application).await)).set(key, name)
    }

    /// The same with a secret, and without credentials.
    pub(crate) async fn as_nobody(&self) -> Setup {
        at(&self.url(), Setup::new(&self.application).await).set("COGNITO_AUTH_SECRET_NAME", "app/policy")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.endpoint.address)
    }

    pub(crate) async fn keeping_a_secret(&self) -> Setup {
        self.setup("COGNITO_AUTH_SECRET_NAME", "app/policy").await
    }
}

/// With AWS at `endpoint`, and nobody to ask it as.
pub(crate) fn at(endpoint: &str, setup: Setup) -> Setup {
    setup
        .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
        .set("COGNITO_AUTH_REFRESH", "1s")
        .set("AWS_ENDPOINT_URL", endpoint)
        .set("AWS_REGION", "eu-west-2")
        .set("AWS_EC2_METADATA_DISABLED", "true")
}

/// With the credentials of a role in the environment.
pub(crate) fn as_role(setup: Setup) -> Setup {
    setup
        .set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .set("AWS_SECRET_ACCESS_KEY", "key-of-the-role")
        .set("AWS_SESSION_TOKEN", "token-of-the-role")
}

pub(crate) async fn status_for(serving: &Serving, group: &str) -> u16 {
    let user = cognito_auth_proxy::dev::User::new(group, "p@example.com").in_groups(&[group]);
    let tokens = serving.issuer.tokens(&user);
    serving.send("GET /page", &[&tokens.fields()[..], &[("Accept", "application/json")]].concat()).await.status
}

pub(crate) async fn admits_only(serving: &Serving, admitted: &str, refused: &str) {
    assert_eq!((status_for(serving, admitted).await, status_for(serving, refused).await), (200, 403));
}

/// How a start ends with this configuration.
pub(crate) async fn start(command: &str, setup: &Setup) -> Ended {
    Process::start(&[command], &setup.variables()).ended().await
}
