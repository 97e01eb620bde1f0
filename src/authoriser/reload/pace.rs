//! When to look again: evenly, but not in step with others, and sooner while something is wrong.

use std::time::Duration;

use aws_lc_rs::rand;

use crate::reload::Found;

/// Two reads must agree, so a change is in force after at most two of these and the time to read, below the 5 s that
/// operators are promised.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// After the first look that found something wrong; each further one doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// When the next look is due.
#[derive(Debug)]
pub(super) enum Pace {
    /// Always after the same time: a look costs nothing.
    Steady,
    /// A look costs somebody a request.
    Sparing {
        /// The time between looks while all is well.
        refresh: Duration,
        /// How many looks in a row found something wrong.
        troubles: u32,
    },
}

impl Pace {
    /// Looks every `refresh` or so.
    pub(super) const fn sparing(refresh: Duration) -> Self {
        Self::Sparing { refresh, troubles: 0 }
    }

    /// The time from a look that ended so to the next one.
    pub(super) fn next(&mut self, found: Found) -> Duration {
        match self {
            Self::Steady => PERIOD,
            Self::Sparing { refresh, troubles } => {
                *troubles = match found {
                    Found::Good => 0,
                    Found::Trouble => troubles.saturating_add(1),
                };
                let wait = match troubles.checked_sub(1) {
                    None => *refresh,
                    Some(doublings) => FIRST_RETRY.saturating_mul(2_u32.saturating_pow(doublings)).min(*refresh),
                };
                spread(wait, random())
            }
        }
    }
}

/// `wait`, less or more by up to a tenth, so that a hundred tasks started together do not go on asking together.
fn spread(wait: Duration, random: u16) -> Duration {
    wait.mul_f64(0.9 + 0.2 * f64::from(random) / f64::from(u16::MAX))
}

/// The middle, where the operating system gives nothing: to be in step with others is no reason to stop.
fn random() -> u16 {
    let mut bytes = [0x80, 0];
    let _drawn = rand::fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_spread_by_a_tenth_and_no_more() {
        let wait = Duration::from_secs(300);
        assert_eq!(spread(wait, 0), Duration::from_secs(270));
        assert_eq!(spread(wait, u16::MAX), Duration::from_secs(330));
        let mut pace = Pace::sparing(wait);
        let drawn: Vec<Duration> = (0..50).map(|_| pace.next(Found::Good)).collect();
        assert!(drawn.iter().all(|wait| (270..=330).contains(&wait.as_secs())), "{drawn:?}");
        assert!(drawn.iter().any(|wait| *wait != drawn[0]), "all tasks would ask together");
    }

    #[test]
    fn trouble_is_looked_at_sooner_and_then_less_and_less_often() {
        let mut pace = Pace::sparing(Duration::from_secs(60));
        for about in [5.0, 10.0, 20.0, 40.0, 60.0, 60.0] {
            let wait = pace.next(Found::Trouble).as_secs_f64();
            assert!((0.9 * about..=1.1 * about).contains(&wait), "{wait} is not about {about}");
        }
        assert!(pace.next(Found::Good).as_secs_f64() >= 54.0);
        assert!(pace.next(Found::Trouble).as_secs_f64() <= 5.5, "good again, so the next trouble is a new one");
    }

    #[test]
    fn trouble_is_never_looked_at_less_often_than_what_is_good() {
        let mut pace = Pace::sparing(Duration::from_secs(1));
        for _ in 0..100 {
            assert!(pace.next(Found::Trouble) <= Duration::from_millis(1100));
        }
    }
}
