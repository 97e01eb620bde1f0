//! Takes the load balancer's own cookies out of `Cookie`, byte for byte otherwise.
//!
//! They are a login: the application needs none of it, and 16 KB of shards overflow the limits of its server
//! (alb-facts 1.6).

use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, Entry},
};

/// The cookie that stops a loop of re-logins.
pub const RELOGIN_GUARD: &str = "cognito-auth-proxy-relogin";

const LOGIN_NONCE: &[u8] = b"AWSALBAuthNonce";

/// What the removed cookies tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionCookies {
    /// Names of the load balancer's session cookies the browser sent.
    pub names: Vec<String>,
    /// Whether the browser has just been sent to log in again.
    pub relogin: ReloginGuard,
}

/// Whether the browser has just been sent to log in again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReloginGuard {
    /// No.
    #[default]
    Absent,
    /// Yes: not again.
    Present,
}

impl SessionCookies {
    /// Removes the cookies named `base`, `base-<digits>`, `AWSALBAuthNonce` and our own from all `Cookie` fields. Several
    /// fields become one: HTTP/2 splits them (RFC 9113 §8.2.3), HTTP/1.1 servers read one.
    #[must_use]
    pub fn take_from(fields: &mut HeaderMap, base: &str) -> Self {
        let mut taken = Self::default();
        let Entry::Occupied(entry) = fields.entry(COOKIE) else {
            return taken;
        };
        let mut joined: Vec<u8> = Vec::new();
        for value in entry.remove_entry_mult().1 {
            let kept = taken.filter(value.as_bytes(), base);
            if !kept.is_empty() {
                if !joined.is_empty() {
                    joined.extend_from_slice(b"; ");
                }
                joined.extend_from_slice(&kept);
            }
        }
        if let (false, Ok(mut value)) = (joined.is_empty(), HeaderValue::from_bytes(&joined)) {
            value.set_sensitive(true);
            fields.insert(COOKIE, value);
        }
        taken
    }

    /// The application's part of one field value.
    fn filter(&mut self, value: &[u8], base: &str) -> Vec<u8> {
        let kept: Vec<&[u8]> = value.split(|byte| *byte == b';').filter(|crumb| !self.is_ours(crumb, base)).collect();
        kept.join(&b';').trim_ascii_start().to_vec()
    }

    fn is_ours(&mut self, crumb: &[u8], base: &str) -> bool {
        let name = crumb.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        if name == RELOGIN_GUARD.as_bytes() {
            self.relogin = ReloginGuard::Present;
            return true;
        }
        if is_session_cookie(name, base) {
            self.names.push(String::from_utf8_lossy(name).into_owned());
            return true;
        }
        name == LOGIN_NONCE
    }
}

fn is_session_cookie(name: &[u8], base: &str) -> bool {
    match name.strip_prefix(base.as_bytes()) {
        Some([]) => true,
        Some([b'-', shard @ ..]) => !shard.is_empty() && shard.iter().all(u8::is_ascii_digit),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "AWSELBAuthSessionCookie";

    fn filtered(fields: &[&'static str]) -> (Option<String>, SessionCookies) {
        let mut map = HeaderMap::new();
        for field in fields {
            map.append(COOKIE, HeaderValue::from_static(field));
        }
        let taken = SessionCookies::take_from(&mut map, BASE);
        assert!(map.get_all(COOKIE).iter().count() <= 1);
        (map.get(COOKIE).map(|value| value.to_str().unwrap().to_owned()), taken)
    }

    #[test]
    fn the_applications_cookies_stay_byte_for_byte() {
        for (sent, kept) in [
            ("a=1; b=2", Some("a=1; b=2")),
            ("a=1;b=2 ;  c", Some("a=1;b=2 ;  c")),
            ("access-token-abc==x; AWSELBAuthSessionCookie-0=zz", Some("access-token-abc==x")),
            ("AWSELBAuthSessionCookie-0=zz; a=1; AWSELBAuthSessionCookie-1=y; b=2", Some("a=1; b=2")),
            ("AWSELBAuthSessionCookie=zz", None),
            ("AWSALBAuthNonce=q; AWSELBAuthSessionCookie-12=zz", None),
            (
                "AWSELBAuthSessionCookie-x=1; AWSELBAuthSessionCookies=2",
                Some("AWSELBAuthSessionCookie-x=1; AWSELBAuthSessionCookies=2"),
            ),
        ] {
            assert_eq!(filtered(&[sent]).0.as_deref(), kept, "{sent}");
        }
    }

    #[test]
    fn split_cookie_fields_are_joined() {
        let (kept, taken) = filtered(&["a=1", "AWSELBAuthSessionCookie-1=y", "b=2; AWSELBAuthSessionCookie-0=z"]);
        assert_eq!(kept.as_deref(), Some("a=1; b=2"));
        assert_eq!(taken.names, ["AWSELBAuthSessionCookie-1", "AWSELBAuthSessionCookie-0"]);
    }

    #[test]
    fn the_relogin_guard_is_seen_and_removed() {
        let (kept, taken) = filtered(&["cognito-auth-proxy-relogin=1; a=1"]);
        assert_eq!((kept.as_deref(), taken.relogin), (Some("a=1"), ReloginGuard::Present));
    }
}
