//! Arguments → configuration → command → exit code.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use cognito_auth_proxy::{
    commands::{ExitStatus, check, healthcheck, run, say},
    config::{Config, Environment, FlagSetting, Flags, Layer},
};

/// Verifies AWS ALB and Cognito sign-ins, authorises by group or e-mail, forwards with a signed X-Auth-User.
///
/// Settings come from the compiled-in defaults, a TOML file, COGNITO_AUTH_* variables and flags; the later wins.
/// `check` prints all of them with where each came from.
#[derive(Debug, Parser)]
#[command(version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_COMMIT"), ")"))]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves (also without a command).
    Run(RunArguments),
    /// Loads configuration and policy, prints every problem, then the effective settings. Exits 0, or 64.
    Check(Settings),
    /// Asks the running proxy whether it is healthy. Exits 0, or 1.
    Healthcheck(Settings),
}

#[derive(Debug, Args)]
struct RunArguments {
    #[command(flatten)]
    settings: Settings,
    /// Put a small built-in application behind the proxy, in dev mode, on loopback.
    #[arg(long)]
    dev_sample: bool,
}

#[derive(Debug, Args)]
struct Settings {
    /// TOML file with settings [env: COGNITO_AUTH_PROXY_CONFIG; else /etc/cognito-auth-proxy/config.toml if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the load balancer connects (server.listen)
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where the platform asks for health, or `off` (server.admin_listen)
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin_listen: Option<String>,
    /// Where the application listens: http://host:port or unix:/path (upstream.url)
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
}

impl Settings {
    fn into_flags(self) -> Flags {
        let settings = [
            ("--listen", "server.listen", self.listen),
            ("--admin-listen", "server.admin_listen", self.admin_listen),
            ("--upstream", "upstream.url", self.upstream),
        ];
        let given = settings
            .into_iter()
            .filter_map(|(flag, key, value)| Some(FlagSetting { layer: Layer::Flag(flag), key, value: value? }));
        Flags { config: self.config, settings: given.collect() }
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => {
            // Help and version on standard output, usage errors on standard error; in colour on a terminal only.
            let _closed = answer.print();
            return if answer.use_stderr() { ExitStatus::Usage } else { ExitStatus::Fine }.into();
        }
    };
    let environment = Environment::from_process();
    let status = match arguments.command.unwrap_or(Command::Run(arguments.run)) {
        Command::Run(arguments) => {
            let behind = if arguments.dev_sample { run::Behind::Sample } else { run::Behind::Application };
            run::execute(arguments.settings.into_flags(), &environment, behind)
        }
        Command::Check(settings) => match Config::load(&settings.into_flags(), &environment) {
            Ok(config) => {
                say(check::render(&config));
                ExitStatus::Fine
            }
            Err(errors) => run::refused(&errors),
        },
        Command::Healthcheck(settings) => healthcheck::execute(&settings.into_flags(), &environment),
    };
    status.into()
}
