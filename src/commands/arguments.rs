//! What the command line takes: the one definition that `--help`, the man pages and the completions are made from.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::{dev, doctor, explain};
use crate::{
    config::{FlagSetting, Flags, Layer},
    dev::load_balancer::OnUnauthenticated,
};

/// What every command ends with.
const EXIT_CODES: &str = "Exit codes:
  0   fine
  1   could not start, or failed while running; `healthcheck`: unhealthy; `doctor`: a check failed
  64  bad configuration or usage; every problem is on standard error, with its key and where the value came from";

const ABOUT_SETTINGS: &str = "Environment:
  COGNITO_AUTH_*             one variable for each setting; `check` lists all settings, config/default.toml explains them.
                             Lists are separated by commas; an empty variable counts as unset
  COGNITO_AUTH_PROXY_CONFIG  the configuration file, where --config names none
  Secrets also come from a file: COGNITO_AUTH_SIGNING_KEY_FILE=/run/secrets/key

Files:
  /etc/cognito-auth-proxy/config.toml  read where it exists and no other file is named";

const EXAMPLES: &str = "Examples:
  cognito-auth-proxy dev --upstream http://127.0.0.1:7860   try it with your application, without AWS
  cognito-auth-proxy check --config proxy.toml              is the configuration good?
  cognito-auth-proxy doctor                                 is what surrounds the proxy good?
  cognito-auth-proxy run --config proxy.toml                serve";

const RUN_HELP: &str = "Signals:
  SIGTERM, SIGINT  drain, then exit 0; a second one ends the drain
  SIGHUP           what can be read again is read now

Example:
  COGNITO_AUTH_UPSTREAM_URL=http://127.0.0.1:7860 cognito-auth-proxy run --config proxy.toml";

const DEV_HELP: &str = "Files:
  dev-personas.json, dev-personas.toml  who may be chosen on the sign-in page, in the working directory
  dev-mock-user.json                    the first of them, in the working directory

Example:
  COGNITO_AUTH_UPSTREAM_PRESET=gradio cognito-auth-proxy dev --upstream http://127.0.0.1:7860

Exit codes: 0 when it is stopped by SIGINT or SIGTERM, 1 where it cannot start, 64 for a bad configuration.";

const CHECK_HELP: &str =
    "Each problem is one line on standard error: the key, where its value came from, what is wrong, what to write.
Nothing is connected to; `doctor` does that.

Exit codes: 0 for a good configuration, warnings or not; 64 for a bad one.

Example:
  cognito-auth-proxy check --config proxy.toml && systemctl restart cognito-auth-proxy";

const HEALTHCHECK_HELP: &str =
    "Asks /health of the admin listener, or where that is off, the reserved prefix's of the main one.

Exit codes: 0 for healthy, 1 for everything else.

Example, in a task definition:
  \"healthCheck\": { \"command\": [\"CMD\", \"/cognito-auth-proxy\", \"healthcheck\"] }";

const EXPLAIN_HELP: &str = "The first word of the output is `allow`, `deny` or `public` (no user is needed). The policy is the one that `run` would
start with. Only the routes and the policy are asked: the tokens are taken to be good.

Exit codes: 0 for an answer, whichever it is; 64 for a bad configuration, policy or argument.

Examples:
  cognito-auth-proxy explain --email ann@example.com --group data-team --path /admin
  cognito-auth-proxy explain --email ann@example.com --path / | grep -q '^allow'";

const DOCTOR_HELP: &str = "One line for each check: `ok`, `warn` or `fail`, what was found, and what to do about it. Run it where the proxy runs: in
the same container or task, with the same settings. It connects to the key endpoints, the application and the proxy's own
ports, and changes nothing.

The token file is text as a log or a debugging page shows it: lines `x-amzn-oidc-data: ...`, a JSON object of header names and
values, or one bare token. Tokens are never printed, and an e-mail address only in part.

Exit codes: 0 where no check failed, warnings or not; 1 where one did; 64 for a bad configuration (what can be checked
without it is checked).

Examples:
  cognito-auth-proxy doctor
  pbpaste | cognito-auth-proxy doctor --token-file -";

const COMPLETIONS_HELP: &str = "Examples:
  cognito-auth-proxy completions bash > /etc/bash_completion.d/cognito-auth-proxy
  cognito-auth-proxy completions zsh > ~/.zfunc/_cognito-auth-proxy
  cognito-auth-proxy completions fish > ~/.config/fish/completions/cognito-auth-proxy.fish";

const MAN_HELP: &str = "Examples:
  cognito-auth-proxy man | man -l -
  cognito-auth-proxy man doctor > /usr/local/share/man/man1/cognito-auth-proxy-doctor.1";

/// Verifies AWS ALB and Cognito sign-ins, authorises by group or e-mail, forwards with a signed X-Auth-User.
///
/// Settings come from the compiled-in defaults, a TOML file, COGNITO_AUTH_* variables and flags; the later wins.
/// `check` prints all of them with where each came from.
#[derive(Debug, Parser)]
#[command(name = "cognito-auth-proxy", version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILD_COMMIT"), ")"))]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_long_help = [EXIT_CODES, ABOUT_SETTINGS, EXAMPLES].join("\n\n"))]
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
    #[command(after_long_help = [RUN_HELP, EXIT_CODES, ABOUT_SETTINGS].join("\n\n"))]
    Run(Settings),
    /// Everything on this machine, without AWS: a stand-in for the load balancer with a sign-in page, in front of the real
    /// proxy, in front of your application or a built-in sample. The first address it prints is the page to open.
    ///
    /// Where the proxy listens and whose tokens are good (alb.*, cognito.*, identity.issuers) is decided here; every other
    /// setting counts as in production, and is refused as in production. Loopback only, keys in memory only.
    #[command(after_long_help = DEV_HELP)]
    Dev(DevArguments),
    /// Loads configuration and policy, prints every problem, then the effective settings. Exits 0, or 64.
    #[command(after_long_help = CHECK_HELP)]
    Check(Settings),
    /// Says whether the policy lets a user do something, and which rule decides.
    #[command(after_long_help = EXPLAIN_HELP)]
    Explain(ExplainArguments),
    /// Asks the running proxy whether it is healthy. Exits 0, or 1.
    #[command(after_long_help = HEALTHCHECK_HELP)]
    Healthcheck(Settings),
    /// Checks what usually goes wrong around the proxy: keys, clock, application, ports, and a pasted token.
    #[command(after_long_help = DOCTOR_HELP)]
    Doctor(DoctorArguments),
    /// Prints a completion script for a shell.
    #[command(after_long_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints a manual page, in roff: of the program, or of one of its commands.
    #[command(after_long_help = MAN_HELP)]
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
