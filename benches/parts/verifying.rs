//! The verifiers with their keys at hand, and tokens that stay good for the run.

use std::{sync::Arc, time::Duration};

use cognito_auth_proxy::{
    authenticator::{Authenticator, Credential},
    config::{AlbArn, Authorities, ClientId, Credentials, Dev, GroupsSource, KeySetSource, KeysUrl, Verification},
    dev::{Issuer, KeyEndpoint, Parties, Tokens, User},
    ingress::Presented,
    keys::{AlbKeys, Fetching, PoolKeys},
    token::{AlbVerifier, CognitoVerifier, IssuerKeys},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::Runtime;
use tokio_util::task::TaskTracker;

/// An issuer, its keys on loopback, and tokens of a user.
pub(crate) struct Verifying {
    runtime: Runtime,
    tasks: TaskTracker,
    expected: Verification,
    tokens: Tokens,
}

impl Verifying {
    pub(crate) fn start() -> Self {
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
            authorities: Authorities::default(),
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

    fn fetching(&self) -> Fetching {
        Fetching { tasks: self.tasks.clone(), ..Fetching::default() }
    }

    /// Verifies the load balancer's token, whose key is known.
    pub(crate) fn alb_token(&self) -> impl Fn() {
        let keys =
            Arc::new(AlbKeys::new(&self.expected.alb_keys, &self.expected.authorities, self.fetching()).unwrap());
        let (verifier, now) = (AlbVerifier::new(&self.expected, keys), now());
        let verify = move || drop(self.runtime.block_on(verifier.verify(self.tokens.data.as_bytes(), now)).unwrap());
        verify();
        verify
    }

    /// Verifies the access token, whose key is known.
    pub(crate) fn cognito_token(&self) -> impl Fn() {
        let GroupsSource::CognitoAccessToken { key_sets, claim } = &self.expected.groups else { unreachable!() };
        let key_sets = key_sets.iter().map(|source| IssuerKeys {
            issuer: source.issuer.clone(),
            keys: Arc::new(PoolKeys::new(&source.url, &self.expected.authorities, self.fetching()).unwrap()),
        });
        let (verifier, now) = (CognitoVerifier::new(&self.expected, key_sets.collect(), claim.clone()), now());
        let (token, client) = (self.tokens.access_token.as_bytes(), self.expected.client_ids[0].as_str());
        let verify = move || drop(self.runtime.block_on(verifier.verify(token, client, now)).unwrap());
        verify();
        verify
    }

    /// Authenticates with both tokens, which were seen before.
    pub(crate) fn both_tokens_again(&self) -> impl Fn() {
        let credentials = Credentials::Verify(self.expected.clone());
        let authenticator = Authenticator::from_config(&credentials, &Dev::Off, 32 << 20, self.fetching()).unwrap();
        let fields = self.tokens.fields();
        let fields = fields.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        let presented = Presented::take_from(&mut HeaderMap::from_iter(fields));
        let authenticate = move || {
            let credential = Credential::from_presented(&presented).unwrap();
            drop(self.runtime.block_on(authenticator.authenticate(credential)).unwrap());
        };
        authenticate();
        authenticate
    }
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}
