//! So many of something a minute, and so many at once: a bucket that fills again all the time.

use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// How much may still be taken. It is kept as the time at which the bucket is full again (GCRA): one number, and nothing
/// runs while nobody takes.
#[derive(Debug)]
pub(super) struct Allowance {
    /// How long one takes to fill in again.
    each: Duration,
    /// When the bucket is full, or was.
    full_at: Option<Instant>,
}

/// There is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent;

impl Allowance {
    /// So many a minute, and as many at once.
    pub(super) fn a_minute(most: u32) -> Self {
        Self { each: MINUTE / most.max(1), full_at: None }
    }

    /// Takes `number`.
    pub(super) fn take(&mut self, number: u32, now: Instant) -> Result<(), Spent> {
        let begin = self.full_at.map_or(now, |full_at| full_at.max(now));
        let full_at = begin.checked_add(self.each.saturating_mul(number)).ok_or(Spent)?;
        self.full_at = Some(full_at);
        if full_at.duration_since(now) > MINUTE { Err(Spent) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn as_many_at_once_as_in_a_minute_and_no_more() {
        let (mut allowance, now) = (Allowance::a_minute(60), Instant::now());
        for _ in 0..60 {
            allowance.take(1, now).unwrap();
        }
        assert_eq!(allowance.take(1, now), Err(Spent));
    }

    #[tokio::test(start_paused = true)]
    async fn it_fills_again_bit_by_bit_and_not_beyond_the_brim() {
        let (mut allowance, now) = (Allowance::a_minute(60), Instant::now());
        allowance.take(60, now).unwrap();
        allowance.take(1, now + SECOND).unwrap();
        allowance.take(60, now + SECOND * 1000).unwrap();
        assert_eq!(allowance.take(1, now + SECOND * 1000), Err(Spent));
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_rate_below_it_goes_on_for_ever() {
        let (mut allowance, now) = (Allowance::a_minute(60), Instant::now());
        for second in 0..10_000 {
            allowance.take(1, now + SECOND * second).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_is_too_many_and_none_overflows() {
        for most in [0, 1, 1 << 24, u32::MAX] {
            let (mut allowance, now) = (Allowance::a_minute(most), Instant::now());
            allowance.take(1, now).unwrap();
            if most < u32::MAX {
                assert_eq!(allowance.take(u32::MAX, now), Err(Spent), "{most}");
            }
        }
    }
}
