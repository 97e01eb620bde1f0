//! Watches over an answer that goes on: says when it has to end.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    authoriser::Tenure,
    config::IdleLimit,
    metrics::{EndReason, StreamKind},
};

/// The watch over one answer. Until the answer makes somebody wait, or has more than one part, there is nothing to watch,
/// and it costs nothing.
pub(super) struct Vigil {
    tenure: Tenure,
    watch: Option<Pin<Box<Watch>>>,
    parts: Parts,
}

/// How much of the answer has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    None,
    Some,
}

/// What is watched for.
struct Watch {
    end: Pin<Box<dyn Future<Output = EndReason> + Send>>,
    idle: Option<Pin<Box<Sleep>>>,
    /// Since when nothing has passed; `None` while something does.
    silent_since: Option<Instant>,
}

impl Vigil {
    pub(super) const fn new(tenure: Tenure) -> Self {
        Self { tenure, watch: None, parts: Parts::None }
    }

    /// Something passed. Ready where the answer has to end nevertheless: a user who is no longer admitted gets nothing
    /// more, however much there is.
    ///
    /// A client that takes so little at a time that there is always more for it never makes anybody wait, so an answer is
    /// watched from its second part on in any case.
    pub(super) fn passed(&mut self, context: &mut Context<'_>) -> Poll<EndReason> {
        if self.watch.is_none() && std::mem::replace(&mut self.parts, Parts::Some) == Parts::None {
            return Poll::Pending;
        }
        let watch = self.watch();
        watch.silent_since = None;
        watch.end.as_mut().poll(context)
    }

    /// Nothing is there to pass. Ready when the answer has to end.
    pub(super) fn waits(&mut self, context: &mut Context<'_>) -> Poll<EndReason> {
        let idle_limit = self.tenure.idle_limit();
        let watch = self.watch();
        if let Poll::Ready(reason) = watch.end.as_mut().poll(context) {
            return Poll::Ready(reason);
        }
        match idle_limit {
            IdleLimit::Off => Poll::Pending,
            IdleLimit::After(limit) => {
                let until = *watch.silent_since.get_or_insert_with(Instant::now) + limit;
                let idle = watch.idle.get_or_insert_with(|| Box::pin(sleep_until(until)));
                if idle.deadline() != until {
                    idle.as_mut().reset(until);
                }
                ready!(idle.as_mut().poll(context));
                Poll::Ready(EndReason::Idle)
            }
        }
    }

    /// The watch, which begins now if it has not begun.
    fn watch(&mut self) -> &mut Watch {
        let tenure = &self.tenure;
        self.watch
            .get_or_insert_with(|| Box::pin(Watch { end: Box::pin(tenure.end()), idle: None, silent_since: None }))
    }

    /// Counts that the answer was ended.
    pub(super) fn ended(&self, kind: StreamKind, reason: EndReason) {
        self.tenure.ended(kind, reason);
    }
}

impl std::fmt::Debug for Vigil {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Vigil").field("tenure", &self.tenure).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use tokio::time::{advance, timeout};

    use super::*;
    use crate::config::{StreamExpiry, StreamLimits};

    const LIMIT: Duration = Duration::from_secs(60);

    fn vigil(idle: IdleLimit) -> Vigil {
        let limits = StreamLimits { age: LIMIT * 100, idle, expiry: StreamExpiry::Ignored };
        Vigil::new(Tenure::for_tests(limits))
    }

    async fn waits(vigil: &mut Vigil, so_long: Duration) -> Option<EndReason> {
        timeout(so_long, poll_fn(|context| vigil.waits(context))).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_an_answer_and_whatever_passes_begins_it_anew() {
        let mut vigil = vigil(IdleLimit::After(LIMIT));
        for _ in 0..5 {
            assert_eq!(waits(&mut vigil, LIMIT * 9 / 10).await, None);
            assert_eq!(poll_fn(|context| Poll::Ready(vigil.passed(context))).await, Poll::Pending);
        }
        // Time in which the client did not ask for more is not the application's silence.
        advance(LIMIT * 2).await;
        assert_eq!(waits(&mut vigil, LIMIT * 9 / 10).await, None);
        assert_eq!(waits(&mut vigil, LIMIT).await, Some(EndReason::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_makes_anybody_wait_ends_as_well() {
        let mut vigil = vigil(IdleLimit::Off);
        advance(LIMIT * 100).await;
        let first = poll_fn(|context| Poll::Ready(vigil.passed(context))).await;
        assert_eq!(first, Poll::Pending, "most answers have no second part");
        let second = poll_fn(|context| Poll::Ready(vigil.passed(context))).await;
        assert_eq!(second, Poll::Ready(EndReason::Age));
    }

    #[tokio::test(start_paused = true)]
    async fn without_that_limit_only_age_ends_it() {
        let mut vigil = vigil(IdleLimit::Off);
        assert_eq!(waits(&mut vigil, LIMIT * 99).await, None);
        assert_eq!(waits(&mut vigil, LIMIT).await, Some(EndReason::Age));
    }
}
