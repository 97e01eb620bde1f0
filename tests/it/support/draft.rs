//! Tokens before they are signed, so that a test can bend one thing and leave the rest as it should be.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD, Engine as _};
use cognito_auth_proxy::dev::{Issuer, Tokens, User};
use serde_json::Value;

/// Everything one signed-in request carries, unsigned.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Value,
    pub(crate) payload: Value,
    pub(crate) access_header: Value,
    pub(crate) access_payload: Value,
    pub(crate) identity: String,
}

impl Draft {
    /// What `user` would carry now.
    pub(crate) fn of(issuer: &Issuer, user: &User) -> Self {
        let parsed = |text: String| serde_json::from_str(&text).unwrap();
        Self {
            header: parsed(issuer.alb_header(now() + 120)),
            payload: parsed(issuer.alb_payload(user, now() + 120)),
            access_header: parsed(issuer.access_header()),
            access_payload: parsed(issuer.access_payload(user, now())),
            identity: user.sub.clone(),
        }
    }

    /// Signed as it stands.
    pub(crate) fn signed(&self, issuer: &Issuer) -> Tokens {
        Tokens {
            data: issuer.sign_alb(&self.header.to_string(), &self.payload.to_string()),
            access_token: issuer.sign_access(&self.access_header.to_string(), &self.access_payload.to_string()),
            identity: self.identity.clone(),
        }
    }

    /// With one change.
    pub(crate) fn but(mut self, bend: impl FnOnce(&mut Self)) -> Self {
        bend(&mut self);
        self
    }
}

/// Takes a member out of an object.
pub(crate) fn remove(object: &mut Value, member: &str) {
    assert!(object.as_object_mut().unwrap().remove(member).is_some(), "{member} was there");
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An ALB token of any bytes, signed as the load balancer does.
pub(crate) fn alb_of_bytes(issuer: &Issuer, header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", BASE64_URL_SAFE.encode(header), BASE64_URL_SAFE.encode(payload));
    let signature = BASE64_URL_SAFE.encode(issuer.alb_signature(input.as_bytes()));
    format!("{input}.{signature}")
}

/// An access token of any bytes, signed as the user pool does.
pub(crate) fn access_of_bytes(issuer: &Issuer, header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(payload));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(issuer.pool_signature(input.as_bytes()));
    format!("{input}.{signature}")
}

/// The parts of an ALB token as text.
pub(crate) fn texts(draft: &Draft) -> (String, String) {
    (draft.header.to_string(), draft.payload.to_string())
}
