//! The load balancers' keys we hold: few, and none is replaced by another without being withdrawn.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use super::{AlbKey, KeyId};

/// A region has two or three keys in use at a time.
const MOST: usize = 64;

/// Keys by id. Looked at where a signature is verified, which costs a thousand times what the lock does.
#[derive(Default)]
pub(super) struct KeyRing(Mutex<HashMap<KeyId, Held>>);

struct Held {
    key: Arc<AlbKey>,
    used: Instant,
}

impl KeyRing {
    /// The key `id`, however long ago it was seen at its source.
    pub(super) fn get(&self, id: &KeyId) -> Option<Arc<AlbKey>> {
        let mut keys = self.lock();
        let held = keys.get_mut(id)?;
        held.used = Instant::now();
        Some(Arc::clone(&held.key))
    }

    /// Takes up `key`, fetched just now. Where there is no room, the key not used for longest goes.
    pub(super) fn insert(&self, id: KeyId, key: AlbKey) -> Arc<AlbKey> {
        let mut keys = self.lock();
        let key = match keys.remove(&id) {
            Some(former) => key.after(&former.key),
            None => key,
        };
        if keys.len() >= MOST
            && let Some(idle) = keys.iter().min_by_key(|(_, held)| held.used).map(|(id, _)| id.clone())
        {
            // Nothing is known against it: what it verified is good for the minutes it is remembered. Otherwise whoever
            // names many real keys of the region would make us forget everybody.
            keys.remove(&idle);
        }
        let key = Arc::new(key);
        keys.insert(id, Held { key: Arc::clone(&key), used: Instant::now() });
        key
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use p256::{
        ecdsa::SigningKey,
        pkcs8::{EncodePublicKey, LineEnding},
    };

    use super::*;

    fn id(number: usize) -> KeyId {
        KeyId::parse(&format!("{number:08x}-0000-4000-8000-000000000000")).unwrap()
    }

    fn key(number: u8) -> AlbKey {
        let key = SigningKey::from_slice(&[number; 32]).unwrap();
        AlbKey::from_pem(&key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap()).unwrap()
    }

    #[test]
    fn the_same_key_fetched_again_goes_on_and_another_one_withdraws_it() {
        let ring = KeyRing::default();
        let first = ring.insert(id(1), key(1));
        let again = ring.insert(id(1), key(1));
        assert!(!first.trust().is_withdrawn() && !again.trust().is_withdrawn());
        let other = ring.insert(id(1), key(2));
        assert!(first.trust().is_withdrawn() && again.trust().is_withdrawn(), "what either verified");
        assert!(!other.trust().is_withdrawn() && Arc::ptr_eq(&other, &ring.get(&id(1)).unwrap()));
    }

    #[test]
    fn where_there_is_no_room_the_key_not_used_for_longest_goes_and_is_not_withdrawn() {
        let ring = KeyRing::default();
        let keys: Vec<_> = (0..MOST).map(|number| ring.insert(id(number), key(1))).collect();
        ring.get(&id(0)).unwrap();
        ring.insert(id(MOST), key(1));
        let gone: Vec<usize> = (0..=MOST).filter(|number| ring.get(&id(*number)).is_none()).collect();
        assert_eq!(gone, [1]);
        assert!(!keys.iter().any(|key| key.trust().is_withdrawn()));
    }
}
