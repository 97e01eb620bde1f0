//! The three identity fields of a signed-in request: made once, used again, made anew well before they expire.

use std::{sync::PoisonError, time::SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Active, Trouble, session::Session};
use crate::dev::{
    Issuer, Parties, TokenShape, User,
    issuer::{ACCESS_LIFE, DATA_LIFE},
};

/// Whatever is left of a token's life when a new one is made, in seconds.
const DATA_MARGIN: u64 = 60;
const ACCESS_MARGIN: u64 = 300;

/// Seconds by which an expired token is late: more than any leeway allows.
const LATE: u64 = 120;

/// A load balancer that nobody configured, in the same region.
const OTHER_SIGNER: &str =
    "arn:aws:elasticloadbalancing:eu-west-2:999999999999:loadbalancer/app/somebody-elses/fedcba9876543210";

/// Tokens that were made for a session.
#[derive(Debug, Clone)]
pub(super) struct Minted {
    trouble: Trouble,
    /// When the load balancer's token was made, seconds since 1970.
    data_at: u64,
    data: HeaderValue,
    access_at: u64,
    access: HeaderValue,
}

/// Makes tokens for sessions.
#[derive(Debug)]
pub(super) struct TokenDesk(Issuer);

impl TokenDesk {
    /// Signs as `issuer`.
    pub(super) const fn new(issuer: Issuer) -> Self {
        Self(issuer)
    }

    /// Adds the identity fields of `session` to a request.
    pub(super) fn stamp(&self, session: &Session, active: &Active, fields: &mut HeaderMap) {
        // A subject that no field can hold: all three fields are left out, not one.
        let Some(identity) = sensitive(&session.user.sub) else { return };
        let Some(minted) = self.minted(session, active, now()) else { return };
        fields.insert(HeaderName::from_static("x-amzn-oidc-data"), minted.data);
        if active.trouble != Trouble::NoAccessToken {
            fields.insert(HeaderName::from_static("x-amzn-oidc-accesstoken"), minted.access);
        }
        fields.insert(HeaderName::from_static("x-amzn-oidc-identity"), identity);
    }

    fn minted(&self, session: &Session, active: &Active, now: u64) -> Option<Minted> {
        let trouble = active.trouble;
        let mut kept = session.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let same_trouble = kept.take().filter(|minted| minted.trouble == trouble);
        let fresh = |at: u64, life: u64, margin: u64| now >= at && now + margin < at + life;
        let (data_at, data) = match &same_trouble {
            Some(minted) if fresh(minted.data_at, DATA_LIFE, DATA_MARGIN) => (minted.data_at, minted.data.clone()),
            Some(_) | None => (now, sensitive(&self.data(&session.user, active, now))?),
        };
        let (access_at, access) = match same_trouble {
            Some(minted) if fresh(minted.access_at, ACCESS_LIFE, ACCESS_MARGIN) => (minted.access_at, minted.access),
            Some(_) | None => (now, sensitive(&self.access(&session.user, trouble, now))?),
        };
        let minted = Minted { trouble, data_at, data, access_at, access };
        *kept = Some(minted.clone());
        Some(minted)
    }

    fn data(&self, user: &User, active: &Active, now: u64) -> String {
        let (issuer, trouble) = (&self.0, active.trouble);
        let parties = issuer.parties().clone();
        let (parties, key_id, expires_at) = match trouble {
            Trouble::ExpiredAlbToken => (parties, issuer.alb_key_id().to_owned(), now.saturating_sub(LATE)),
            Trouble::WrongLoadBalancer => {
                let parties = Parties { signer: OTHER_SIGNER.to_owned(), ..parties };
                (parties, issuer.alb_key_id().to_owned(), now + DATA_LIFE)
            }
            Trouble::WrongClient => {
                let parties = Parties { client: "anotherclient0123456789abc".to_owned(), ..parties };
                (parties, issuer.alb_key_id().to_owned(), now + DATA_LIFE)
            }
            // A key nobody has seen, so that it has to be fetched.
            Trouble::KeysDown => (parties, active.unpublished_key.to_string(), now + DATA_LIFE),
            Trouble::None
            | Trouble::ExpiredAccessToken
            | Trouble::NoAccessToken
            | Trouble::OtherUsersToken
            | Trouble::TamperedSignature => (parties, issuer.alb_key_id().to_owned(), now + DATA_LIFE),
        };
        let header = issuer.alb_header_of(&parties, &key_id, expires_at);
        let payload = issuer.alb_payload(user, expires_at);
        TokenShape::Alb.token(&header, &payload, |input| {
            let mut signature = issuer.alb_signature(input);
            if let (Trouble::TamperedSignature, Some(last)) = (trouble, signature.last_mut()) {
                *last ^= 1;
            }
            signature
        })
    }

    fn access(&self, user: &User, trouble: Trouble, now: u64) -> String {
        let other = User { sub: "00000000-0000-4000-8000-000000000000".to_owned(), ..user.clone() };
        let (user, issued_at) = match trouble {
            Trouble::ExpiredAccessToken => (user, now.saturating_sub(ACCESS_LIFE + LATE)),
            Trouble::OtherUsersToken => (&other, now),
            Trouble::None
            | Trouble::ExpiredAlbToken
            | Trouble::KeysDown
            | Trouble::NoAccessToken
            | Trouble::TamperedSignature
            | Trouble::WrongClient
            | Trouble::WrongLoadBalancer => (user, now),
        };
        self.0.sign_access(&self.0.access_header(), &self.0.access_payload(user, issued_at))
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since_1970| since_1970.as_secs())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::dev::fixture;

    fn desk() -> (TokenDesk, Session) {
        let user = User::new("sub", "a@example.com").in_groups(&["g"]);
        (TokenDesk::new(fixture::new_issuer()), Session { user, tokens: Mutex::new(None) })
    }

    #[test]
    fn tokens_are_used_again_until_shortly_before_they_expire() {
        let (desk, session) = desk();
        let texts = |now| {
            let minted = desk.minted(&session, &Active::default(), now).unwrap();
            (minted.data.to_str().unwrap().to_owned(), minted.access.to_str().unwrap().to_owned())
        };
        let first = texts(1_000_000);
        assert_eq!(texts(1_000_000 + DATA_LIFE - DATA_MARGIN - 1), first);
        let second = texts(1_000_000 + DATA_LIFE - DATA_MARGIN);
        assert_ne!(second.0, first.0, "the load balancer's token was made anew");
        assert_eq!(second.1, first.1, "the access token was not");
        let third = texts(1_000_000 + ACCESS_LIFE - ACCESS_MARGIN);
        assert_ne!(third.1, first.1, "refreshed before it expired");
        assert_ne!(texts(1_000_000).1, third.1, "a clock that went back gets new tokens");
    }

    #[test]
    fn another_trouble_has_other_tokens_at_once() {
        let (desk, session) = desk();
        let mut seen = std::collections::BTreeSet::new();
        for trouble in Trouble::ALL {
            assert!(
                seen.insert(
                    desk.minted(&session, &Active { trouble, ..Active::default() }, 1_000_000)
                        .unwrap()
                        .access
                        .to_str()
                        .unwrap()
                        .to_owned()
                )
            );
        }
    }

    #[test]
    fn a_subject_that_no_field_can_hold_makes_no_half_identity() {
        let (desk, _) = desk();
        let session = Session { user: User::new("a\nb", "a@example.com"), tokens: Mutex::new(None) };
        let mut fields = HeaderMap::new();
        desk.stamp(&session, &Active::default(), &mut fields);
        assert!(fields.is_empty(), "{:?}", fields.keys());
    }
}
