//! The `[alb]`, `[cognito]` and `[identity]` sections: what makes a presented token good.

use std::time::Duration;

use crate::config::{AlbArn, Authorities, ClientId, KeysUrl};

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
