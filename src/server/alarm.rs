//! A timer that costs nothing until somebody has to wait.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Wakes the task that waits for a moment. Made when it is first needed, used again after.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether `moment` has come; if not, the task of `context` is woken then.
    pub(super) fn rings(&mut self, moment: Instant, context: &mut Context<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(moment)));
        if sleep.deadline() != moment {
            sleep.as_mut().reset(moment);
        }
        sleep.as_mut().poll(context).is_ready()
    }

    #[cfg(test)]
    pub(super) const fn was_made(&self) -> bool {
        self.0.is_some()
    }
}

/// How long something has been pending without a bit of progress.
#[derive(Debug, Default)]
pub(super) struct Stall {
    until: Option<Instant>,
    alarm: Alarm,
}

impl Stall {
    /// Takes note of what came of an attempt. Whether it has been pending for `patience`.
    pub(super) fn lasts<T>(&mut self, attempt: &Poll<T>, patience: Duration, context: &mut Context<'_>) -> bool {
        match attempt {
            Poll::Ready(_) => {
                self.until = None;
                false
            }
            Poll::Pending => {
                let until = *self.until.get_or_insert_with(|| Instant::now() + patience);
                self.alarm.rings(until, context)
            }
        }
    }

    /// Whether the last attempt is still pending.
    pub(super) const fn is_on(&self) -> bool {
        self.until.is_some()
    }
}
