//! What is known of a source: what of it is in force, and what was not taken and said so.

use super::{
    pace::Found,
    source::{Glimpse, Writing},
};

/// What is known of the source.
#[derive(Debug)]
pub(super) struct Seen {
    in_force: Vec<u8>,
    /// What was judged last, if it was not taken.
    refused: Option<Glimpse>,
    /// What was seen by the last look only.
    unsettled: Option<Glimpse>,
}

/// What a look brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Something to judge.
    Change(Glimpse),
    /// What was judged last.
    None,
    /// What is in force, after something that was not taken.
    Recovery,
    /// Something else, which may still be being written.
    Unsettled,
}

impl Seen {
    pub(super) const fn of(in_force: Vec<u8>) -> Self {
        Self { in_force, refused: None, unsettled: None }
    }

    /// What `glimpse` brings. A source that can be caught while it is written has to be seen twice alike.
    pub(super) fn look(&mut self, glimpse: Glimpse, writing: Writing) -> News {
        let before = self.unsettled.take();
        let is_in_force = glimpse.as_ref().is_ok_and(|content| *content == self.in_force);
        match &self.refused {
            None if is_in_force => return News::None,
            Some(refused) if *refused == glimpse => return News::None,
            None | Some(_) => {}
        }
        if writing == Writing::InPlace && before.as_ref() != Some(&glimpse) {
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
    pub(super) fn take(&mut self, content: Vec<u8>) {
        *self = Self::of(content);
    }

    /// Notes that the change was not taken.
    pub(super) fn refuse(&mut self, glimpse: Glimpse) {
        self.refused = Some(glimpse);
    }

    pub(super) const fn found(&self) -> Found {
        if self.refused.is_some() { Found::Trouble } else { Found::Good }
    }
}
