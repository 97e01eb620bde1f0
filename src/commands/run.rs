//! `run`: serves until SIGTERM or SIGINT, then drains, until a second signal at the longest.

use std::{error::Error, io};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use super::{ExitStatus, complain, say};
use crate::{
    app::App,
    config::{Config, ConfigErrors, Environment, FlagSetting, Flags},
    dev::sample::{self, SampleApp, SampleLinks},
    telemetry,
};

/// What stands behind the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// The configured application.
    Application,
    /// The built-in sample application, on a free loopback port, in dev mode.
    Sample,
}

/// Loads the configuration, serves, drains.
#[must_use]
pub fn execute(flags: Flags, environment: &Environment, behind: Behind) -> ExitStatus {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let status = runtime.block_on(serve(flags, environment, behind));
            // What is still open after the drain is cut, not waited for.
            runtime.shutdown_background();
            status
        }
        Err(error) => failed(&error),
    }
}

async fn serve(mut flags: Flags, environment: &Environment, behind: Behind) -> ExitStatus {
    // Handlers first: a signal that comes while starting is not lost, as PID 1 either (no default action there).
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return failed(&error),
    };
    let sample = match behind {
        Behind::Application => None,
        Behind::Sample => match prepare_sample(&mut flags).await {
            Ok(listener) => Some(listener),
            Err(error) => return failed(&error),
        },
    };
    let config = match Config::load(&flags, environment) {
        Ok(config) => config,
        Err(errors) => return refused(&errors),
    };
    if let Err(error) = telemetry::start(&config.logging) {
        complain(format_args!("error: {error}"));
        return ExitStatus::Usage;
    }
    let app = match App::build(&config) {
        Ok(app) => app,
        Err(error) => return failed(&error),
    };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    if let Some(listener) = sample {
        let sign_out = format!("{}/logout", config.server.reserved_prefix.as_str());
        let links = SampleLinks { switcher: "/".to_owned(), sign_out };
        let sample = SampleApp { jwks: app.asserter().jwks(), header: app.asserter().header().clone(), links };
        tasks.spawn(sample::serve(listener, sample, tasks.clone(), stop.clone()));
        if let Ok(address) = app.address() {
            say(format_args!(
                "\n  Open http://{address}/ : the sample application behind the proxy, signed in as the mock user.\n"
            ));
        }
    }
    serve_until_signalled(app, &mut signals).await;
    stop.cancel();
    ExitStatus::Fine
}

/// The first signal begins the drain, a second one ends it: whoever waits at a terminal need not wait for it.
async fn serve_until_signalled(app: App, signals: &mut Signals) {
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let signalled = async {
        info!(signal = signals.next().await, "stopping");
        first.cancel();
        warn!(signal = signals.next().await, "signalled again, closing what is open");
        second.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = app.run(first.cancelled(), second.cancelled()) => {}
        () = signalled => {}
    }
}

/// Binds the sample's port and points the configuration at it.
async fn prepare_sample(flags: &mut Flags) -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    for (key, value) in [
        ("upstream.url", url),
        ("dev.mode", "true".to_owned()),
        ("authoriser.allow_any_authenticated", "true".to_owned()),
        // No load balancer has to look away first.
        ("server.drain_delay", "0s".to_owned()),
    ] {
        flags.settings.push(FlagSetting { flag: "--dev-sample", key, value });
    }
    Ok(listener)
}

/// Prints every problem of a configuration.
#[must_use]
pub fn refused(errors: &ConfigErrors) -> ExitStatus {
    complain(errors);
    ExitStatus::Usage
}

fn failed(error: &(dyn Error + 'static)) -> ExitStatus {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    complain(format_args!("error: {text}"));
    error!(cause = text, "start failed");
    ExitStatus::Failed
}

/// The signals that end the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
