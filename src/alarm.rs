//! A timer that costs nothing until somebody has to wait.

use std::{future::Future, pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

/// Wakes the task that waits for a moment. Made when it is first needed, used again after.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// One that was never set.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Whether `moment` has come; if not, the task of `context` is woken then, or earlier.
    ///
    /// A timer that is to ring earlier stays, and is set anew when it does: moments that are put off again and again cost
    /// next to nothing.
    pub(crate) fn rings(&mut self, moment: Instant, context: &mut Context<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(moment)));
        if sleep.deadline() > moment {
            sleep.as_mut().reset(moment);
        }
        loop {
            if sleep.as_mut().poll(context).is_pending() {
                return false;
            }
            if sleep.deadline() >= moment {
                return true;
            }
            sleep.as_mut().reset(moment);
        }
    }

    /// Wakes the task of `context` within `patience`, again and again for as long as it asks.
    pub(crate) fn keeps_waking(&mut self, patience: Duration, context: &mut Context<'_>) {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        if sleep.as_mut().poll(context).is_ready() {
            sleep.as_mut().reset(Instant::now() + patience);
            let _not_yet = sleep.as_mut().poll(context);
        }
    }

    #[cfg(test)]
    pub(crate) const fn was_made(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn rings(alarm: &mut Alarm, moment: Instant) -> Instant {
        poll_fn(|context| if alarm.rings(moment, context) { Poll::Ready(()) } else { Poll::Pending }).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_it_is_to_however_often_that_was_put_off_or_brought_forward() {
        let (mut alarm, began) = (Alarm::default(), Instant::now());
        for seconds in [10, 30, 20, 5, 7] {
            let rang = poll_fn(|context| Poll::Ready(alarm.rings(began + SECOND * seconds, context))).await;
            assert!(!rang, "{seconds}");
        }
        assert_eq!(rings(&mut alarm, began + SECOND * 8).await, began + SECOND * 8);
        assert_eq!(rings(&mut alarm, began + SECOND * 9).await, began + SECOND * 9);
        assert_eq!(rings(&mut alarm, began).await, began + SECOND * 9, "past is past");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_to_be_woken_again_and_again_is() {
        let (mut alarm, began) = (Alarm::default(), Instant::now());
        let mut woken = Vec::new();
        poll_fn(|context| {
            woken.push(began.elapsed());
            alarm.keeps_waking(SECOND, context);
            if woken.len() == 4 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert_eq!(woken, [0, 1, 2, 3].map(|seconds| SECOND * seconds));
    }
}
