//! Keeps the policy in force equal to where it is kept: a complete new policy is taken, a broken one never is.
//!
//! A file is read again every second and compared by content. That is one small read a second, it works wherever reading
//! works, and there is nothing to miss: change notices are not sent for a bind-mounted file that was renamed over, for
//! Kubernetes' exchanged symbolic links or for most network file systems, and modification times can go back or stay.
//! A secret or parameter at AWS is read in the same way, now and then.

mod aws;
mod pace;
mod source;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::SystemTime};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use self::{
    aws::AwsSource,
    source::{Glimpse, Named, Source},
};
pub use self::{
    aws::{AwsProblem, CredentialsRefusal},
    source::PolicyPlace,
};
use super::{Authoriser, LiveAuthoriser, PolicyError};
use crate::{
    cause::told,
    config::{self, EmailRules, EmptyPolicy, PolicyRules, PolicySource},
    metrics::{Metrics, ReloadOutcome, Reloaded},
    reload::{News, Occasion, Seen, Wishes},
    telemetry::AUDIT,
};

/// A policy that is kept outside of the configuration, of which one version is in force.
#[derive(Debug)]
pub struct KeptPolicy {
    source: Source,
    seen: Seen<Glimpse>,
    terms: Terms,
}

/// How the text of a policy is meant.
#[derive(Debug, Clone, Copy)]
struct Terms {
    when_empty: EmptyPolicy,
    email_rules: EmailRules,
}

/// What a new policy is told to, and what has it read at once.
#[derive(Debug)]
pub struct Following {
    /// Where the policy in force is.
    pub live: Arc<LiveAuthoriser>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
    /// Where wishes for another look are heard.
    pub wishes: Wishes,
}

/// Where the policy comes from, once it is known to be none of the configuration's own.
pub(super) enum Origin<'a> {
    Configuration(&'a PolicyRules),
    Kept(Box<KeptPolicy>, Authoriser),
}

/// Reads the policy the process starts with, if it is kept elsewhere.
pub(super) async fn open(section: &config::Authoriser) -> Result<Origin<'_>, PolicyError> {
    let source = match &section.policy {
        PolicySource::Aws { kept, authorities } => {
            Source::Aws(Box::new(AwsSource::prepare(kept.clone(), authorities).await))
        }
        PolicySource::File(path) => Source::File(path.clone()),
        PolicySource::Inline(rules) => return Ok(Origin::Configuration(rules)),
    };
    let at_source = |error| PolicyError::Kept { place: source.place(), source: Box::new(error) };
    let content = source.read_first().await.map_err(|error| at_source(error.into()))?;
    let terms = Terms { when_empty: section.when_empty, email_rules: section.email_rules };
    let authoriser = terms.parse(&content).map_err(at_source)?;
    Ok(Origin::Kept(Box::new(KeptPolicy { source, seen: Seen::of(Ok(content)), terms }), authoriser))
}

impl Terms {
    fn parse(self, content: &[u8]) -> Result<Authoriser, PolicyError> {
        Authoriser::from_content(content, self.when_empty, self.email_rules)
    }
}

impl KeptPolicy {
    /// Follows the source until `stop`. Whatever is wrong with it, the last good policy stays in force and the reason is
    /// logged once.
    ///
    /// A file caught while it is rewritten in place is not judged: only content read twice in a row is, or what is there when
    /// somebody wishes for a look. A writer that pauses longer than that in the middle of a file that is a policy up to
    /// there is not noticed; rename over where that matters.
    pub async fn follow(self, following: Following, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow_for_ever(following)).await;
    }

    async fn follow_for_ever(mut self, mut following: Following) {
        let mut pace = self.source.pace();
        loop {
            let occasion = tokio::select! {
                biased;
                () = following.wishes.next() => Occasion::Wished,
                () = sleep(pace.next(self.seen.found())) => Occasion::Due,
            };
            let glimpse = self.source.read().await;
            self.consider(glimpse, occasion, &following);
        }
    }

    fn consider(&mut self, glimpse: Glimpse, occasion: Occasion, following: &Following) {
        let Named { path, secret, parameter } = self.source.named();
        match self.seen.look(glimpse, occasion, self.source.writing()) {
            News::Change(glimpse) => self.judge(glimpse, following),
            News::None if occasion == Occasion::Wished => {
                info!(path, secret, parameter, "policy read again, nothing has changed");
            }
            News::None | News::Unsettled => {}
            News::Recovery => {
                info!(target: AUDIT, path, secret, parameter, "policy good again, it is the one in force");
                following.metrics.reloaded(Reloaded::Policy, ReloadOutcome::Applied);
            }
        }
    }

    fn judge(&mut self, glimpse: Glimpse, following: &Following) {
        let Named { path, secret, parameter } = self.source.named();
        let judged = match &glimpse {
            Ok(content) => self.terms.parse(content),
            Err(problem) => Err(problem.clone().into()),
        };
        match judged {
            Ok(authoriser) => {
                following.live.replace(authoriser);
                self.seen.take(glimpse);
                following.metrics.policy_in_force(SystemTime::now());
                following.metrics.reloaded(Reloaded::Policy, ReloadOutcome::Applied);
                info!(target: AUDIT, path, secret, parameter, "policy applied");
            }
            Err(problem) => {
                self.seen.refuse(glimpse);
                following.metrics.reloaded(Reloaded::Policy, ReloadOutcome::Refused);
                let error = told(&problem);
                error!(target: AUDIT, path, secret, parameter, error, "policy not taken, the last good policy stays in force");
            }
        }
    }
}
