//! How long something has been pending without a bit of progress.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use crate::alarm::Alarm;

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
