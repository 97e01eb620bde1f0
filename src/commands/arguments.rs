//! What the command line takes: the one definition that `--help`, the man pages and the completions are made from.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::{
    dev, doctor, explain,
    help::{CHECK, COMPLETIONS, DEV, DOCTOR, EXAMPLES, EXIT_CODES, EXPLAIN, HEALTHCHECK, MAN, RUN, SETTINGS},
};
use crate::{
    config::{FlagSetting, Flags, Layer},
    dev::load_balancer::OnUnauthenticated,
};

/// Verifies AWS ALB and Cognito sign-ins, authorises by group or e-mail, forwards with a signed X-Auth-User.
///
/// Settings come from the compiled-in defaults, a TOML file, COGNITO_AUTH_* variables and flags; the later wins.
/// `check` prints all of them with where each came from.
#[derive(Debug, Parser)]
#[command(name = "cognito-auth-proxy", version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_COMMIT"), ")"))]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_long_help = [EXIT_CODES, SETTINGS, EXAMPLES].join("\n\n"))]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Settings,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves (also without a command).
    #[command(after_long_help = [RUN, EXIT_CODES, SETTINGS].join("\n\n"))]
    Run(Settings),
    /// Everything on this machine, without AWS: a stand-in for the load balancer with a sign-in page, in front of the real
    /// proxy, in front of your application or a built-in sample. The first address it prints is the page to open.
    ///
    /// Where the proxy listens and whose tokens are good (alb.*, cognito.*, identity.issuers) is decided here; every other
    /// setting counts as in production, and is refused as in production. Loopback only, keys in memory only.
    #[command(after_long_help = DEV)]
    Dev(DevArguments),
    /// Loads configuration and policy, prints every problem, then the effective settings. Exits 0, or 64.
    #[command(after_long_help = CHECK)]
    Check(Settings),
    /// Says whether the policy lets a user do something, and which rule decides.
    #[command(after_long_help = EXPLAIN)]
    Explain(ExplainArguments),
    /// Asks the running proxy whether it is healthy. Exits 0, or 1.
    #[command(after_long_help = HEALTHCHECK)]
    Healthcheck(Settings),
    /// Checks what usually goes wrong around the proxy: keys, clock, application, ports, and a pasted token.
    #[command(after_long_help = DOCTOR)]
    Doctor(DoctorArguments),
    /// Prints a completion script for a shell.
    #[command(after_long_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints a manual page, in roff: of the program, or of one of its commands.
    #[command(after_long_help = MAN)]
    Man {
        /// The command it is to be of
        command: Option<String>,
    },
}

/// What `dev` takes.
#[derive(Debug, Args)]
pub struct DevArguments {
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

/// What `explain` takes.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The user's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// A group the user is in; may be given more than once
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// The address is not verified by the identity provider
    #[arg(long)]
    unverified_email: bool,
    /// The method of the request
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// The path of the request, with or without a query
    #[arg(long, value_name = "PATH", default_value = "/")]
    path: String,
    #[command(flatten)]
    settings: Settings,
}

/// What `doctor` takes.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// File with the identity headers of a request, or a token, to be verified claim by claim; `-` is standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Show the token's e-mail address in full
    #[arg(long)]
    show_email: bool,
    #[command(flatten)]
    settings: Settings,
}

/// The settings that have a flag.
#[derive(Debug, Args)]
pub struct Settings {
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

impl Arguments {
    /// What is to be done; without a command, to serve.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Run(self.run))
    }

    /// The definition itself, for man pages and completions.
    #[must_use]
    pub fn definition() -> clap::Command {
        Self::command()
    }
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
    /// As the command takes them.
    #[must_use]
    pub fn into_options(self) -> dev::Options {
        let Self { upstream, config, port, personas, on_unauthenticated } = self;
        let upstream = Settings { config, listen: None, admin_listen: None, upstream };
        dev::Options { flags: upstream.into_flags(), port, personas, on_unauthenticated: on_unauthenticated.into() }
    }
}

impl ExplainArguments {
    /// As the command takes them.
    #[must_use]
    pub fn into_question(self) -> explain::Question {
        let Self { email, groups, unverified_email, method, path, settings } = self;
        explain::Question {
            flags: settings.into_flags(),
            email,
            groups,
            email_verified: !unverified_email,
            method,
            path,
        }
    }
}

impl DoctorArguments {
    /// As the command takes them.
    #[must_use]
    pub fn into_options(self) -> doctor::Options {
        let Self { token_file, show_email, settings } = self;
        let emails = if show_email { doctor::Emails::Shown } else { doctor::Emails::Masked };
        doctor::Options { flags: settings.into_flags(), token_file, emails }
    }
}

impl Settings {
    /// As the configuration takes them.
    #[must_use]
    pub fn into_flags(self) -> Flags {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Arguments::definition().debug_assert();
    }
}
