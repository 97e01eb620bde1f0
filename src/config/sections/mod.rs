//! The sections of a configuration. A module of the program takes its own section, never the whole.

mod assertion;
mod authoriser;
mod credentials;
mod dev;
mod limits;
mod logging;
mod navigation;
mod server;
mod tls;
mod tracing;
mod upstream;

pub use assertion::*;
pub use authoriser::*;
pub use credentials::*;
pub use dev::*;
pub use limits::*;
pub use logging::*;
pub use navigation::*;
pub use server::*;
pub use tls::*;
pub use tracing::*;
pub use upstream::*;

/// The whole configuration of one process.
#[derive(Debug)]
pub struct Config {
    /// Listeners, trusted hops, drain.
    pub server: Server,
    /// Whether the main listener speaks TLS.
    pub tls: Tls,
    /// The application behind us.
    pub upstream: Upstream,
    /// What makes a presented token good.
    pub credentials: Credentials,
    /// Who may come in.
    pub authoriser: Authoriser,
    /// What clients may use of everything.
    pub limits: Limits,
    /// The signed statement made to the application.
    pub assertion: Assertion,
    /// How a refusal looks.
    pub rejection: Rejection,
    /// Where signing out leads.
    pub logout: Logout,
    /// Whether requests without a credential are the mock user.
    pub dev: Dev,
    /// What is logged, and how.
    pub logging: Logging,
    /// Which traces requests belong to, and where spans go.
    pub tracing: Tracing,
    /// Weakened or doubtful settings: logged at `warn` on every start and shown by `check`.
    pub warnings: Vec<String>,
    /// Every effective setting with its layer, secrets redacted, in the order of `config/default.toml`.
    pub settings: Vec<Setting>,
}

/// One effective setting, for `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Dotted key, `server.listen`.
    pub key: String,
    /// The value as TOML text; `REDACTED` for a secret.
    pub value: String,
    /// Where it came from: `default`, `file /etc/…`, `environment COGNITO_AUTH_LISTEN`, `flag --listen`.
    pub layer: String,
}
