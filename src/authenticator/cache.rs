//! Remembers what verification found: for exactly the bytes it was found for, and on terms that are checked each time.
//!
//! Only successes are kept. What is kept is who somebody *is*; what they may do is the policy's to say.

use std::{
    fmt,
    hash::{BuildHasher, Hasher},
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_lc_rs::{error::Unspecified, rand};
use moka::{policy::EvictionPolicy, sync::Cache};
use rapidhash::quality::SeedableState;

use crate::keys::Trust;

/// Load balancers' tokens live for a few minutes, so that what is older is only in the way. Twice that is
/// the longest time for which an active user causes nobody to ask whether the keys are still the same: a credential may be
/// remembered by an access token that was.
const KEPT_FOR: Duration = Duration::from_mins(5);

/// What an entry takes beside the texts: itself, the cache's own records, the structures of what is kept.
const OVERHEAD: usize = 1536;

/// The complete texts something was verified from. Absent and empty are different.
pub(super) type Texts<'a> = [Option<&'a [u8]>; 3];

/// A memory of verified things, bounded in bytes. That bounds their number too: none takes less than [`OVERHEAD`].
pub(super) struct Remembered<V, S = SeededHash> {
    seeded: S,
    entries: Cache<u64, Arc<Entry<V>>, S>,
}

/// A fast hash with 512 random bits of this process.
///
/// It finds the place of an entry and proves nothing: an entry is believed only where all its bytes are those presented.
/// So two texts of one hash share a place, and never an answer, and a hash that is not cryptographic is enough. Over a
/// credential of 2.7 KB it takes 1,500 instructions; `SipHash` takes 7,200, and SHA-256 in software 59,000.
pub(super) type SeededHash = SeedableState<'static>;

struct Entry<V> {
    texts: [Option<Box<[u8]>>; 3],
    terms: Terms,
    weight: u32,
    value: V,
}

/// On what terms something verified is believed again.
pub(super) struct Terms {
    until: u64,
    keys: [Option<Trust>; 2],
}

impl Terms {
    /// Until `expires_at`, without any leeway (that is for clocks that differ, and not for longer lives), and as long as
    /// each of these keys is trusted that verified it at `now`. `None` where they do not hold even now.
    pub(super) fn new(expires_at: u64, keys: [Option<Trust>; 2], now: u64) -> Option<Self> {
        let trusted = keys.iter().flatten().map(|key| now.saturating_add(key.left().as_secs()));
        let terms = Self { until: trusted.fold(expires_at, u64::min), keys };
        terms.hold(now).then_some(terms)
    }

    fn hold(&self, now: u64) -> bool {
        now < self.until && !self.keys.iter().flatten().any(Trust::is_withdrawn)
    }
}

/// A hash that nobody outside of this process can foresee.
pub(super) fn seeded() -> Result<SeededHash, Unspecified> {
    static SECRETS: OnceLock<[u64; 7]> = OnceLock::new();
    let (seed, secrets) = (random()?, [random()?, random()?, random()?, random()?, random()?, random()?, random()?]);
    Ok(SeededHash::custom(seed, SECRETS.get_or_init(|| secrets)))
}

fn random() -> Result<u64, Unspecified> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

impl<V: Clone + Send + Sync + 'static, S: BuildHasher + Clone + Send + Sync + 'static> Remembered<V, S> {
    /// An empty memory of at most `size` bytes.
    pub(super) fn new(size: u64, seeded: S) -> Self {
        let entries = Cache::builder()
            .max_capacity(size)
            .weigher(|_, entry: &Arc<Entry<V>>| entry.weight)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(KEPT_FOR)
            .build_with_hasher(seeded.clone());
        Self { seeded, entries }
    }

    /// What was verified from these very texts, if its terms hold at `now`.
    ///
    /// Timing tells nothing of the texts of others: bytes are compared only where a hash of the whole text, with a key
    /// that nobody knows, was equal before, and so with next to no text but the same one.
    pub(super) fn find(&self, texts: &Texts<'_>, now: u64) -> Option<V> {
        let entry = self.entries.get(&self.place(texts))?;
        (entry.is_of(texts) && entry.terms.hold(now)).then(|| entry.value.clone())
    }

    /// Remembers a success, which takes `weight` bytes beside its texts.
    pub(super) fn remember(&self, texts: &Texts<'_>, terms: Terms, value: V, weight: usize) {
        let length: usize = texts.iter().flatten().map(|text| text.len()).sum();
        let weight = u32::try_from(OVERHEAD + length + weight).unwrap_or(u32::MAX);
        let entry = Entry { texts: texts.map(|text| text.map(Box::from)), terms, weight, value };
        self.entries.insert(self.place(texts), Arc::new(entry));
    }

    fn place(&self, texts: &Texts<'_>) -> u64 {
        let mut hasher = self.seeded.build_hasher();
        for text in texts {
            // No text is 2^64 - 1 bytes long.
            hasher.write_u64(text.map_or(u64::MAX, |text| text.len() as u64));
            hasher.write(text.unwrap_or_default());
        }
        hasher.finish()
    }
}

impl<V> Entry<V> {
    fn is_of(&self, texts: &Texts<'_>) -> bool {
        self.texts.iter().zip(texts).all(|(kept, presented)| kept.as_deref() == *presented)
    }
}

