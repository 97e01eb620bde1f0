//! The sections of a configuration. A module of the program takes its own section, never the whole.

mod limits;
mod tracing;

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use http::HeaderName;
use ipnet::IpNet;

pub use limits::*;
pub use tracing::*;

use super::{
    AlbArn, Authorities, AwsPolicy, ClientId, DomainName, EmailAddress, KeysUrl, Origin, PathPrefix, RedirectUrl,
    SecretFile, ServerCertificate, SigningKeys, UpstreamAddress,
};

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

/// Listeners and what surrounds a request.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where the load balancer connects.
    pub listen: SocketAddr,
    /// What it speaks there.
    pub scheme: Scheme,
    /// Where the platform asks for health.
    pub admin: AdminListener,
    /// The path prefix the proxy answers itself, `/.auth`.
    pub reserved_prefix: PathPrefix,
    /// Hops whose `X-Forwarded-*` is believed, and how many of them stand before us.
    pub trusted: TrustedHops,
    /// Foreign origins that may call.
    pub allowed_origins: Vec<Origin>,
    /// How the end of the process goes.
    pub drain: Drain,
    /// How long an idle connection, or one that has not finished sending a request head, stays open. Above the load
    /// balancer's idle timeout, or it meets connections that are just closing (alb-facts 5.2).
    pub keep_alive_timeout: Duration,
    /// Whose `X-Request-Id` counts.
    pub request_id: RequestIdSource,
}

/// What is spoken on the main listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP as it is.
    Http,
    /// HTTP in TLS.
    Https,
}

/// TLS on the main listener.
#[derive(Debug, Clone)]
pub enum Tls {
    /// None.
    Off,
    /// With this certificate at the start.
    On {
        /// What clients are shown.
        certificate: ServerCertificate,
        /// Whether they may be shown another one later.
        source: CertificateSource,
    },
}

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum CertificateSource {
    /// From two files, which are read again when they change.
    Files {
        /// The chain.
        certificate: SecretFile,
        /// The private key.
        key: SecretFile,
    },
    /// It was made at start, and stays.
    SelfSigned,
}

/// The admin listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminListener {
    /// No admin listener.
    Off,
    /// Listens here.
    On(SocketAddr),
}

/// Whose `X-Forwarded-*` fields are believed.
#[derive(Debug, Clone)]
pub struct TrustedHops {
    /// Networks of trusted peers.
    pub networks: Vec<IpNet>,
    /// How many right-most `X-Forwarded-For` addresses were written by trusted hops. At least 1.
    pub hops: usize,
}

/// Times of the drain after SIGTERM.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// Still accepting, readiness off, so that the load balancer looks away first.
    pub delay: Duration,
    /// Then how long open requests and streams may take.
    pub deadline: Duration,
}

/// Where request ids come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestIdSource {
    /// Always made here.
    Own,
    /// The client's where it is well-formed, else made here.
    AcceptClient,
}

/// The application behind us.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Where it listens.
    pub address: UpstreamAddress,
    /// The framework it is built with.
    pub preset: Preset,
    /// Whether verified `x-amzn-oidc-*` fields are put back.
    pub alb_headers: AlbHeaders,
    /// How long a connection attempt may take.
    pub connect_timeout: Duration,
    /// How long the application may take to begin its answer.
    pub response_timeout: Duration,
    /// How long an unused connection is kept for the next request; below the application's own limit (uvicorn: 5 s).
    pub pool_idle_timeout: Duration,
}

/// Framework presets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// FastAPI: `Host` unchanged.
    FastApi,
    /// Nothing assumed: `Host` unchanged.
    Generic,
    /// Gradio: `Host` is the application's own address, so that Gradio grants no foreign origin (upstreams.md).
    Gradio,
    /// Streamlit: `Host` unchanged, its WebSocket compares it with `Origin`.
    Streamlit,
}

impl Preset {
    /// Where applications of this framework take uploads, with everything under it (upstreams.md).
    #[must_use]
    pub const fn upload_paths(self) -> &'static [&'static str] {
        match self {
            Self::FastApi | Self::Generic => &[],
            Self::Gradio => &["/gradio_api/upload", "/upload"],
            Self::Streamlit => &["/_stcore/upload_file"],
        }
    }
}

