//! The composition root: builds every part from its section of the configuration and runs them.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use thiserror::Error;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    access::AccessPolicy,
    admin::Admin,
    authenticator::{Authenticator, SetupError},
    authoriser::{self, Following, Initial, LiveAuthoriser, PolicyError, PolicyOrigin, Tenures},
    config::{self, AdminListener, Config, Credentials, Drain, Emf, Limits},
    endpoints::{Endpoints, Logout, Relogins},
    gateway::Gateway,
    hints::Hints,
    ingress::{Hygiene, RequestIds, Routes, Uploads},
    keys::Fetching,
    metrics::{Metrics, emf::Reporting},
    readiness::Readiness,
    rejection::Refusals,
    reload::Reload,
    renewal::Renewal,
    server::{self, Ends, Server, Stage, Terms, Transport},
    spans::{Spans, SpansError},
    upstream::{
        Statements, Upstream, UpstreamTasks,
        assertion::{Asserter, AssertionError},
    },
};

/// How long streams may take to say that they end, and then connections that were cut to be gone.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why the process does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The assertion's key cannot be used.
    #[error("the assertion cannot be signed")]
    Assertion(#[from] AssertionError),
    /// The clients for the key endpoints cannot be built.
    #[error("the authenticator cannot be built")]
    Authenticator(#[from] SetupError),
    /// An address is taken, or not of this machine.
    #[error("cannot listen on {address} ({key})")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// The setting that says so.
        key: &'static str,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
    /// The certificate cannot be used for TLS.
    #[error("the listener cannot speak TLS")]
    Tls(#[from] server::TlsError),
    /// There is no policy to start with.
    #[error("the policy cannot be loaded")]
    Policy(#[from] PolicyError),
    /// The operating system gives no randomness.
    #[error("no randomness for request ids")]
    Randomness,
    /// The client for the collector cannot be built.
    #[error("spans cannot be exported")]
    Spans(#[from] SpansError),
}

/// A proxy with its listeners bound, ready to serve.
#[derive(Debug)]
pub struct App {
    gateway: Arc<Gateway>,
    admin: Arc<Admin>,
    listeners: Listeners,
    asserter: Arc<Asserter>,
    policy: Arc<LiveAuthoriser>,
    policy_origin: PolicyOrigin,
    metrics: Arc<Metrics>,
    reload: Reload,
    renewal: Renewal,
    transport: Transport,
    limits: Limits,
    emf: Emf,
    stage: Stage,
    drain: Drain,
    keep_alive_timeout: Duration,
    tasks: Tasks,
}

/// Where a proxy listens.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub main: TcpListener,
    /// For the platform, if it asks.
    pub admin: Option<TcpListener>,
}

impl Listeners {
    /// Binds what is configured. Must run inside a runtime.
    ///
    /// # Errors
    /// Where an address is taken, or not of this machine.
    pub fn bind(server: &config::Server) -> Result<Self, StartError> {
        let admin = match server.admin {
            AdminListener::Off => None,
            AdminListener::On(address) => Some(listen(address, "server.admin_listen")?),
        };
        Ok(Self { main: listen(server.listen, "server.listen")?, admin })
    }
}

/// What runs beside the accept loops.
#[derive(Debug, Default)]
struct Tasks {
    /// Connections and tunnels of clients: the drain waits for them.
    open: TaskTracker,
    /// Everything else: ends with the process.
    background: TaskTracker,
    stop_accepting: CancellationToken,
    /// Ends streams in words, so that they are not cut.
    end_streams: CancellationToken,
    /// Ends connections and tunnels where they stand.
    cut: CancellationToken,
    stop_background: CancellationToken,
}

impl App {
    /// Builds every part and binds the listeners. Must run inside a runtime.
    ///
    /// # Errors
    /// Where a listener cannot be bound, or there is no policy to start with. Nothing serves until [`App::run`].
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        Self::build_on(Listeners::bind(&config.server)?, config).await
    }

    /// The same on listeners that are bound already. Must run inside a runtime.
    ///
    /// # Errors
    /// Where there is no policy to start with.
    pub async fn build_on(listeners: Listeners, config: &Config) -> Result<Self, StartError> {
        for warning in &config.warnings {
            warn!(detail = warning.as_str(), "weakened or doubtful setting");
        }
        let tasks = Tasks::default();
        let metrics = Arc::new(Metrics::default());
        let stage = Stage::default();
        let asserter = Arc::new(Asserter::from_config(&config.assertion)?);
        let Initial { live, origin } = authoriser::initial(&config.authoriser).await?;
        metrics.policy_in_force(SystemTime::now());
        let transport = Transport::from_config(&config.tls)?;
        let live = Arc::new(live);
        let (gateway, endpoints) = gateway(config, (&asserter, &live, &metrics), (&stage, &tasks))?;
        Ok(Self {
            gateway: Arc::new(gateway),
            admin: Arc::new(Admin::new(endpoints, Arc::clone(&metrics))),
            metrics,
            reload: Reload::default(),
            renewal: Renewal::new(config, &asserter, &transport),
            transport,
            listeners,
            asserter,
            policy: live,
            policy_origin: origin,
            stage,
            limits: config.limits.clone(),
            emf: config.logging.emf.clone(),
            drain: config.server.drain,
            keep_alive_timeout: config.server.keep_alive_timeout,
            tasks,
        })
    }

    /// Where clients connect, with the real port where 0 was configured.
    ///
    /// # Errors
    /// The operating system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listeners.main.local_addr()
    }

    /// Where the admin listener is, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.listeners.admin.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The signer of assertions, for the built-in sample application.
    #[must_use]
    pub const fn asserter(&self) -> &Arc<Asserter> {
        &self.asserter
    }

    /// The policy in force, for explaining it.
    #[must_use]
    pub const fn policy(&self) -> &Arc<LiveAuthoriser> {
        &self.policy
    }

    /// Where whoever runs this says that what can be read again is to be read now.
    #[must_use]
    pub const fn reload(&self) -> &Reload {
        &self.reload
    }

    /// The gateway, for measuring it without sockets.
    #[must_use]
    pub const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Serves until `stop` completes, then drains; `hurry` ends the drain early. What is still open then is cut, and its
    /// lines are in the log when this returns.
    pub async fn run(self, stop: impl Future<Output = ()>, hurry: impl Future<Output = ()>) {
        let Tasks { open, background, stop_accepting, end_streams, cut, stop_background } = self.tasks;
        info!(
            listen = self.listeners.main.local_addr().ok().map(tracing::field::display),
            admin = self.listeners.admin.as_ref().and_then(|it| it.local_addr().ok()).map(tracing::field::display),
            version = env!("CARGO_PKG_VERSION"),
            "serving"
        );
        let metrics = Arc::clone(&self.metrics);
        let reporting = Reporting::begin(self.emf, &metrics, &background, stop_background.clone());
        self.renewal.start(&self.reload, &self.metrics, &background, &stop_background);
        let terms = Terms {
            transport: self.transport,
            keep_alive_timeout: self.keep_alive_timeout,
            heads: self.limits.heads,
            limits: self.limits.connections,
            metrics: self.metrics,
            stage: self.stage.clone(),
        };
        if let Some(listener) = self.listeners.admin {
            // It answers until the very end, and nobody waits for its connections.
            let ends = Ends { stop_accepting: stop_background.clone(), cut: stop_background.clone() };
            // Places of its own, so that clients crowd nobody out there, and nothing of it among what is counted of them.
            let terms = Terms { metrics: Arc::default(), transport: Transport::Plain, ..terms.clone() };
            let server = Server::new(&terms, background.clone(), ends);
            background.spawn(async move { server.serve(listener, self.admin).await });
        }
        match self.policy_origin {
            PolicyOrigin::Kept(kept) => {
                let (metrics, wishes) = (Arc::clone(&terms.metrics), self.reload.wishes());
                background
                    .spawn(kept.follow(Following { live: self.policy, metrics, wishes }, stop_background.clone()));
            }
            PolicyOrigin::Configuration => {}
        }
        let spans = self.gateway.spans.clone();
        let ends = Ends { stop_accepting: stop_accepting.clone(), cut: cut.clone() };
        let server = Server::new(&terms, open.clone(), ends);
        let accepting = background.spawn(async move { server.serve(self.listeners.main, self.gateway).await });
        stop.await;
        metrics.drain_begins();
        tokio::select! {
            biased;
            () = hurry => {}
            () = self.stage.drain(self.drain, &stop_accepting, &open) => {}
        }
        stop_accepting.cancel();
        end_open(&end_streams, &cut, &open).await;
        if accepting.await.is_err() {
            warn!("the accept loop had ended early");
        }
        spans.finish().await;
        stop_background.cancel();
        reporting.ended().await;
        info!("stopped");
    }
}

/// Ends what is still open, streams in words and then everything, and waits until it has said so in the log.
async fn end_open(end_streams: &CancellationToken, cut: &CancellationToken, open: &TaskTracker) {
    if !open.is_empty() {
        warn!(open = open.len(), "closing what is still open");
    }
    open.close();
    end_streams.cancel();
    if timeout(LAST_WORDS, open.wait()).await.is_ok() {
        return;
    }
    cut.cancel();
    if timeout(LAST_WORDS, open.wait()).await.is_err() {
        warn!(open = open.len(), "some connections did not end");
    }
}

fn gateway(
    config: &Config,
    (asserter, live, metrics): (&Arc<Asserter>, &Arc<LiveAuthoriser>, &Arc<Metrics>),
    (stage, tasks): (&Stage, &Tasks),
) -> Result<(Gateway, Arc<Endpoints>), StartError> {
    let (header, cookie) = (&config.assertion.header, &config.logout.cookie_name);
    let parents = config.tracing.parents;
    let hygiene = Hygiene::from_config(&config.server, config.limits.heads, parents, header, cookie);
    let upstream_tasks =
        UpstreamTasks { background: tasks.background.clone(), tunnels: tasks.open.clone(), cut: tasks.cut.clone() };
    let tenures = Tenures::new(Arc::clone(live), config.limits.streams, tasks.end_streams.clone(), Arc::clone(metrics));
    let statements = Statements { asserter: Arc::clone(asserter), names: hygiene.names().clone() };
    let upstream = Arc::new(Upstream::new(&config.upstream, statements, Arc::new(tenures), upstream_tasks));
    let readiness = Arc::new(Readiness::new(stage.clone(), Arc::clone(&upstream)));
    let endpoints = Arc::new(Endpoints::new(readiness, Arc::clone(asserter)));
    let client_id = match &config.credentials {
        Credentials::RefuseAll => String::new(),
        Credentials::Verify(verification) => {
            verification.client_ids.first().map(|id| id.as_str().to_owned()).unwrap_or_default()
        }
    };
    let logout_path = format!("{}/logout", config.server.reserved_prefix.as_str());
    let gateway = Gateway {
        hygiene,
        routes: Routes::new(config.server.reserved_prefix.clone(), config.authoriser.public_paths.clone()),
        authenticator: authenticator(
            config,
            Fetching { tasks: tasks.background.clone(), metrics: Arc::clone(metrics) },
        )?,
        authoriser: Arc::clone(live),
        uploads: Uploads::from_config(&config.limits.bodies, Arc::clone(metrics)),
        upstream,
        endpoints: Arc::clone(&endpoints),
        logout: Logout::from_config(&config.logout, logout_path.clone(), client_id),
        relogins: Relogins::new(config.rejection.relogin, config.logout.cookie_name.clone()),
        refusals: Refusals::from_config(&config.rejection, &config.server.allowed_origins, logout_path),
        request_ids: RequestIds::start(config.server.request_id).map_err(|_| StartError::Randomness)?,
        access: AccessPolicy::from_config(&config.logging, Arc::clone(metrics)),
        hints: Hints::from_config(&config.credentials, config.limits.heads),
        // Last: whatever fails before leaves no exporter behind.
        spans: Spans::start(
            &config.tracing.export,
            &config.upstream.address,
            &tasks.background,
            metrics.spans_dropped(),
        )?,
    };
    Ok((gateway, endpoints))
}

fn authenticator(config: &Config, fetching: Fetching) -> Result<Authenticator, SetupError> {
    let memory = config.limits.credential_cache;
    Authenticator::from_config(&config.credentials, &config.dev, memory, fetching)
}

fn listen(address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    server::bind(address).map_err(|source| StartError::Listen { address, key, source })
}
