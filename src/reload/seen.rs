//! What is known of a source that is read again and again: what of it is in force, what of it was not taken, and what has
//! yet to settle.

/// What is known of a source, by what its looks gave. Two looks that gave the same are equal.
#[derive(Debug)]
pub struct Seen<Glimpse> {
    in_force: Glimpse,
    /// What was judged last, if it was not taken.
    refused: Option<Glimpse>,
    /// What was seen by the last look only.
    unsettled: Option<Glimpse>,
}

/// Why there is a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It is time.
    Due,
    /// Somebody says that the source is as it should be, and wants to hear what becomes of it.
    Wished,
}

/// Whether what was read can be half of what is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Whoever writes is seen to write.
    InPlace,
    /// A read sees all of a version.
    Whole,
}

/// What a look brought.
#[derive(Debug, PartialEq, Eq)]
pub enum News<Glimpse> {
    /// Something to judge.
    Change(Glimpse),
    /// What was judged last.
    None,
    /// What is in force, after something that was not taken.
    Recovery,
    /// Something else, which may still be being written.
    Unsettled,
}

/// How the last judgement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// What was there is in force.
    Good,
    /// Nothing that could be taken.
    Trouble,
}

impl<Glimpse: PartialEq> Seen<Glimpse> {
    /// A source that was read once, and what it gave is in force.
    #[must_use]
    pub const fn of(in_force: Glimpse) -> Self {
        Self { in_force, refused: None, unsettled: None }
    }

    /// What `glimpse` brings. It has to be seen twice alike, unless it is known to be whole or somebody vouches for it. What
    /// was refused is news again for whoever asks.
    pub fn look(&mut self, glimpse: Glimpse, occasion: Occasion, writing: Writing) -> News<Glimpse> {
        let before = self.unsettled.take();
        let is_in_force = glimpse == self.in_force;
        match &self.refused {
            None if is_in_force => return News::None,
            Some(refused) if *refused == glimpse => {
                return match occasion {
                    Occasion::Due => News::None,
                    Occasion::Wished => News::Change(glimpse),
                };
            }
            None | Some(_) => {}
        }
        let is_settled = match (occasion, writing) {
            (Occasion::Wished, _) | (_, Writing::Whole) => true,
            (Occasion::Due, Writing::InPlace) => before.as_ref() == Some(&glimpse),
        };
        if !is_settled {
            self.unsettled = Some(glimpse);
            return News::Unsettled;
        }
        if is_in_force {
            self.refused = None;
            return News::Recovery;
        }
        News::Change(glimpse)
    }

    /// Notes that the change was taken.
    pub fn take(&mut self, glimpse: Glimpse) {
        *self = Self::of(glimpse);
    }

    /// Notes that the change was not taken.
    pub fn refuse(&mut self, glimpse: Glimpse) {
        self.refused = Some(glimpse);
    }

    /// How the last judgement ended.
    #[must_use]
    pub const fn found(&self) -> Found {
        if self.refused.is_some() { Found::Trouble } else { Found::Good }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(seen: &mut Seen<u8>, glimpses: &[u8]) -> Vec<u8> {
        let mut changes = Vec::new();
        for glimpse in glimpses {
            if let News::Change(new) = seen.look(*glimpse, Occasion::Due, Writing::InPlace) {
                changes.push(new);
                seen.take(new);
            }
        }
        changes
    }

    #[test]
    fn what_is_written_in_place_is_news_when_it_has_settled_and_only_once() {
        assert_eq!(changes(&mut Seen::of(1), &[1, 2, 3, 1, 2, 2, 2, 1, 2, 1, 1]), [2, 1]);
    }

    #[test]
    fn what_is_whole_is_news_at_once() {
        let mut seen = Seen::of(1);
        assert_eq!(seen.look(2, Occasion::Due, Writing::Whole), News::Change(2));
    }

    #[test]
    fn a_wish_has_what_is_there_judged_and_what_was_refused_judged_again() {
        let mut seen = Seen::of(1);
        assert_eq!(seen.look(1, Occasion::Wished, Writing::InPlace), News::None);
        assert_eq!(seen.look(2, Occasion::Wished, Writing::InPlace), News::Change(2));
        seen.refuse(2);
        assert_eq!(seen.look(2, Occasion::Due, Writing::InPlace), News::None, "it was told");
        assert_eq!(seen.look(2, Occasion::Wished, Writing::InPlace), News::Change(2));
    }

    #[test]
    fn trouble_lasts_until_something_is_taken_or_what_is_in_force_is_back() {
        let mut seen = Seen::of(1);
        seen.refuse(2);
        assert_eq!(seen.found(), Found::Trouble);
        assert_eq!(seen.look(1, Occasion::Due, Writing::InPlace), News::Unsettled);
        assert_eq!(seen.found(), Found::Trouble);
        assert_eq!(seen.look(1, Occasion::Due, Writing::InPlace), News::Recovery);
        assert_eq!(seen.found(), Found::Good);
        seen.refuse(2);
        seen.take(3);
        assert_eq!(seen.found(), Found::Good);
    }
}
