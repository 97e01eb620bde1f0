//! Sends a browser to log in again when the load balancer keeps sending an expired access token.
//!
//! Without refresh tokens the load balancer keeps its session, and with it the dead token, for days (alb-facts 6.3).
//! Ending its session cookie and asking for the same page again makes it start a new login.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
};

use crate::{
    config::Relogin,
    ingress::{Caller, Inbound, LocalTarget, RELOGIN_GUARD, ReloginGuard},
    rejection::{Rejection, TOKEN_EXPIRED},
};

/// Seconds in which the browser is not sent again.
const GUARD_SECONDS: u32 = 60;

/// Offers a new login in place of some refusals.
#[derive(Debug)]
pub struct Relogins {
    setting: Relogin,
    session_cookie: String,
}

impl Relogins {
    /// Ends the cookies named after `session_cookie`.
    #[must_use]
    pub const fn new(setting: Relogin, session_cookie: String) -> Self {
        Self { setting, session_cookie }
    }

    /// The way to a new login where `rejection` is an expired token of a page navigation that carries the load
    /// balancer's session. `None`: the refusal stands.
    #[must_use]
    pub fn offer(&self, rejection: &Rejection, inbound: &Inbound, caller: Caller) -> Option<Response<Bytes>> {
        let fits = self.setting == Relogin::On
            && rejection.code() == TOKEN_EXPIRED
            && inbound.head.method == Method::GET
            && caller == Caller::Navigation
            && !inbound.cookies.names.is_empty()
            && inbound.cookies.relogin == ReloginGuard::Absent;
        let return_to = fits.then(|| LocalTarget::of(&inbound.head.target)).flatten()?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::FOUND;
        let fields = response.headers_mut();
        fields.insert(LOCATION, return_to.into());
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for cookie in expired_cookies(&self.session_cookie, &inbound.cookies.names) {
            fields.append(SET_COOKIE, cookie);
        }
        let guard = format!("{RELOGIN_GUARD}=1; Path=/; Max-Age={GUARD_SECONDS}; Secure; HttpOnly; SameSite=Lax");
        if let Ok(guard) = HeaderValue::try_from(guard) {
            fields.append(SET_COOKIE, guard);
        }
        Some(response)
    }
}

/// How many cookies beyond the usual shards are ended: whoever sends hundreds gets no answer of hundreds.
const MOST_UNUSUAL: usize = 8;

/// `Set-Cookie` values that end the load balancer's session: the bare name, the four shards it may use, and whatever
/// else of that kind was sent.
pub(super) fn expired_cookies(base: &str, sent: &[String]) -> Vec<HeaderValue> {
    let usual = [String::new(), "-0".to_owned(), "-1".to_owned(), "-2".to_owned(), "-3".to_owned()]
        .map(|shard| format!("{base}{shard}"));
    let unusual: BTreeSet<&String> = sent.iter().filter(|name| !usual.contains(name)).take(MOST_UNUSUAL).collect();
    usual
        .iter()
        .chain(unusual)
        .filter_map(|name| {
            HeaderValue::try_from(format!(
                "{name}=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly"
            ))
            .ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_is_ended() {
        let cookies = expired_cookies("S", &["S-0".to_owned(), "S-7".to_owned()]);
        let names: Vec<&str> =
            cookies.iter().map(|cookie| cookie.to_str().unwrap().split('=').next().unwrap()).collect();
        assert_eq!(names, ["S", "S-0", "S-1", "S-2", "S-3", "S-7"]);
        assert!(cookies.iter().all(|cookie| cookie.to_str().unwrap().contains("; Path=/; Max-Age=0;")));
    }
}
