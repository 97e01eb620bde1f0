//! The table of settings: every key, its environment variable and its type, in the order of `config/default.toml`.

use super::{ValueError, suggestion};

/// One setting.
pub(super) struct Key {
    /// Dotted, `server.listen`.
    pub(super) path: &'static str,
    /// The variable that sets it.
    pub(super) environment: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Decimal,
    Integer,
    List,
    /// Text that is never shown; its variable also exists as `…_FILE`.
    Secret,
    Text,
}

impl Kind {
    /// Reads the text of an environment variable or a flag.
    pub(super) fn read(self, text: &str) -> Result<toml::Value, ValueError> {
        match self {
            Self::Boolean => boolean(text).map(toml::Value::Boolean),
            Self::Decimal => text
                .parse()
                .map(toml::Value::Float)
                .map_err(|_| ValueError { problem: "is not a number", remedy: "write digits and a point" }),
            Self::Integer => text
                .parse()
                .map(toml::Value::Integer)
                .map_err(|_| ValueError { problem: "is not a whole number", remedy: "write digits only" }),
            Self::List => Ok(text.split(',').map(str::trim).collect::<Vec<_>>().into()),
            Self::Secret | Self::Text => Ok(text.into()),
        }
    }

    /// Whether a value of the file has this type; what it is, where it has not.
    pub(super) fn accept(self, value: &toml::Value) -> Result<(), &'static str> {
        let accepted = match self {
            Self::Boolean => value.is_bool(),
            Self::Decimal => value.is_float() || value.is_integer(),
            Self::Integer => value.is_integer(),
            Self::List => value.as_array().is_some_and(|entries| entries.iter().all(toml::Value::is_str)),
            Self::Secret | Self::Text => value.is_str(),
        };
        match (accepted, self) {
            (true, _) => Ok(()),
            (false, Self::List) if value.is_array() => Err("a list with an entry that is no text"),
            (false, _) => Err(type_name(value)),
        }
    }

    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Boolean => "true or false",
            Self::Decimal => "a number",
            Self::Integer => "a whole number",
            Self::List => "a list of texts in brackets",
            Self::Secret | Self::Text => "a text in quotes",
        }
    }
}

/// Reads a switch as the environment writes it.
pub(super) fn boolean(text: &str) -> Result<bool, ValueError> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(ValueError { problem: "is not a switch", remedy: "write true or false" }),
    }
}

pub(super) const fn type_name(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::Array(_) => "a list",
        toml::Value::Boolean(_) => "a switch",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Float(_) => "a decimal number",
        toml::Value::Integer(_) => "a number",
        toml::Value::String(_) => "a text",
        toml::Value::Table(_) => "a table",
    }
}

/// The setting of this dotted name.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether a section has this name.
pub(super) fn is_section(name: &str) -> bool {
    sections().any(|section| section == name)
}

/// What was probably meant by an unknown dotted key, or by a key at top level.
pub(super) fn suggest(unknown: &str) -> Option<&'static str> {
    let name = unknown.rsplit('.').next().unwrap_or(unknown);
    let paths = || KEYS.iter().map(|key| key.path);
    suggestion::nearest(unknown, paths())
        .or_else(|| paths().find(|path| path.rsplit('.').next() == Some(name)))
        .or_else(|| suggestion::nearest(unknown, sections()))
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.path.split('.').next())
}

const fn boolean_key(path: &'static str, environment: &'static str) -> Key {
    Key { path, environment, kind: Kind::Boolean }
}

const fn integer(path: &'static str, environment: &'static str) -> Key {
    Key { path, environment, kind: Kind::Integer }
}

const fn list(path: &'static str, environment: &'static str) -> Key {
    Key { path, environment, kind: Kind::List }
}

const fn text(path: &'static str, environment: &'static str) -> Key {
    Key { path, environment, kind: Kind::Text }
}

