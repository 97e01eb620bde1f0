//! Sessions as the load balancer keeps them: a long sealed value in cookies of about 4 KB each, and nothing to read in it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header::COOKIE};
use moka::sync::Cache;

use super::tokens::Minted;
use crate::dev::{SignerError, User, signers::random};

/// What a session's value takes before it is written as text: two shards, as with Cognito's tokens inside.
const SEALED_BYTES: usize = 4096;

/// The most text in one cookie: with its name and attributes it stays below the 4,096 bytes browsers keep.
const SHARD: usize = 3900;

/// The most shards there can be.
const MOST_SHARDS: u32 = 4;

/// How long a session lasts, as by default on a listener rule.
const TIMEOUT: Duration = Duration::from_hours(7 * 24);

/// The most sessions kept; the least used go first.
const MOST_SESSIONS: u64 = 1000;

/// Somebody who is signed in.
#[derive(Debug)]
pub(super) struct Session {
    /// Who.
    pub(super) user: User,
    /// The tokens that were made last.
    pub(super) tokens: Mutex<Option<Minted>>,
}

/// What a request presents.
#[derive(Debug)]
pub(super) enum Presented {
    /// Cookies of a session that has ended, or never was.
    Ended,
    /// No session's cookie.
    Nothing,
    /// An open session.
    Open(Arc<Session>),
}

/// All open sessions, by the whole text of their cookies.
#[derive(Debug)]
pub(super) struct Sessions {
    cookie_name: String,
    open: Cache<String, Arc<Session>>,
}

impl Sessions {
    /// Its cookies are `cookie_name` with `-0`, `-1` and so on.
    pub(super) fn new(cookie_name: String) -> Self {
        Self { cookie_name, open: Cache::builder().max_capacity(MOST_SESSIONS).time_to_live(TIMEOUT).build() }
    }

    /// Signs `user` in: the `Set-Cookie` values that hold the session.
    pub(super) fn open(&self, user: User) -> Result<Vec<HeaderValue>, SignerError> {
        let sealed = BASE64_URL_SAFE_NO_PAD.encode(random::<SEALED_BYTES>()?);
        let max_age = TIMEOUT.as_secs();
        // Without `Secure`, which the real one has: there is no TLS here, and a browser may then drop such a cookie.
        let cookies = sealed.as_bytes().chunks(SHARD).enumerate().map(|(number, shard)| {
            let mut cookie = format!("{}-{number}=", self.cookie_name).into_bytes();
            cookie.extend_from_slice(shard);
            cookie.extend_from_slice(format!("; Path=/; Max-Age={max_age}; HttpOnly").as_bytes());
            HeaderValue::from_bytes(&cookie).map_err(|_| SignerError)
        });
        let cookies = cookies.collect::<Result<_, _>>()?;
        self.open.insert(sealed, Arc::new(Session { user, tokens: Mutex::new(None) }));
        Ok(cookies)
    }

    /// The session whose cookies a request carries, all of them.
    pub(super) fn of(&self, fields: &HeaderMap) -> Presented {
        let mut shards = BTreeMap::new();
        for crumb in
            fields.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'))
        {
            let Some((name, value)) = crumb.trim().split_once('=') else { continue };
            let number = name.strip_prefix(&self.cookie_name).and_then(|rest| rest.strip_prefix('-'));
            if let Some(number) = number.and_then(|number| number.parse::<u32>().ok()).filter(|it| *it < MOST_SHARDS) {
                shards.entry(number).or_insert(value);
            }
        }
        if shards.is_empty() {
            return Presented::Nothing;
        }
        self.open.get(&shards.into_values().collect::<String>()).map_or(Presented::Ended, Presented::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cookies: &[String]) -> HeaderMap {
        cookies.iter().map(|cookie| (COOKIE, HeaderValue::from_str(cookie).unwrap())).collect()
    }

    #[test]
    fn a_session_is_all_of_its_shards_and_nothing_less() {
        let sessions = Sessions::new("S".to_owned());
        let set = sessions.open(User::new("sub", "a@example.com")).unwrap();
        let shards: Vec<String> =
            set.iter().map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
        assert_eq!(shards.iter().map(|shard| shard.split_once('=').unwrap().0).collect::<Vec<_>>(), ["S-0", "S-1"]);
        assert!(set.iter().all(|cookie| cookie.len() < 4096));
        let found = |cookies: &[String]| match sessions.of(&request(cookies)) {
            Presented::Open(session) => Some(session.user.sub.clone()),
            Presented::Ended => None,
            Presented::Nothing => Some("nobody".to_owned()),
        };
        let both = format!("a=1; {}; b; {}", shards[1], shards[0]);
        assert_eq!(found(&[both]).as_deref(), Some("sub"));
        assert_eq!(found(&shards).as_deref(), Some("sub"), "split over two fields");
        assert_eq!(found(&shards[..1]), None);
        assert_eq!(found(&[shards[0].replace("S-0", "S-1"), shards[1].replace("S-1", "S-0")]), None);
        assert_eq!(found(&["S-0=x".to_owned()]), None);
        assert_eq!(found(&["S=x; S-9=x; S-x=y; T-0=z".to_owned()]).as_deref(), Some("nobody"));
    }
}
