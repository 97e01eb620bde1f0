//! How long a permit lasts for what goes on after its request was answered: a WebSocket, an event stream, a download.
//!
//! Such a stream outlives the tokens it began with. It ends when the policy no longer says of its user what it said at
//! the beginning, when it has lived long enough, where so configured with the access token, and with the process.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::HeaderValue;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{LiveAuthoriser, Permit, Standing};
use crate::{
    authenticator::Profile,
    config::{IdleLimit, StreamExpiry, StreamLimits},
    metrics::{EndReason, Metrics, OpenStream, StreamKind},
    telemetry::AUDIT,
};

/// Gives every permit its tenure.
#[derive(Debug)]
pub struct Tenures {
    policy: Arc<LiveAuthoriser>,
    limits: StreamLimits,
    draining: CancellationToken,
    metrics: Arc<Metrics>,
}

/// The time one permit lasts. Costs next to nothing until somebody waits for its end.
#[derive(Debug, Clone)]
pub struct Tenure {
    terms: Arc<Tenures>,
    holder: Holder,
    began: Instant,
}

/// Whose permit it is.
#[derive(Debug, Clone)]
enum Holder {
    /// Nobody's in particular: the path is public.
    Anyone,
    /// The user's, who was told to the application with this standing, in the request of this id.
    User(Arc<Profile>, Standing, HeaderValue),
}

impl Tenures {
    /// Tenures under the policy in force; all end when `draining` is cancelled.
    #[must_use]
    pub const fn new(
        policy: Arc<LiveAuthoriser>,
        limits: StreamLimits,
        draining: CancellationToken,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { policy, limits, draining, metrics }
    }

    /// The tenure of `permit`, which begins now, for the request of this id.
    pub fn begin(self: &Arc<Self>, permit: &Permit, request_id: &HeaderValue) -> Tenure {
        let holder = match permit {
            Permit::Public(_) => Holder::Anyone,
            Permit::User(authorised) => {
                Holder::User(Arc::clone(authorised.profile()), authorised.standing(), request_id.clone())
            }
        };
        Tenure { terms: Arc::clone(self), holder, began: Instant::now() }
    }
}

impl Tenure {
    /// When the permit was given.
    #[must_use]
    pub const fn began(&self) -> Instant {
        self.began
    }

    /// Completes when the stream has to end, with the reason. Never, while it may go on.
    ///
    /// The policy is asked once at the first poll, so that a change between the request's decision and now counts, and
    /// then whenever it is replaced.
    pub fn end(&self) -> impl Future<Output = EndReason> + Send + use<> {
        let (terms, holder) = (Arc::clone(&self.terms), self.holder.clone());
        let (until, reason) = self.latest();
        async move {
            // Listens before it judges: no replacement falls between the two.
            let mut replacements = terms.policy.replacements();
            loop {
                if !holder.is_still_admitted(&terms.policy) {
                    return EndReason::Revoked;
                }
                tokio::select! {
                    biased;
                    () = terms.draining.cancelled() => return EndReason::Drain,
                    () = sleep_until(until) => return reason,
                    // An error means that nothing is replaced any more.
                    Ok(()) = replacements.changed() => {}
                }
            }
        }
    }

    /// Whether it goes on now: for who looks now and then, and does not wait for the end.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        let (until, _) = self.latest();
        Instant::now() < until && self.holder.is_still_admitted(&self.terms.policy)
    }

    /// How long nothing may pass on the stream.
    #[must_use]
    pub fn idle_limit(&self) -> IdleLimit {
        self.terms.limits.idle
    }

    /// Counts that a stream is open, until the count is dropped.
    #[must_use]
    pub fn open(&self, kind: StreamKind) -> OpenStream {
        OpenStream::begin(Arc::clone(&self.terms.metrics), kind)
    }

    /// Where what passes is counted.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.terms.metrics
    }

    /// Counts that the stream was ended. That its user lost it is for audits to know.
    pub fn ended(&self, kind: StreamKind, reason: EndReason) {
        self.terms.metrics.stream_ended(kind, reason);
        if let (EndReason::Revoked, Holder::User(profile, _, request_id)) = (reason, &self.holder) {
            let request_id = request_id.to_str().unwrap_or_default();
            info!(target: AUDIT, request_id, kind = kind.name(), subject = profile.subject, "stream revoked");
        }
    }

    /// When the stream has to end in any case, and why.
    fn latest(&self) -> (Instant, EndReason) {
        let by_age = self.began + self.terms.limits.age;
        match (&self.holder, self.terms.limits.expiry) {
            (Holder::User(profile, ..), StreamExpiry::Ends) => match expiry(profile.session_expires_at) {
                Some(at) if at < by_age => (at, EndReason::Expired),
                Some(_) | None => (by_age, EndReason::Age),
            },
            (Holder::User(..), StreamExpiry::Ignored) | (Holder::Anyone, _) => (by_age, EndReason::Age),
        }
    }
}