/// Every setting.
pub(super) static KEYS: [Key; 83] = [
    text("server.listen", "COGNITO_AUTH_LISTEN"),
    text("server.admin_listen", "COGNITO_AUTH_ADMIN_LISTEN"),
    text("server.reserved_prefix", "COGNITO_AUTH_RESERVED_PREFIX"),
    list("server.trusted_proxies", "COGNITO_AUTH_TRUSTED_PROXIES"),
    integer("server.trusted_hops", "COGNITO_AUTH_TRUSTED_HOPS"),
    list("server.allowed_origins", "COGNITO_AUTH_ALLOWED_ORIGINS"),
    text("server.drain_delay", "COGNITO_AUTH_DRAIN_DELAY"),
    text("server.drain_deadline", "COGNITO_AUTH_DRAIN_DEADLINE"),
    text("server.keep_alive_timeout", "COGNITO_AUTH_KEEP_ALIVE_TIMEOUT"),
    boolean_key("server.accept_request_id", "COGNITO_AUTH_ACCEPT_REQUEST_ID"),
    text("tls.mode", "COGNITO_AUTH_TLS_MODE"),
    text("tls.certificate_path", "COGNITO_AUTH_TLS_CERTIFICATE_PATH"),
    text("tls.key_path", "COGNITO_AUTH_TLS_KEY_PATH"),
    text("upstream.url", "COGNITO_AUTH_UPSTREAM_URL"),
    text("upstream.preset", "COGNITO_AUTH_UPSTREAM_PRESET"),
    boolean_key("upstream.pass_alb_headers", "COGNITO_AUTH_PASS_ALB_HEADERS"),
    text("upstream.connect_timeout", "COGNITO_AUTH_UPSTREAM_CONNECT_TIMEOUT"),
    text("upstream.response_timeout", "COGNITO_AUTH_UPSTREAM_RESPONSE_TIMEOUT"),
    text("upstream.pool_idle_timeout", "COGNITO_AUTH_UPSTREAM_POOL_IDLE_TIMEOUT"),
    list("alb.arns", "COGNITO_AUTH_ALB_ARNS"),
    list("alb.client_ids", "COGNITO_AUTH_CLIENT_IDS"),
    text("alb.public_keys_url", "COGNITO_AUTH_ALB_PUBLIC_KEYS_URL"),
    text("cognito.user_pool_id", "COGNITO_AUTH_USER_POOL_ID"),
    text("cognito.jwks_url", "COGNITO_AUTH_COGNITO_JWKS_URL"),
    list("identity.issuers", "COGNITO_AUTH_ISSUERS"),
    text("identity.groups_source", "COGNITO_AUTH_GROUPS_SOURCE"),
    text("identity.groups_claim", "COGNITO_AUTH_GROUPS_CLAIM"),
    text("identity.leeway", "COGNITO_AUTH_LEEWAY"),
    text("outgoing.ca_path", "COGNITO_AUTH_OUTGOING_CA_PATH"),
    list("authoriser.allowed_groups", "COGNITO_AUTH_ALLOWED_GROUPS"),
    list("authoriser.allowed_users", "COGNITO_AUTH_ALLOWED_USERS"),
    list("authoriser.allowed_domains", "COGNITO_AUTH_ALLOWED_DOMAINS"),
    boolean_key("authoriser.require_all", "COGNITO_AUTH_REQUIRE_ALL"),
    list("authoriser.admin_groups", "COGNITO_AUTH_ADMIN_GROUPS"),
    list("authoriser.admin_users", "COGNITO_AUTH_ADMIN_USERS"),
    boolean_key("authoriser.require_verified_email", "COGNITO_AUTH_REQUIRE_VERIFIED_EMAIL"),
    boolean_key("authoriser.allow_any_authenticated", "COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED"),
    list("authoriser.public_paths", "COGNITO_AUTH_PUBLIC_PATHS"),
    text("authoriser.config_path", "COGNITO_AUTH_CONFIG_PATH"),
    text("authoriser.secret_name", "COGNITO_AUTH_SECRET_NAME"),
    text("authoriser.ssm_parameter", "COGNITO_AUTH_SSM_PARAMETER"),
    text("authoriser.refresh", "COGNITO_AUTH_REFRESH"),
    integer("limits.max_fields", "COGNITO_AUTH_MAX_FIELDS"),
    text("limits.max_field_size", "COGNITO_AUTH_MAX_FIELD_SIZE"),
    text("limits.max_fields_size", "COGNITO_AUTH_MAX_FIELDS_SIZE"),
    text("limits.max_target_size", "COGNITO_AUTH_MAX_TARGET_SIZE"),
    text("limits.max_body_size", "COGNITO_AUTH_MAX_BODY_SIZE"),
    text("limits.max_upload_size", "COGNITO_AUTH_MAX_UPLOAD_SIZE"),
    list("limits.upload_paths", "COGNITO_AUTH_UPLOAD_PATHS"),
    text("limits.body_idle_timeout", "COGNITO_AUTH_BODY_IDLE_TIMEOUT"),
    integer("limits.max_connections", "COGNITO_AUTH_MAX_CONNECTIONS"),
    integer("limits.max_concurrent_requests", "COGNITO_AUTH_MAX_CONCURRENT_REQUESTS"),
    integer("limits.max_control_frames", "COGNITO_AUTH_MAX_CONTROL_FRAMES"),
    text("limits.head_timeout", "COGNITO_AUTH_HEAD_TIMEOUT"),
    text("limits.write_timeout", "COGNITO_AUTH_WRITE_TIMEOUT"),
    text("limits.credential_cache_size", "COGNITO_AUTH_CREDENTIAL_CACHE_SIZE"),
    text("limits.max_stream_age", "COGNITO_AUTH_MAX_STREAM_AGE"),
    text("limits.stream_idle_timeout", "COGNITO_AUTH_STREAM_IDLE_TIMEOUT"),
    boolean_key("limits.end_streams_at_expiry", "COGNITO_AUTH_END_STREAMS_AT_EXPIRY"),
    text("assertion.header", "COGNITO_AUTH_ASSERTION_HEADER"),
    text("assertion.algorithm", "COGNITO_AUTH_ASSERTION_ALGORITHM"),
    Key { path: "assertion.signing_key", environment: "COGNITO_AUTH_SIGNING_KEY", kind: Kind::Secret },
    text("assertion.issuer", "COGNITO_AUTH_ASSERTION_ISSUER"),
    text("assertion.audience", "COGNITO_AUTH_ASSERTION_AUDIENCE"),
    text("assertion.ttl", "COGNITO_AUTH_ASSERTION_TTL"),
    text("rejection.redirect_url", "COGNITO_AUTH_REDIRECT_URL"),
    text("rejection.mode", "COGNITO_AUTH_REJECTION_MODE"),
    text("rejection.relogin", "COGNITO_AUTH_RELOGIN"),
    text("logout.cognito_domain", "COGNITO_AUTH_LOGOUT_COGNITO_DOMAIN"),
    text("logout.redirect_url", "COGNITO_AUTH_LOGOUT_REDIRECT_URL"),
    text("logout.cookie_name", "COGNITO_AUTH_LOGOUT_COOKIE_NAME"),
    boolean_key("dev.mode", "COGNITO_AUTH_DEV_MODE"),
    text("dev.mock_user", "COGNITO_AUTH_DEV_CONFIG"),
    text("logging.format", "COGNITO_AUTH_LOG_FORMAT"),
    text("logging.level", "COGNITO_AUTH_LOG_LEVEL"),
    boolean_key("logging.access", "COGNITO_AUTH_LOG_ACCESS"),
    boolean_key("logging.emails", "COGNITO_AUTH_LOG_EMAILS"),
    text("logging.emf_namespace", "COGNITO_AUTH_LOG_EMF_NAMESPACE"),
    boolean_key("logging.audit", "COGNITO_AUTH_LOG_AUDIT"),
    text("tracing.endpoint", "COGNITO_AUTH_TRACING_ENDPOINT"),
    Key { path: "tracing.sample_ratio", environment: "COGNITO_AUTH_TRACING_SAMPLE_RATIO", kind: Kind::Decimal },
    text("tracing.service_name", "COGNITO_AUTH_TRACING_SERVICE_NAME"),
    boolean_key("tracing.accept_parent", "COGNITO_AUTH_TRACING_ACCEPT_PARENT"),
];
