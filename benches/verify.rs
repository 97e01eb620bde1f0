//! What a verified credential costs: each token alone with its key at hand, and both through the authenticator.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot start has nothing to say")]

use std::{sync::Arc, time::Duration};

use cognito_auth_proxy::{
    authenticator::{Authenticator, Credential},
    config::{AlbArn, ClientId, Credentials, Dev, GroupsSource, KeySetSource, KeysUrl, Verification},
    dev::{Issuer, KeyEndpoint, Parties, Tokens, User},
    ingress::Presented,
    keys::{AlbKeys, PoolKeys},
    token::{AlbVerifier, CognitoVerifier, IssuerKeys},
};
use divan::Bencher;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

fn main() {
    divan::main();
}

/// An issuer, its keys on loopback, and tokens that stay good for the run.
struct Bench {
    runtime: Runtime,
    tasks: TaskTracker,
    expected: Verification,
    tokens: Tokens,
}

impl Bench {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let issuer = Issuer::generate(Parties::default()).unwrap();
        let (endpoint, serving) = runtime.block_on(KeyEndpoint::bind(&issuer)).unwrap();
        let tasks = TaskTracker::new();
        tasks.spawn_on(serving, runtime.handle());
        let Parties { signer, client, issuer: accepted, access_issuer } = issuer.parties().clone();
        let expected = Verification {
            signers: vec![AlbArn::parse(&signer).unwrap()],
            client_ids: vec![ClientId::parse(&client).unwrap()],
            issuers: vec![accepted],
            alb_keys: KeysUrl::parse(&endpoint.alb_url()).unwrap(),
            groups: GroupsSource::CognitoAccessToken {
                key_sets: vec![KeySetSource {
                    issuer: access_issuer,
                    url: KeysUrl::parse(&endpoint.jwks_url()).unwrap(),
                }],
                claim: "cognito:groups".to_owned(),
            },
            leeway: Duration::from_hours(1),
        };
        let user =
            User::new("8d0c4a5e-3b1f-4c2d-9e6a-7f8091a2b3c4", "ann@example.com").in_groups(&["staff", "readers"]);
        Self { tokens: issuer.tokens(&user), runtime, tasks, expected }
    }

    fn alb_verifier(&self) -> AlbVerifier {
        AlbVerifier::new(&self.expected, Arc::new(AlbKeys::new(&self.expected.alb_keys, self.tasks.clone()).unwrap()))
    }

    fn cognito_verifier(&self) -> CognitoVerifier {
        let GroupsSource::CognitoAccessToken { key_sets, claim } = &self.expected.groups else { unreachable!() };
        let key_sets = key_sets.iter().map(|source| IssuerKeys {
            issuer: source.issuer.clone(),
            keys: Arc::new(PoolKeys::new(&source.url, self.tasks.clone()).unwrap()),
        });
        CognitoVerifier::new(&self.expected, key_sets.collect(), claim.clone())
    }

    fn now() -> u64 {
        std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
    }
}

#[divan::bench]
fn alb_token(bencher: Bencher<'_, '_>) {
    let bench = Bench::start();
    let (verifier, now) = (bench.alb_verifier(), Bench::now());
    let verify = || bench.runtime.block_on(verifier.verify(bench.tokens.data.as_bytes(), now)).unwrap();
    drop(verify());
    bencher.bench_local(verify);
}

#[divan::bench]
fn cognito_token(bencher: Bencher<'_, '_>) {
    let bench = Bench::start();
    let (verifier, now) = (bench.cognito_verifier(), Bench::now());
    let (token, client) = (bench.tokens.access_token.as_bytes(), bench.expected.client_ids[0].as_str());
    let verify = || bench.runtime.block_on(verifier.verify(token, client, now)).unwrap();
    drop(verify());
    bencher.bench_local(verify);
}

#[divan::bench]
fn both_tokens_again(bencher: Bencher<'_, '_>) {
    let bench = Bench::start();
    let credentials = Credentials::Verify(bench.expected.clone());
    let authenticator = Authenticator::from_config(&credentials, &Dev::Off, 32 << 20, bench.tasks.clone()).unwrap();
    let fields = bench.tokens.fields();
    let fields = fields.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
    let presented = Presented::take_from(&mut HeaderMap::from_iter(fields));
    let authenticate = || {
        let credential = Credential::from_presented(&presented).unwrap();
        bench.runtime.block_on(authenticator.authenticate(credential)).unwrap()
    };
    drop(authenticate());
    bencher.bench_local(authenticate);
}