/// Whether the verified `x-amzn-oidc-*` fields go on to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlbHeaders {
    /// Removed.
    Drop,
    /// All three put back after verification.
    PassVerified,
    /// Put back but for the access token, which is not verified where groups come from the load balancer's token.
    PassVerifiedData,
}

/// What makes a presented token good.
#[expect(clippy::large_enum_variant, reason = "made once, at start")]
#[derive(Debug, Clone)]
pub enum Credentials {
    /// No load balancer is configured (dev mode only): every presented token is refused.
    RefuseAll,
    /// Tokens are verified against these values.
    Verify(Verification),
}

/// The expected parties and keys.
#[derive(Debug, Clone)]
pub struct Verification {
    /// Load balancers whose `signer` is accepted. Never empty; all of one region and partition.
    pub signers: Vec<AlbArn>,
    /// App clients accepted. Never empty.
    pub client_ids: Vec<ClientId>,
    /// Accepted `iss`, exact. Never empty.
    pub issuers: Vec<String>,
    /// `<base>/<kid>` answers the PEM of an ALB key.
    pub alb_keys: KeysUrl,
    /// Who may vouch for the servers of keys, beside the system's authorities.
    pub authorities: Authorities,
    /// Where groups come from, and with that whether the access token is verified.
    pub groups: GroupsSource,
    /// Clock skew allowed on `exp`.
    pub leeway: Duration,
}

/// Where groups come from.
#[derive(Debug, Clone)]
pub enum GroupsSource {
    /// The Cognito access token, verified against the pool's keys and bound to the ALB token.
    CognitoAccessToken {
        /// Key sets of the pool. Never empty; the first serves tokens of any issuer not named by another.
        key_sets: Vec<KeySetSource>,
        /// Claim that holds the groups.
        claim: String,
    },
    /// A claim of the ALB token; the access token is opaque and not looked at.
    Userinfo {
        /// Claim that holds the groups.
        claim: String,
    },
}

/// A JWKS, and the issuer whose tokens it verifies.
#[derive(Debug, Clone)]
pub struct KeySetSource {
    /// The `iss` it belongs to.
    pub issuer: String,
    /// Where it is fetched.
    pub url: KeysUrl,
}

/// Who may come in.
#[derive(Debug, Clone)]
pub struct Authoriser {
    /// The rules, or where they are kept.
    pub policy: PolicySource,
    /// What a policy without any rule means, wherever it is kept.
    pub when_empty: EmptyPolicy,
    /// Whether e-mail rules need a verified address.
    pub email_rules: EmailRules,
    /// Exact paths that need no user.
    pub public_paths: BTreeSet<String>,
}

/// Where the policy is.
#[derive(Debug, Clone)]
pub enum PolicySource {
    /// At AWS, read again now and then: the text that a file would hold.
    Aws {
        /// What is read, and how often.
        kept: AwsPolicy,
        /// Who may vouch for the servers of AWS, beside the system's authorities.
        authorities: Authorities,
    },
    /// In a file of its own, read again when it changes: JSON (the Python library's form) or the same keys in TOML.
    File(PathBuf),
    /// In the configuration itself.
    Inline(PolicyRules),
}

/// What a policy without any rule means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmptyPolicy {
    /// Every verified user is admitted (`allow_any_authenticated = true`).
    AdmitAuthenticated,
    /// It is an error: the process does not start, a reload is not taken.
    #[default]
    Refuse,
}

/// Whether a rule by e-mail address or domain needs a verified address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmailRules {
    /// Any address the identity provider states counts.
    AcceptUnverified,
    /// `email_verified` must be true.
    #[default]
    RequireVerified,
}

/// The rules as written: parsed values, not yet combined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyRules {
    /// Groups of which one is enough.
    pub allowed_groups: Vec<String>,
    /// E-mail addresses.
    pub allowed_users: Vec<EmailAddress>,
    /// E-mail domains.
    pub allowed_domains: Vec<DomainName>,
    /// How the kinds of rule that are set combine.
    pub combination: Combination,
    /// Groups that pass every rule.
    pub admin_groups: Vec<String>,
    /// Addresses that pass every rule.
    pub admin_users: Vec<EmailAddress>,
}