impl<V, S> fmt::Debug for Remembered<V, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Remembered").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash under which all texts meet.
    #[derive(Clone, Copy, Default)]
    struct AlwaysTheSame;

    impl BuildHasher for AlwaysTheSame {
        type Hasher = Self;

        fn build_hasher(&self) -> Self {
            Self
        }
    }

    impl Hasher for AlwaysTheSame {
        fn finish(&self) -> u64 {
            7
        }

        fn write(&mut self, _: &[u8]) {}
    }

    fn texts<'a>(data: &'a str, access_token: Option<&'a str>, identity: Option<&'a str>) -> Texts<'a> {
        [Some(data), access_token, identity].map(|text| text.map(str::as_bytes))
    }

    fn until(at: u64) -> Terms {
        Terms::new(at, [None, None], 0).unwrap()
    }

    /// Texts that are alike: other bytes, bytes that moved to the neighbour, absent and empty, a part of another.
    const ALIKE: [[Option<&str>; 3]; 13] = [
        [Some("ab"), Some("cd"), Some("ef")],
        [Some("ac"), Some("cd"), Some("ef")],
        [Some("ab"), Some("cc"), Some("ef")],
        [Some("ab"), Some("cd"), Some("ee")],
        [Some("abc"), Some("d"), Some("ef")],
        [Some("ab"), Some("cde"), Some("f")],
        [Some("ab"), Some("cdef"), Some("")],
        [Some("ab"), Some("cdef"), None],
        [Some("ab"), None, Some("cdef")],
        [Some("ab"), Some(""), Some("cdef")],
        [Some("abcdef"), None, None],
        [Some("ab"), Some("cd"), Some("ef=")],
        [Some("a"), Some("cd"), Some("ef")],
    ];

    fn nothing_answers_for_anything_else<S: BuildHasher + Clone + Send + Sync + 'static>(seeded: &S) {
        for (number, remembered) in ALIKE.iter().enumerate() {
            let cache = Remembered::new(1 << 20, seeded.clone());
            let [data, access_token, identity] = *remembered;
            cache.remember(&texts(data.unwrap(), access_token, identity), until(100), number, 0);
            for (other, presented) in ALIKE.iter().enumerate() {
                let [data, access_token, identity] = *presented;
                let found = cache.find(&texts(data.unwrap(), access_token, identity), 1);
                assert_eq!(found, (other == number).then_some(number), "{presented:?} beside {remembered:?}");
            }
        }
    }

    #[test]
    fn every_byte_counts_and_that_a_text_is_absent() {
        nothing_answers_for_anything_else(&seeded().unwrap());
    }

    #[test]
    fn texts_of_one_hash_never_get_what_is_anothers() {
        nothing_answers_for_anything_else(&AlwaysTheSame);
    }

    #[test]
    fn users_who_collide_are_each_answered_for_themselves_or_not_at_all() {
        let cache = Remembered::new(1 << 20, AlwaysTheSame);
        let (ann, eve) = (texts("ann", Some("a"), None), texts("eve", Some("e"), None));
        cache.remember(&ann, until(100), "ann", 0);
        cache.remember(&eve, until(100), "eve", 0);
        assert_eq!((cache.find(&ann, 1), cache.find(&eve, 1)), (None, Some("eve")));
        cache.remember(&ann, until(100), "ann", 0);
        assert_eq!((cache.find(&ann, 1), cache.find(&eve, 1)), (Some("ann"), None));
    }

    #[test]
    fn the_hash_is_the_processs_own() {
        let place = |cache: &Remembered<()>| cache.place(&texts("ab", Some("cd"), None));
        let one = Remembered::new(1 << 20, seeded().unwrap());
        assert_eq!(place(&one), place(&one));
        assert_ne!(place(&one), place(&Remembered::new(1 << 20, seeded().unwrap())));
    }

    #[test]
    fn nothing_is_answered_at_or_after_its_end() {
        let cache = Remembered::new(1 << 20, seeded().unwrap());
        cache.remember(&texts("ann", None, None), until(100), "ann", 0);
        assert_eq!(cache.find(&texts("ann", None, None), 99), Some("ann"));
        assert_eq!(cache.find(&texts("ann", None, None), 100), None);
        assert!(Terms::new(100, [None, None], 100).is_none(), "and there is nothing to remember then");
    }

    #[test]
    fn a_hundred_thousand_users_take_no_more_than_the_bound() {
        const SIZE: u64 = 4 << 20;
        let cache = Remembered::new(SIZE, seeded().unwrap());
        let token = "t".repeat(2700);
        for number in 0..100_000 {
            let user = number.to_string();
            cache.remember(&texts(&token, Some(&user), None), until(100), number, 500);
            // What is put in and not yet weighed is bounded as well.
            assert!(cache.entries.weighted_size() <= 2 * SIZE, "{number}");
        }
        cache.entries.run_pending_tasks();
        let (bytes, entries) = (cache.entries.weighted_size(), cache.entries.entry_count());
        assert!(bytes <= SIZE && entries <= SIZE / OVERHEAD as u64, "{bytes} bytes, {entries} entries");
        assert!(bytes > SIZE / 2 && bytes / entries > 2700 + 500, "{bytes} bytes in {entries} entries");
        assert_eq!(cache.find(&texts(&token, Some("99999"), None), 1), Some(99_999), "the last stays");
        assert_eq!(cache.find(&texts(&token, Some("0"), None), 1), None, "the first went");
    }

    #[test]
    fn what_is_remembered_does_not_print() {
        let cache = Remembered::new(1 << 20, seeded().unwrap());
        cache.remember(&texts("s3cret", None, None), until(100), "s3cret", 0);
        assert!(!format!("{cache:?}").contains("s3cret"));
    }
}
