//! `run`: serves until SIGTERM or SIGINT, then drains, until a second signal at the longest.

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    ExitStatus, failed, open_files, refused,
    signals::{HangUps, Signals},
};
use crate::{
    app::App,
    config::{Config, Environment, Flags},
    telemetry,
};

/// Loads the configuration, serves, drains.
#[must_use]
pub fn execute(flags: &Flags, environment: &Environment) -> ExitStatus {
    let _last_lines = telemetry::LastLines;
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let status = runtime.block_on(serve(flags, environment));
            // What is still open after the drain is cut, not waited for.
            runtime.shutdown_background();
            status
        }
        Err(error) => failed(&error),
    }
}

async fn serve(flags: &Flags, environment: &Environment) -> ExitStatus {
    // Handlers first: a signal that comes while starting is not lost, as PID 1 either (no default action there).
    let (mut signals, hang_ups) = match Signals::listen().and_then(|signals| Ok((signals, HangUps::listen()?))) {
        Ok(handlers) => handlers,
        Err(error) => return failed(&error),
    };
    let mut config = match Config::load(flags, environment) {
        Ok(config) => config,
        Err(errors) => return refused(&errors),
    };
    // The filter was judged with the configuration: what fails here is the operating system.
    if let Err(error) = telemetry::start(&config.logging) {
        return failed(&error);
    }
    let connections = &mut config.limits.connections.connections;
    *connections = open_files::fitting(open_files::raise(), *connections);
    let built = tokio::select! {
        built = App::build(&config) => built,
        // A policy may take its time to come from AWS, and whoever wants the process to end does not want it to begin.
        signal = signals.next() => {
            info!(signal, "stopped before serving");
            return ExitStatus::Fine;
        }
    };
    let app = match built {
        Ok(app) => app,
        Err(error) => return failed(&error),
    };
    serve_until_signalled(app, &mut signals, hang_ups).await;
    ExitStatus::Fine
}

/// The first signal begins the drain, a second one ends it: whoever waits at a terminal need not wait for it.
async fn serve_until_signalled(app: App, signals: &mut Signals, mut hang_ups: HangUps) {
    let reload = app.reload().clone();
    let reading_again = async {
        loop {
            hang_ups.next().await;
            info!("signalled SIGHUP, reading again what can be");
            reload.wish();
        }
    };
    let (first, second) = (CancellationToken::new(), CancellationToken::new());
    let signalled = async {
        // Waited for outside of the events: what an event holds is not even looked at where `logging.level` wants none.
        let signal = signals.next().await;
        info!(signal, "stopping");
        first.cancel();
        let signal = signals.next().await;
        warn!(signal, "signalled again, closing what is open");
        second.cancel();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = app.run(first.cancelled(), second.cancelled()) => {}
        () = signalled => {}
        _ = reading_again => {}
    }
}