impl Holder {
    /// Whether the policy in force says what the application was told. An admin who is admitted as a member now is not
    /// who the application takes them for.
    fn is_still_admitted(&self, policy: &LiveAuthoriser) -> bool {
        match self {
            Self::Anyone => true,
            Self::User(profile, standing, _) => {
                policy.load().grant(profile).is_some_and(|grant| grant.standing() == *standing)
            }
        }
    }
}

/// The moment of a wall-clock time; `None` beyond what can be waited for.
fn expiry(at: u64) -> Option<Instant> {
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(at))?;
    let left = at.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now().checked_add(left)
}

#[cfg(test)]
impl Tenure {
    /// The tenure of a public path under these limits, in a process that goes on, for the tests of what waits for it.
    pub(crate) fn for_tests(limits: StreamLimits) -> Self {
        let rules = crate::config::PolicyRules {
            allowed_groups: vec!["staff".to_owned()],
            ..crate::config::PolicyRules::default()
        };
        let policy = super::Authoriser::from_rules(&rules, Default::default(), Default::default()).unwrap();
        let policy = Arc::new(LiveAuthoriser::from_authoriser(policy));
        let terms = Tenures::new(policy, limits, CancellationToken::new(), Arc::default());
        Self { terms: Arc::new(terms), holder: Holder::Anyone, began: Instant::now() }
    }

    /// The same of a user with these groups, whose session ends then.
    fn of(self, groups: &[&str], session_expires_at: u64) -> Self {
        let profile = Profile { session_expires_at, ..super::tests::user("ann@corp.com", groups) };
        Self { holder: Holder::User(Arc::new(profile), Standing::Member, HeaderValue::from_static("1")), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn limits(expiry: StreamExpiry) -> StreamLimits {
        StreamLimits { age: HOUR, idle: IdleLimit::Off, expiry }
    }

    fn seconds_from_now(seconds: u64) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds
    }

    async fn lasts(tenure: &Tenure) -> (Duration, EndReason) {
        let began = Instant::now();
        let reason = tenure.end().await;
        (began.elapsed(), reason)
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_by_age_for_everybody() {
        let anyone = Tenure::for_tests(limits(StreamExpiry::Ends));
        assert!(anyone.goes_on());
        assert_eq!(lasts(&anyone).await, (HOUR, EndReason::Age));
        assert!(!anyone.goes_on());
        let user = Tenure::for_tests(limits(StreamExpiry::Ignored)).of(&["staff"], 1);
        assert_eq!(lasts(&user).await, (HOUR, EndReason::Age));
        // The age counts from the request, and not from when somebody first waits.
        assert_eq!(lasts(&user).await, (Duration::ZERO, EndReason::Age));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_session_where_that_comes_first() {
        let ends = |at| Tenure::for_tests(limits(StreamExpiry::Ends)).of(&["staff"], at);
        let (after, reason) = lasts(&ends(seconds_from_now(600))).await;
        assert!(reason == EndReason::Expired && after > Duration::from_secs(590) && after <= Duration::from_secs(600));
        assert_eq!(lasts(&ends(1)).await, (Duration::ZERO, EndReason::Expired));
        assert_eq!(lasts(&ends(seconds_from_now(7200))).await, (HOUR, EndReason::Age));
        assert_eq!(lasts(&ends(u64::MAX)).await, (HOUR, EndReason::Age));
    }

    #[tokio::test(start_paused = true)]
    async fn a_policy_that_changed_before_anybody_waited_counts() {
        let user = Tenure::for_tests(limits(StreamExpiry::Ignored)).of(&["strangers"], u64::MAX);
        assert!(!user.goes_on());
        assert_eq!(lasts(&user).await, (Duration::ZERO, EndReason::Revoked));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_process_ends_everything() {
        let user = Tenure::for_tests(limits(StreamExpiry::Ignored)).of(&["staff"], u64::MAX);
        user.terms.draining.cancel();
        assert_eq!(lasts(&user).await, (Duration::ZERO, EndReason::Drain));
    }
}
