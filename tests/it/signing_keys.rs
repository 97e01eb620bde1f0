//! The keys of the signed statement are rotated while requests are on their way.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use cognito_auth_proxy::dev::Tokens;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::Value;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::support::{
    client::{Wire, request},
    eventually,
    pem::p256_pem,
    process::Serving,
    proxy::{Setup, staff},
    upstream::Upstream,
};

const KEY_FILE: &str = "COGNITO_AUTH_SIGNING_KEY_FILE";

/// A proxy as a process whose key is in a file, in front of an application that answers with what it was told.
struct House {
    serving: Serving,
    path: PathBuf,
    _directory: tempfile::TempDir,
    _upstream: Upstream,
}

impl House {
    async fn new(text: &str, settings: &[(&str, &str)]) -> Self {
        let upstream = Upstream::answering(|seen| {
            let told = seen.field("x-auth-user").unwrap_or_default();
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{told}", told.len()).into_bytes()
        })
        .await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        std::fs::write(&path, text).unwrap();
        let setup = Setup::new(&upstream).await.set(KEY_FILE, path.to_str().unwrap());
        let setup = settings.iter().fold(setup, |setup, (name, value)| setup.set(name, value));
        Self { serving: setup.start_process().await, path, _directory: directory, _upstream: upstream }
    }

    /// Puts other keys into the file, and says so as an operator does who does not want to wait.
    fn rotate_to(&self, text: &str) {
        std::fs::write(&self.path, text).unwrap();
        self.serving.process.signal("HUP");
    }

    fn visitor(&self) -> Visitor {
        Visitor { address: self.serving.address, tokens: self.serving.issuer.tokens(&staff()), known: None }
    }

    async fn counts(&self, outcome: &str, number: usize) -> bool {
        let line = format!("cognito_auth_proxy_reloads_total{{what=\"signing_keys\",outcome=\"{outcome}\"}} {number}");
        let mut wire = Wire::connect(self.serving.admin).await;
        wire.send(request("GET /metrics", &[])).await;
        wire.answer().await.text().lines().any(|found| found == line)
    }
}

/// Asks, and verifies what the application was told as PyJWT's `PyJWKClient` does: with a key set it has fetched, and
/// once more with a new one where the key is not in it.
struct Visitor {
    address: SocketAddr,
    tokens: Tokens,
    known: Option<JwkSet>,
}

