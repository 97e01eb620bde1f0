//! A place beside a value where a later step keeps what it worked out of that value, so that it has nothing to look up.
//!
//! What is kept says what it holds for (a policy, a key, a time), and whoever recalls it checks that.

use std::{any::Any, fmt, sync::Arc};

use arc_swap::ArcSwapOption;

/// One remark. A step knows its own by the type, and has nothing to do with those of others.
#[derive(Default)]
pub struct Memo(ArcSwapOption<Box<dyn Any + Send + Sync>>);

impl Memo {
    /// What `read` makes of the remark, if there is one of this type.
    pub fn recall<T: 'static, R>(&self, read: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        let remark = self.0.load();
        read((***remark.as_ref()?).downcast_ref()?)
    }

    /// Puts a remark in the place of the one before.
    pub fn note<T: Send + Sync + 'static>(&self, remark: T) {
        self.0.store(Some(Arc::new(Box::new(remark))));
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memo(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_remark_is_recalled_by_its_type_and_no_other() {
        let memo = Memo::default();
        assert_eq!(memo.recall(|_: &u64| Some(())), None);
        memo.note(1_u64);
        memo.note(2_u64);
        assert_eq!(memo.recall(|number: &u64| Some(*number)), Some(2));
        assert_eq!(memo.recall(|_: &u32| Some(())), None);
        assert_eq!(memo.recall(|_: &u64| None::<()>), None);
    }
}
