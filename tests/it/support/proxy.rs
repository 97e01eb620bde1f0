//! The real proxy on loopback, configured through the same names an operator uses.

use std::{collections::BTreeMap, net::SocketAddr};

use cognito_auth_proxy::{
    app::App,
    config::{Config, ConfigErrors, Environment, Flags},
    dev::{Issuer, KeyEndpoint, Parties, Tokens, User},
};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    client::{Answer, Wire, request},
    upstream::Upstream,
};

/// The id in the default issuer of [`Parties`].
pub(crate) const USER_POOL: &str = "eu-west-2_Example01";

/// A running proxy with its issuer and key endpoint; all end when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) issuer: Issuer,
    pub(crate) keys: KeyEndpoint,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

/// Settings of a proxy to be started.
pub(crate) struct Setup {
    pub(super) settings: BTreeMap<String, String>,
    pub(crate) issuer: Issuer,
    pub(crate) keys: KeyEndpoint,
    tasks: TaskTracker,
}

impl Setup {
    /// A proxy in front of `upstream` that admits the group `staff`.
    pub(crate) async fn new(upstream: &Upstream) -> Self {
        Self::in_front_of(&format!("http://{}", upstream.address)).await
    }

    /// The same in front of any URL.
    pub(crate) async fn in_front_of(url: &str) -> Self {
        super::log::watch();
        let tasks = TaskTracker::new();
        let issuer = Issuer::generate(Parties::default()).unwrap();
        let (keys, serving) = KeyEndpoint::bind(&issuer).await.unwrap();
        tasks.spawn(serving);
        let settings = [
            ("COGNITO_AUTH_LISTEN", "127.0.0.1:0"),
            ("COGNITO_AUTH_ADMIN_LISTEN", "127.0.0.1:0"),
            ("COGNITO_AUTH_UPSTREAM_URL", url),
            ("COGNITO_AUTH_ALB_ARNS", &issuer.parties().signer),
            ("COGNITO_AUTH_CLIENT_IDS", &issuer.parties().client),
            ("COGNITO_AUTH_ALB_PUBLIC_KEYS_URL", &keys.alb_url()),
            ("COGNITO_AUTH_USER_POOL_ID", USER_POOL),
            ("COGNITO_AUTH_COGNITO_JWKS_URL", &keys.jwks_url()),
            ("COGNITO_AUTH_ALLOWED_GROUPS", "staff"),
            ("COGNITO_AUTH_DRAIN_DELAY", "0s"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { settings: settings.into(), issuer, keys, tasks }
    }

    /// With this variable set; empty takes it away.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes one out.
    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.settings.remove(name);
        self
    }

    /// The configuration as it would be loaded.
    pub(crate) fn config(&self) -> Result<Config, ConfigErrors> {
        Config::load(&Flags::default(), &Environment::from_pairs(&self.settings))
    }

    /// Starts the proxy.
    pub(crate) async fn start(self) -> Proxy {
        let config = self.config().unwrap_or_else(|errors| panic!("{errors}"));
        let app = App::build(&config).await.unwrap();
        let (address, admin) = (app.address().unwrap(), app.admin_address().unwrap_or_else(|| app.address().unwrap()));
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let running = self.tasks.spawn(app.run(async move { stopping.cancelled().await }, std::future::pending()));
        Proxy { address, admin, issuer: self.issuer, keys: self.keys, stop, running: Some(running) }
    }
}

impl Proxy {
    /// A proxy in front of `upstream` that admits the group `staff`.
    pub(crate) async fn start(upstream: &Upstream) -> Self {
        Setup::new(upstream).await.start().await
    }

    /// Tokens of a member of `staff`.
    pub(crate) fn tokens(&self) -> Tokens {
        self.issuer.tokens(&staff())
    }

    /// One request on a connection of its own.
    pub(crate) async fn send(&self, line: &str, fields: &[(&str, &str)]) -> Answer {
        let mut wire = Wire::connect(self.address).await;
        wire.send(request(line, fields)).await;
        if line.starts_with("HEAD ") { wire.head().await } else { wire.answer().await }
    }

    /// One request of a member of `staff`.
    pub(crate) async fn send_signed_in(&self, line: &str, fields: &[(&str, &str)]) -> Answer {
        let tokens = self.tokens();
        let all: Vec<(&str, &str)> = tokens.fields().into_iter().chain(fields.iter().copied()).collect();
        self.send(line, &all).await
    }

    /// Asks the admin listener.
    pub(crate) async fn ask_admin(&self, path: &str) -> Answer {
        let mut wire = Wire::connect(self.admin).await;
        wire.send(request(&format!("GET {path}"), &[])).await;
        wire.answer().await
    }

    /// Whether the admin listener shows this line among what is counted, our prefix left out.
    pub(crate) async fn counts(&self, line: &str) -> bool {
        let line = format!("cognito_auth_proxy_{line}");
        self.ask_admin("/metrics").await.text().lines().any(|found| found == line)
    }

    /// Tells the proxy to stop, as SIGTERM does.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether it has drained.
    pub(crate) fn has_stopped(&self) -> bool {
        self.running.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Tells the proxy to stop and waits until it has drained.
    pub(crate) async fn stopped(&mut self) {
        self.stop.cancel();
        let running = self.running.take().expect("stopped once");
        super::soon("the end of the drain", running).await.unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A member of `staff` with a verified address.
pub(crate) fn staff() -> User {
    User::new("0f1e2d3c-0000-4000-8000-00000000000a", "ann@example.com").in_groups(&["staff"])
}
