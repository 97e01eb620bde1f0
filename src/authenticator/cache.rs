//! Remembers what verification found for a credential: for exactly these bytes, and never past the earliest `exp`.
//!
//! Only successes are kept. What is kept is who somebody *is*; what they may do is decided anew every time.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::{digest, error::Unspecified, rand};
use moka::{policy::EvictionPolicy, sync::Cache};

use super::{AlbCredential, Profile};

const ENTRIES: u64 = 10_000;
/// Only for memory: load balancer tokens live for minutes.
const KEPT_FOR: Duration = Duration::from_mins(10);

/// The place of a credential in the cache.
///
/// A digest with a key of this process over every presented byte, so that nobody can make two credentials share one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

/// Verified credentials.
pub(super) struct VerifiedCredentials {
    key: [u8; 32],
    profiles: Cache<Fingerprint, Arc<Profile>>,
}

impl VerifiedCredentials {
    /// An empty cache with a key of its own.
    pub(super) fn new() -> Result<Self, Unspecified> {
        let mut key = [0; 32];
        rand::fill(&mut key)?;
        let profiles = Cache::builder()
            .max_capacity(ENTRIES)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(KEPT_FOR)
            .build();
        Ok(Self { key, profiles })
    }

    /// Where `credential` is kept: every field counts, also that it is absent.
    pub(super) fn fingerprint(&self, credential: &AlbCredential<'_>) -> Fingerprint {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.key);
        for field in [Some(credential.data), credential.access_token, credential.identity] {
            // No value is 2^64 - 1 bytes long, so absent and empty differ, and no byte can move to a neighbour.
            let length = field.map_or(u64::MAX, |value| value.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(field.unwrap_or_default());
        }
        let mut fingerprint = [0; digest::SHA256_OUTPUT_LEN];
        fingerprint.copy_from_slice(context.finish().as_ref());
        Fingerprint(fingerprint)
    }

    /// What was verified for this credential, unless one of its tokens has expired at `now`: the leeway is for clocks
    /// that differ, not for longer lives.
    pub(super) fn find(&self, fingerprint: &Fingerprint, now: u64) -> Option<Arc<Profile>> {
        self.profiles.get(fingerprint).filter(|profile| now < profile.expires_at)
    }

    /// Remembers a success.
    pub(super) fn remember(&self, fingerprint: Fingerprint, profile: &Arc<Profile>, now: u64) {
        if now < profile.expires_at {
            self.profiles.insert(fingerprint, Arc::clone(profile));
        }
    }
}

impl fmt::Debug for VerifiedCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VerifiedCredentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_every_border_between_fields_counts() {
        let cache = VerifiedCredentials::new().unwrap();
        let alb = |data: &'static str, access_token: Option<&'static str>, identity: Option<&'static str>| {
            let credential = AlbCredential {
                data: data.as_bytes(),
                access_token: access_token.map(str::as_bytes),
                identity: identity.map(str::as_bytes),
            };
            cache.fingerprint(&credential).0
        };
        let prints = [
            alb("ab", Some("cd"), Some("ef")),
            alb("ac", Some("cd"), Some("ef")),
            alb("ab", Some("cc"), Some("ef")),
            alb("ab", Some("cd"), Some("ee")),
            alb("abc", Some("d"), Some("ef")),
            alb("ab", Some("cde"), Some("f")),
            alb("ab", Some("cdef"), Some("")),
            alb("ab", Some("cdef"), None),
            alb("ab", None, Some("cdef")),
            alb("ab", Some(""), Some("cdef")),
            alb("abcdef", None, None),
        ];
        for (index, print) in prints.iter().enumerate() {
            assert!(!prints[..index].contains(print), "{index}");
        }
        assert_eq!(alb("ab", Some("cd"), Some("ef")), prints[0]);
        let other = VerifiedCredentials::new().unwrap();
        let credential = AlbCredential { data: b"ab", access_token: Some(b"cd"), identity: Some(b"ef") };
        assert!(other.fingerprint(&credential).0 != prints[0], "the key is the process's own");
    }
}
