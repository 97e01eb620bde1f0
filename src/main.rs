//! Arguments → configuration → command → exit code.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};
use cognito_auth_proxy::{
    commands::{ExitStatus, check, dev, healthcheck, run},
    config::{Environment, FlagSetting, Flags, Layer},
    dev::load_balancer::OnUnauthenticated,
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
    run: Settings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves (also without a command).
    Run(Settings),
    /// Everything on this machine, without AWS: a stand-in for the load balancer with a sign-in page, in front of the real
    /// proxy, in front of your application or a built-in sample. The first address it prints is the page to open.
    ///
    /// Where the proxy listens and whose tokens are good (alb.*, cognito.*, identity.issuers) is decided here; every other
    /// setting counts as in production, and is refused as in production. Loopback only, keys in memory only.
    Dev(DevArguments),
    /// Loads configuration and policy, prints every problem, then the effective settings. Exits 0, or 64.
    Check(Settings),
    /// Asks the running proxy whether it is healthy. Exits 0, or 1.
    Healthcheck(Settings),
}

#[derive(Debug, Args)]
struct DevArguments {
    /// Where your application listens: http://host:port or unix:/path (upstream.url); a sample is served where none is
    /// configured
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// TOML file with settings [env: COGNITO_AUTH_PROXY_CONFIG; else /etc/cognito-auth-proxy/config.toml if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Port of the page to open [default: 4430, or a free one where that is taken]
    #[arg(long)]
    port: Option<u16>,
    /// Who may be chosen on the sign-in page, JSON or TOML [default: dev-personas.json or dev-personas.toml in the working
    /// directory; else the mock user, and users that fit the policy]
    #[arg(long, value_name = "FILE")]
    personas: Option<PathBuf>,
    /// What happens to a request without a session, as on a listener rule
    #[arg(long, value_name = "ACTION", value_enum, default_value_t)]
    on_unauthenticated: Unauthenticated,
}

/// The actions of a listener rule.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Unauthenticated {
    /// The browser is sent to sign in
    #[default]
    Authenticate,
    /// It goes on to the proxy without identity
    Allow,
    /// 401
    Deny,
}

impl From<Unauthenticated> for OnUnauthenticated {
    fn from(action: Unauthenticated) -> Self {
        match action {
            Unauthenticated::Allow => Self::Allow,
            Unauthenticated::Authenticate => Self::Authenticate,
            Unauthenticated::Deny => Self::Deny,
        }
    }
}

impl DevArguments {
    fn into_options(self) -> dev::Options {
        let Self { upstream, config, port, personas, on_unauthenticated } = self;
        let upstream = Settings { config, listen: None, admin_listen: None, upstream };
        dev::Options { flags: upstream.into_flags(), port, personas, on_unauthenticated: on_unauthenticated.into() }
    }
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
        Command::Run(settings) => run::execute(&settings.into_flags(), &environment),
        Command::Dev(arguments) => dev::execute(&arguments.into_options(), &environment),
        Command::Check(settings) => check::execute(&settings.into_flags(), &environment),
        Command::Healthcheck(settings) => healthcheck::execute(&settings.into_flags(), &environment),
    };
    status.into()
}
