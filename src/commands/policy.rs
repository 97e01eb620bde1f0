//! The policy as a command sees it that does not serve: what `run` would start with, wherever it is kept.

use crate::{
    authoriser::{self, LiveAuthoriser, PolicyError},
    config::Config,
};

/// Loads the policy `run` would start with. Async because a policy may be kept somewhere that has to be asked.
#[expect(clippy::unused_async, reason = "where a policy is asked for over the network, this waits")]
pub(super) async fn load(config: &Config) -> Result<LiveAuthoriser, PolicyError> {
    authoriser::initial(&config.authoriser).map(|initial| initial.live)
}
