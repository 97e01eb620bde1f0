//! What unit tests start from: an issuer, its key endpoint on loopback, and a configuration that trusts both.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::{Issuer, KeyEndpoint, Parties, User};
use crate::{
    config::{AlbArn, Authorities, ClientId, GroupsSource, KeySetSource, KeysUrl, Verification},
    keys::{AlbKeys, Fetching, PoolKeys},
};

/// The time of every token that names none.
pub(crate) const NOW: u64 = 1_800_000_000;

/// RSA keys take a moment to make, so tests that do not rotate share an issuer.
static SHARED: LazyLock<Arc<Issuer>> = LazyLock::new(|| Arc::new(new_issuer()));

/// An issuer with keys of its own.
pub(crate) fn new_issuer() -> Issuer {
    Issuer::generate(Parties::default()).unwrap()
}

/// A user with everything.
pub(crate) fn ann() -> User {
    User { name: Some("Ann Lee".to_owned()), ..User::new("ann-sub", "ann@example.com") }
        .in_groups(&["staff", "readers"])
}

/// JSON text with one change made to it.
pub(crate) fn bent(json: &str, bend: impl FnOnce(&mut Value)) -> String {
    let mut value = serde_json::from_str(json).unwrap();
    bend(&mut value);
    value.to_string()
}

/// JSON text without one member.
pub(crate) fn without(json: &str, member: &str) -> String {
    bent(json, |value| assert!(value.as_object_mut().unwrap().remove(member).is_some(), "{member}"))
}

/// Lets time go by for everything that measures with tokio's clock. Sockets do not notice.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

pub(crate) struct Fixture {
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) endpoint: KeyEndpoint,
    pub(crate) tasks: TaskTracker,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with_issuer(Arc::clone(&SHARED)).await
    }

    pub(crate) async fn with_issuer(issuer: Arc<Issuer>) -> Self {
        let (endpoint, serving) = KeyEndpoint::bind(&issuer).await.unwrap();
        let tasks = TaskTracker::new();
        tasks.spawn(serving);
        Self { issuer, endpoint, tasks }
    }

    pub(crate) fn fetching(&self) -> Fetching {
        Fetching { tasks: self.tasks.clone(), metrics: Arc::default() }
    }

    pub(crate) fn alb_keys(&self) -> Arc<AlbKeys> {
        let url = KeysUrl::parse(&self.endpoint.alb_url()).unwrap();
        Arc::new(AlbKeys::new(&url, &Authorities::default(), self.fetching()).unwrap())
    }

    pub(crate) fn pool_keys(&self) -> Arc<PoolKeys> {
        let url = KeysUrl::parse(&self.endpoint.jwks_url()).unwrap();
        Arc::new(PoolKeys::new(&url, &Authorities::default(), self.fetching()).unwrap())
    }

    /// Trusts the shared issuer's parties; groups come from the access token.
    pub(crate) fn verification(&self) -> Verification {
        let Parties { signer, client, issuer, access_issuer } = self.issuer.parties().clone();
        let url = KeysUrl::parse(&self.endpoint.jwks_url()).unwrap();
        Verification {
            signers: vec![AlbArn::parse(&signer).unwrap()],
            client_ids: vec![ClientId::parse(&client).unwrap()],
            issuers: vec![issuer, access_issuer.clone()],
            alb_keys: KeysUrl::parse(&self.endpoint.alb_url()).unwrap(),
            authorities: Authorities::default(),
            groups: GroupsSource::CognitoAccessToken {
                key_sets: vec![KeySetSource { issuer: access_issuer, url }],
                claim: "cognito:groups".to_owned(),
            },
            leeway: Duration::from_secs(5),
        }
    }
}