/// How kinds of rule combine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Combination {
    /// Every kind that is set must pass (`require_all`).
    All,
    /// One kind that passes is enough.
    #[default]
    Any,
}

/// The signed statement made to the application.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// The field it travels in.
    pub header: HeaderName,
    /// What signs it at the start.
    pub keys: SigningKeys,
    /// Whether other keys may sign it later.
    pub key_source: KeySource,
    /// Its `iss`.
    pub issuer: String,
    /// Its `aud`.
    pub audience: String,
    /// Its life. At least 2 s.
    pub ttl: Duration,
}

/// Where the keys of the assertion come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// From a file, which is read again when it changes.
    File(SecretFile),
    /// From anywhere else, or made at start: they stay.
    Fixed,
}

/// How a refusal looks.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Where a refused page navigation is sent.
    pub redirect: RefusedNavigation,
    /// Who is redirected.
    pub mode: RejectionMode,
    /// Whether an expired access token leads to a new login.
    pub relogin: Relogin,
}

/// Where a refused page navigation is sent.
#[derive(Debug, Clone)]
pub enum RefusedNavigation {
    /// Nowhere: a built-in page with the refusal's status.
    BuiltInPage,
    /// To the configured 401 URL.
    Redirect(RedirectUrl),
}

/// Who is redirected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionMode {
    /// Page navigations; scripts get the status.
    Auto,
    /// Every refused request, as the Python library does.
    Redirect,
    /// Nobody.
    Status,
}

/// What happens on `token_expired` of a navigation that carries the load balancer's session cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relogin {
    /// It is refused as any other.
    Off,
    /// The session cookie is expired and the browser sent once to the same path.
    On,
}

/// Where signing out leads.
#[derive(Debug, Clone)]
pub struct Logout {
    /// Cognito's login domain, if its session is to end as well.
    pub cognito: CognitoLogout,
    /// Where the browser ends: the configured landing page, or a built-in one.
    pub landing: RefusedNavigation,
    /// Base name of the load balancer's session cookie.
    pub cookie_name: String,
}

/// Whether signing out ends Cognito's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CognitoLogout {
    /// At this host.
    At(String),
    /// Not at all.
    Off,
}

/// Whether requests without a credential are the mock user.
#[derive(Debug, Clone)]
pub enum Dev {
    /// Never.
    Off,
    /// Yes: development.
    On(DevMode),
}

/// The mock user and the proof that the interlocks passed: made only by the configuration.
#[derive(Debug, Clone)]
pub struct DevMode {
    pub(super) mock_user: MockUser,
}

impl DevMode {
    /// Dev mode without its interlocks, for the unit tests of what uses it.
    #[cfg(test)]
    pub(crate) const fn for_tests(mock_user: MockUser) -> Self {
        Self { mock_user }
    }

    /// Who a request without any identity header is.
    #[must_use]
    pub const fn mock_user(&self) -> &MockUser {
        &self.mock_user
    }
}

/// The user of dev mode, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockUser {
    /// Subject.
    pub sub: String,
    /// E-mail address as written.
    pub email: String,
    /// Whether the address counts as verified.
    pub email_verified: bool,
    /// Login name.
    pub username: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// First name.
    pub given_name: Option<String>,
    /// Last name.
    pub family_name: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Logging {
    /// Line format.
    pub format: LogFormat,
    /// Filter in `tracing`'s notation, `info` or `info,cognito_auth_proxy=debug`.
    pub level: String,
    /// Whether allowed requests get their access line. Refusals always do.
    pub access: AccessLog,
    /// Whether e-mail addresses appear.
    pub emails: LoggedEmails,
    /// Whether decisions get their line when they are made.
    pub audit: AuditLog,
    /// Whether CloudWatch finds figures in it.
    pub emf: Emf,
}

/// Figures for CloudWatch, in lines of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emf {
    /// Under this namespace.
    Namespace(String),
    /// None.
    Off,
}

/// Line format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Which requests get an access line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// Every request.
    All,
    /// Only refused ones.
    Refusals,
}

/// Whether e-mail addresses are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedEmails {
    /// Only the subject is.
    Hidden,
    /// They are.
    Shown,
}

/// Whether every decision on a request gets a line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditLog {
    /// The line of the request, which comes when it has ended, tells it.
    Off,
    /// When it is made.
    Decisions,
}
