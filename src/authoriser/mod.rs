//! Step 7: may they?

mod permit;
mod policy;
mod reload;
mod rule;
mod tenure;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::{ArcSwap, Guard};
use thiserror::Error;
use tokio::sync::watch;
use tracing::{Level, debug, enabled};

use self::{permit::Decision, reload::Origin, rule::Rules};
pub use self::{
    permit::{Authorised, Permit},
    policy::{PolicyError, ReadError},
    reload::{AwsProblem, CredentialsRefusal, Following, KeptPolicy, PolicyPlace},
    rule::{Grant, Rule, Standing},
    tenure::{Tenure, Tenures},
};
use crate::{
    authenticator::{Identity, Profile},
    config,
};

/// One complete policy. It never changes: another policy is another value.
#[derive(Debug)]
pub struct Authoriser {
    number: Number,
    admins: Vec<Box<dyn Rule>>,
    rules: Rules,
}

/// The number of a policy, which no other policy of this process ever has: a decision that bears it is this policy's.
#[derive(Debug)]
struct Number(u64);

impl Number {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Authoriser {
    /// Asks whether the policy admits this user. Admins pass every rule.
    ///
    /// A yes is kept beside the credential for the next request that presents it, and counts for this policy only. A no is
    /// not kept: it would save little beside what a refusal costs anyway.
    pub fn authorise(&self, identity: Identity) -> Result<Authorised, Denial> {
        let kept = identity.memo().recall(|kept: &Arc<Decision>| kept.is_of(self.number.0).then(|| Arc::clone(kept)));
        let decision = match kept {
            Some(decision) => decision,
            None => self.decide(&identity)?,
        };
        Ok(Authorised::assertion(identity, decision))
    }

    fn decide(&self, identity: &Identity) -> Result<Arc<Decision>, Denial> {
        let profile = identity.profile();
        match self.grant(profile) {
            Some(granted_by) => {
                let decision = Arc::new(Decision::new(self.number.0, granted_by));
                identity.memo().note(Arc::clone(&decision));
                Ok(decision)
            }
            None => {
                if enabled!(Level::DEBUG) {
                    let unmet: Vec<&str> =
                        self.rules().filter(|rule| rule.grant(profile).is_none()).map(Rule::name).collect();
                    debug!(sub = %profile.subject, rules = ?unmet, "rules that did not match");
                }
                Err(Denial { profile: Arc::clone(profile) })
            }
        }
    }

    /// What would admit this user, without making a proof of it: for explaining a policy. `None`: they are refused.
    #[must_use]
    pub fn grant(&self, profile: &Profile) -> Option<Grant> {
        self.admins.iter().find_map(|rule| rule.grant(profile)).or_else(|| self.rules.grant(profile))
    }

    /// Every rule that is set, admins first.
    pub fn rules(&self) -> impl Iterator<Item = &dyn Rule> {
        self.admins.iter().map(AsRef::as_ref).chain(self.rules.iter())
    }
}

/// No rule admits this user.
#[derive(Debug, Error)]
#[error("no rule admits this user")]
pub struct Denial {
    profile: Arc<Profile>,
}

impl Denial {
    /// Whom: the subject, which logs may name.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.profile.subject
    }
}

/// The policy in force, exchanged as a whole while requests go on.
#[derive(Debug)]
pub struct LiveAuthoriser {
    in_force: ArcSwap<Authoriser>,
    replacements: watch::Sender<()>,
}

impl LiveAuthoriser {
    /// Puts `authoriser` in force.
    #[must_use]
    pub fn from_authoriser(authoriser: Authoriser) -> Self {
        Self { in_force: ArcSwap::from_pointee(authoriser), replacements: watch::Sender::new(()) }
    }

    /// The policy in force: one snapshot per request, so that none sees half of two policies.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Authoriser>> {
        self.in_force.load()
    }

    /// Puts another policy in force. Requests that hold a snapshot keep it; streams are judged anew ([`Tenure`]).
    pub fn replace(&self, authoriser: Authoriser) {
        self.in_force.store(Arc::new(authoriser));
        self.replacements.send_replace(());
    }

    /// Tells of every [`LiveAuthoriser::replace`] from now on.
    fn replacements(&self) -> watch::Receiver<()> {
        self.replacements.subscribe()
    }
}

/// The policy the process starts with, and where it is to be followed.
#[derive(Debug)]
pub struct Initial {
    /// The policy.
    pub live: LiveAuthoriser,
    /// Where it came from.
    pub origin: PolicyOrigin,
}

/// Where the policy in force came from.
#[derive(Debug)]
pub enum PolicyOrigin {
    /// The configuration: it does not change.
    Configuration,
    /// A file, secret or parameter of its own: it is followed.
    Kept(Box<KeptPolicy>),
}

/// The policy the process starts with. One that cannot be read or is no policy is an error: there is no last good one yet.
///
/// # Errors
/// What is wrong with it, and where it is kept.
pub async fn initial(section: &config::Authoriser) -> Result<Initial, PolicyError> {
    let (authoriser, origin) = match reload::open(section).await? {
        Origin::Configuration(rules) => {
            (Authoriser::from_rules(rules, section.when_empty, section.email_rules)?, PolicyOrigin::Configuration)
        }
        Origin::Kept(kept, authoriser) => (authoriser, PolicyOrigin::Kept(kept)),
    };
    Ok(Initial { live: LiveAuthoriser::from_authoriser(authoriser), origin })
}
