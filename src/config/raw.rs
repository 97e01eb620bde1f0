//! The settings as written, all layers merged: texts, numbers and switches, not yet parsed. Mirrors
//! `config/default.toml`; what has no default there is an `Option` here.

use serde::Deserialize;

use super::Secret;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) server: Server,
    pub(super) tls: Tls,
    pub(super) upstream: Upstream,
    #[serde(default)]
    pub(super) alb: Alb,
    #[serde(default)]
    pub(super) cognito: Cognito,
    pub(super) identity: Identity,
    #[serde(default)]
    pub(super) outgoing: Outgoing,
    pub(super) authoriser: Authoriser,
    pub(super) limits: Limits,
    pub(super) assertion: Assertion,
    pub(super) rejection: Rejection,
    pub(super) logout: Logout,
    pub(super) dev: Dev,
    pub(super) logging: Logging,
    pub(super) tracing: Tracing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) listen: String,
    pub(super) admin_listen: String,
    pub(super) reserved_prefix: String,
    pub(super) trusted_proxies: Vec<String>,
    pub(super) trusted_hops: i64,
    pub(super) allowed_origins: Vec<String>,
    pub(super) drain_delay: String,
    pub(super) drain_deadline: String,
    pub(super) keep_alive_timeout: String,
    pub(super) accept_request_id: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) mode: String,
    pub(super) certificate_path: Option<String>,
    pub(super) key_path: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upstream {
    pub(super) url: String,
    pub(super) preset: String,
    pub(super) pass_alb_headers: bool,
    pub(super) connect_timeout: String,
    pub(super) response_timeout: String,
    pub(super) pool_idle_timeout: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alb {
    pub(super) arns: Option<Vec<String>>,
    pub(super) client_ids: Option<Vec<String>>,
    pub(super) public_keys_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cognito {
    pub(super) user_pool_id: Option<String>,
    pub(super) jwks_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) issuers: Option<Vec<String>>,
    pub(super) groups_source: String,
    pub(super) groups_claim: String,
    pub(super) leeway: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outgoing {
    pub(super) ca_path: Option<String>,
}

#[expect(clippy::struct_excessive_bools, reason = "the file's own form; they become enums in the parsed section")]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authoriser {
    pub(super) allowed_groups: Vec<String>,
    pub(super) allowed_users: Vec<String>,
    pub(super) allowed_domains: Vec<String>,
    pub(super) require_all: bool,
    pub(super) admin_groups: Vec<String>,
    pub(super) admin_users: Vec<String>,
    pub(super) require_verified_email: bool,
    pub(super) allow_any_authenticated: bool,
    pub(super) public_paths: Vec<String>,
    pub(super) config_path: Option<String>,
    pub(super) secret_name: Option<String>,
    pub(super) ssm_parameter: Option<String>,
    pub(super) refresh: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) max_fields: i64,
    pub(super) max_field_size: String,
    pub(super) max_fields_size: String,
    pub(super) max_target_size: String,
    pub(super) max_body_size: String,
    pub(super) max_upload_size: String,
    pub(super) upload_paths: Vec<String>,
    pub(super) body_idle_timeout: String,
    pub(super) max_connections: i64,
    pub(super) max_concurrent_requests: i64,
    pub(super) max_control_frames: i64,
    pub(super) head_timeout: String,
    pub(super) write_timeout: String,
    pub(super) credential_cache_size: String,
    pub(super) max_stream_age: String,
    pub(super) stream_idle_timeout: String,
    pub(super) end_streams_at_expiry: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assertion {
    pub(super) header: String,
    pub(super) algorithm: String,
    pub(super) signing_key: Option<Secret>,
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) ttl: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rejection {
    pub(super) redirect_url: Option<String>,
    pub(super) mode: String,
    pub(super) relogin: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logout {
    pub(super) cognito_domain: Option<String>,
    pub(super) redirect_url: Option<String>,
    pub(super) cookie_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dev {
    pub(super) mode: bool,
    pub(super) mock_user: Option<String>,
}

#[expect(clippy::struct_excessive_bools, reason = "the file's own form; they become enums in the parsed section")]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Logging {
    pub(super) format: String,
    pub(super) level: String,
    pub(super) access: bool,
    pub(super) emails: bool,
    pub(super) emf_namespace: Option<String>,
    pub(super) audit: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tracing {
    pub(super) endpoint: Option<String>,
    pub(super) sample_ratio: f64,
    pub(super) service_name: String,
    pub(super) accept_parent: bool,
}
