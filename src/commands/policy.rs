//! The policy as a command sees it that does not serve: what `run` would start with, wherever it is kept.

use crate::{
    authoriser::{self, LiveAuthoriser, PolicyError},
    config::Config,
};

/// Loads the policy `run` would start with. Async because a policy may be kept somewhere that has to be asked.
pub(super) async fn load(config: &Config) -> Result<LiveAuthoriser, PolicyError> {
    authoriser::initial(&config.authoriser).await.map(|initial| initial.live)
}