impl Visitor {
    async fn ask(&self) -> String {
        let mut wire = Wire::connect(self.address).await;
        wire.send(request("GET /page", &self.tokens.fields())).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    async fn published(&self) -> JwkSet {
        let mut wire = Wire::connect(self.address).await;
        wire.send(request("GET /.auth/jwks.json", &[])).await;
        serde_json::from_slice(&wire.answer().await.body).unwrap()
    }

    /// The id of the key that signed `statement`.
    async fn verify(&mut self, statement: &str) -> String {
        let kid = kid(statement);
        let known = self.known.take().filter(|known| known.find(&kid).is_some());
        let known = match known {
            Some(known) => known,
            None => self.published().await,
        };
        assert_eq!(verified_with(&known, statement)["email"], "ann@example.com");
        self.known = Some(known);
        kid
    }
}

fn kid(statement: &str) -> String {
    jsonwebtoken::decode_header(statement).unwrap().kid.unwrap()
}

fn verified_with(set: &JwkSet, statement: &str) -> Value {
    let key = set.find(&kid(statement)).expect("the key that signed is published");
    let mut expected = Validation::new(Algorithm::ES256);
    expected.set_audience(&["upstream"]);
    jsonwebtoken::decode::<Value>(statement, &DecodingKey::from_jwk(key).unwrap(), &expected).unwrap().claims
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_no_statement_is_refused() {
    let house = House::new(&p256_pem(), &[]).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    for _ in 0..3 {
        let (mut visitor, stop, seen) = (house.visitor(), stop.clone(), Arc::clone(&seen));
        tasks.spawn(async move {
            while !stop.is_cancelled() {
                let statement = visitor.ask().await;
                visitor.verify(&statement).await;
                seen.lock().unwrap().push(statement);
            }
        });
    }
    let mut visitor = house.visitor();
    let mut kids = vec![kid(&visitor.ask().await)];
    for _ in 0..4 {
        house.rotate_to(&p256_pem());
        let statement = Mutex::new(String::new());
        eventually("a statement of the new key", async || {
            let asked = visitor.ask().await;
            let is_new = !kids.contains(&kid(&asked));
            *statement.lock().unwrap() = asked;
            is_new
        })
        .await;
        kids.push(visitor.verify(&statement.into_inner().unwrap()).await);
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    // The slowest of applications: it looks at every one of them now.
    let published = visitor.published().await;
    assert_eq!(published.keys[0].common.key_id, kids.last().cloned(), "the one that signs comes first");
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    for statement in &seen {
        verified_with(&published, statement);
    }
    let by: BTreeSet<String> = seen.iter().map(|statement| kid(statement)).collect();
    assert!(by.len() > 1 && by.iter().all(|by| kids.contains(by)), "requests of several keys: {by:?}");
    assert!(house.counts("applied", 4).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_taken_without_a_signal() {
    let house = House::new(&p256_pem(), &[]).await;
    let visitor = house.visitor();
    let before = kid(&visitor.ask().await);
    std::fs::write(&house.path, p256_pem()).unwrap();
    eventually("a statement of the new key", async || kid(&visitor.ask().await) != before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_told_and_counted_and_the_last_good_key_signs_on() {
    let mut house = House::new(&p256_pem(), &[]).await;
    let mut visitor = house.visitor();
    let before = kid(&visitor.ask().await);
    let ed25519 = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let ed25519 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, ed25519.as_ref());
    let other = format!("-----BEGIN PRIVATE KEY-----\n{ed25519}\n-----END PRIVATE KEY-----\n");
    for (number, (text, why)) in
        [("", "holds no PEM private key"), (&other, "is an Ed25519 key")].into_iter().enumerate()
    {
        house.rotate_to(text);
        let told = house.serving.process.event("not taken, the last good ones stay in force").await;
        assert!(told["error"].as_str().unwrap().contains(why), "{told}");
        assert_eq!(told["path"], house.path.to_str().unwrap());
        assert!(house.counts("refused", number + 1).await);
        let statement = visitor.ask().await;
        assert_eq!(visitor.verify(&statement).await, before);
        assert_eq!(visitor.published().await.keys.len(), 1);
    }
    house.rotate_to(&p256_pem());
    house.serving.process.event("read again and taken").await;
    assert_ne!(kid(&visitor.ask().await), before);
    let ended = house.serving.terminated().await;
    assert!(!ended.stdout.contains(&ed25519[..20]) && !ended.stdout.contains("BEGIN"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_secret_is_replaced_too() {
    let [one, other] = ["0123456789abcdef", "fedcba9876543210"].map(|half| half.repeat(2));
    let mut house = House::new(&one, &[("COGNITO_AUTH_ASSERTION_ALGORITHM", "HS256")]).await;
    let visitor = house.visitor();
    let mut expected = Validation::new(Algorithm::HS256);
    expected.set_audience(&["upstream"]);
    let is_by = |statement: &str, secret: &str| {
        jsonwebtoken::decode::<Value>(statement, &DecodingKey::from_secret(secret.as_bytes()), &expected).is_ok()
    };
    assert!(is_by(&visitor.ask().await, &one));
    house.rotate_to(&other);
    house.serving.process.event("read again and taken").await;
    let statement = visitor.ask().await;
    assert!(is_by(&statement, &other) && !is_by(&statement, &one));
    assert_eq!(visitor.published().await.keys.len(), 0);
}
