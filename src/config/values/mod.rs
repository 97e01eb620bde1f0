//! Values with a grammar of their own. Each is parsed once and then works; none can hold a value it refused.

mod aws;
mod aws_policy;
mod collector_url;
mod email;
mod keys_url;
mod origin;
mod path_prefix;
mod redirect_url;
mod secure_url;
mod upstream_address;

use thiserror::Error;

pub use aws::{AlbArn, ClientId, UserPoolId};
pub use aws_policy::{AwsPolicy, AwsStore};
pub use collector_url::CollectorUrl;
pub use email::{DomainName, EmailAddress};
pub use keys_url::KeysUrl;
pub use origin::{Origin, split_authority, split_port};
pub use path_prefix::PathPrefix;
pub use redirect_url::RedirectUrl;
pub use upstream_address::UpstreamAddress;

/// Why a value was refused: what is wrong, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{problem}; {remedy}")]
pub struct ValueError {
    /// What is wrong with the value.
    pub problem: &'static str,
    /// What to write instead.
    pub remedy: &'static str,
}

const fn refuse<T>(problem: &'static str, remedy: &'static str) -> Result<T, ValueError> {
    Err(ValueError { problem, remedy })
}
