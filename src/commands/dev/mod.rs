//! `dev`: the whole production path on this machine. A stand-in for the load balancer and the user pool, in front of the
//! proxy as `run` builds it, in front of your application or a sample one. Loopback only; keys live in memory only.

mod banner;
mod ports;
mod settings;

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    banner::Started,
    settings::{Behind, Prepared},
};
use super::{ExitStatus, complain, failed, open_files, refused, say, signals::Signals};
use crate::{
    app::App,
    config::{ConfigErrors, Development, Environment, Flags},
    dev::{
        Issuer, KeyEndpoint, Parties, Personas,
        load_balancer::{LoadBalancer, OnUnauthenticated, PREFIX, Parts},
        sample::{self, SampleApp, SampleLinks},
    },
    server::{Ends, Server, Stage, Terms, Transport},
    telemetry,
};

/// How long the stand-in keeps an idle connection, as a load balancer does by default.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// How long what stands before the proxy may take to notice its end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What the command line gave.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The configuration file and the settings given as flags.
    pub flags: Flags,
    /// Where the browser goes; the usual port or a free one unless given.
    pub port: Option<u16>,
    /// The file of the personas.
    pub personas: Option<PathBuf>,
    /// What happens to a request without a session.
    pub on_unauthenticated: OnUnauthenticated,
}

/// Serves until SIGINT or SIGTERM, then stops everything at once.
#[must_use]
pub fn execute(options: &Options, environment: &Environment) -> ExitStatus {
    let _last_lines = telemetry::LastLines;
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let served = runtime.block_on(serve(options, environment));
            runtime.shutdown_background();
            match served {
                Ok(()) => ExitStatus::Fine,
                Err(NotServed::Configuration(errors)) => refused(&errors),
                Err(NotServed::Usage(error)) => {
                    complain(format_args!("error: {error}"));
                    ExitStatus::Usage
                }
                Err(NotServed::Failure(error)) => failed(error.as_ref()),
            }
        }
        Err(error) => failed(&error),
    }
}

/// Why nothing is served.
#[derive(Debug)]
enum NotServed {
    /// The operating system, or the program itself.
    Failure(Box<dyn Error>),
    Configuration(ConfigErrors),
    /// Something else that the operator wrote.
    Usage(Box<dyn Error>),
}

impl NotServed {
    fn usage(error: impl Error + 'static) -> Self {
        Self::Usage(Box::new(error))
    }
}

impl<E: Error + 'static> From<E> for NotServed {
    fn from(error: E) -> Self {
        Self::Failure(Box::new(error))
    }
}

/// The operator's own paths and the stand-in's are in each other's way.
#[derive(Debug, thiserror::Error)]
#[error(
    "server.reserved_prefix and {PREFIX}, where dev has its sign-in page, are in each other's way; set another prefix for dev"
)]
struct PathPrefixTaken;

/// What the stand-ins sign with, and where their keys are.
struct Stand {
    issuer: Issuer,
    keys: KeyEndpoint,
    personas: Personas,
}

async fn serve(options: &Options, environment: &Environment) -> Result<(), NotServed> {
    let signals = Signals::listen()?;
    let issuer = Issuer::generate(Parties::default())?;
    let (keys, serving_keys) = KeyEndpoint::bind(&issuer).await?;
    let Prepared { development, behind, balancer: listener, listeners } =
        settings::prepare(options, environment, issuer.parties(), &keys).await?;
    let reserved = &development.config.server.reserved_prefix;
    if reserved.strip(PREFIX).is_some() || format!("{}/", reserved.as_str()).starts_with(&format!("{PREFIX}/")) {
        return Err(NotServed::usage(PathPrefixTaken));
    }
    let personas =
        Personas::load(options.personas.as_deref(), Path::new(""), &development.mock_user, &development.rules)
            .map_err(NotServed::usage)?;
    telemetry::start(&development.config.logging)?;
    // Nobody has thousands of connections to a development server, so how many that are is no news.
    let _allowed = open_files::raise();
    let app = App::build_on(listeners, &development.config).await?;
    let started = Started {
        balancer: &listener,
        port: options.port,
        on_unauthenticated: options.on_unauthenticated,
        app: &app,
        keys: &keys,
        behind: &behind,
        development: &development,
        personas: &personas,
    };
    // What was logged before stands before.
    telemetry::flush();
    say(started.render()?);

    let (before, after) = (Group::default(), Group::default());
    after.tasks.spawn(after.end.clone().run_until_cancelled_owned(serving_keys));
    if let Behind::Sample(listener) = behind {
        let sample_app = sample_app(&app, &development);
        after.tasks.spawn(sample::serve(listener, sample_app, after.tasks.clone(), after.end.clone()));
    }
    let stand = Stand { issuer, keys, personas };
    let balancer = balancer(stand, options, &development, (&app, &before))?;
    let ends = Ends { stop_accepting: before.end.clone(), cut: before.end.clone() };
    let terms = Terms {
        transport: Transport::Plain,
        keep_alive_timeout: IDLE_TIMEOUT,
        heads: development.config.limits.heads,
        limits: development.config.limits.connections,
        metrics: Arc::default(),
        stage: Stage::default(),
    };
    let server = Server::new(&terms, before.tasks.clone(), ends);
    before.tasks.spawn(async move { server.serve(listener, Arc::new(balancer)).await });
    serve_until_signalled(signals, app, before).await;
    after.end.cancel();
    Ok(())
}

/// What runs before the proxy, or after it, on the way of a request.
#[derive(Default)]
struct Group {
    tasks: TaskTracker,
    end: CancellationToken,
}

/// Nobody's work is waited for: whoever stops a development server wants it to have stopped. What stands before the proxy
/// ends first, and the proxy may notice, so that the log does not speak of failures that were none.
async fn serve_until_signalled(mut signals: Signals, app: App, before: Group) {
    let stop = CancellationToken::new();
    let stopping = async {
        signals.next().await;
        before.end.cancel();
        before.tasks.close();
        // Cut tasks end at once; whatever does not is not waited for.
        let _ended = timeout(LAST_WORDS, before.tasks.wait()).await;
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let hurry = async {
        stop.cancelled().await;
        sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = app.run(stop.cancelled(), hurry) => {}
        () = stopping => {}
    }
}

fn sample_app(app: &App, development: &Development) -> SampleApp {
    SampleApp {
        asserter: Arc::clone(app.asserter()),
        links: SampleLinks { switcher: format!("{PREFIX}/"), sign_out: sign_out(development) },
    }
}

fn sign_out(development: &Development) -> String {
    format!("{}/logout", development.config.server.reserved_prefix.as_str())
}

fn balancer(
    Stand { issuer, keys, personas }: Stand,
    options: &Options,
    development: &Development,
    (app, before): (&App, &Group),
) -> Result<LoadBalancer, NotServed> {
    let parts = Parts {
        issuer: issuer.with_groups_in(settings::groups_in(development)),
        keys,
        personas,
        cookie_name: development.config.logout.cookie_name.clone(),
        sign_out: sign_out(development),
        on_unauthenticated: options.on_unauthenticated,
        policy: Arc::clone(app.policy()),
    };
    Ok(LoadBalancer::new(parts, app.address()?, before.tasks.clone(), before.end.clone())?)
}
