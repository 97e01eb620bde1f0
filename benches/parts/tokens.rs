//! Tokens of numbered users, which outlive any run.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use cognito_auth_proxy::dev::{Issuer, Tokens, User};

/// Longer than a run.
const LIFE: Duration = Duration::from_hours(24);

/// Each is in `staff`.
pub(crate) fn user(number: usize) -> User {
    let sub = format!("8d0c4a5e-3b1f-4c2d-9e6a-{number:012}");
    let named = User { name: Some("Ann Lee".to_owned()), ..User::new(&sub, &format!("user{number}@example.com")) };
    named.in_groups(&["staff", "readers"])
}

/// Both tokens of a user, new.
pub(crate) fn both(issuer: &Issuer, user: &User) -> Tokens {
    let access_token = issuer.sign_access(&issuer.access_header(), &issuer.access_payload(user, now()));
    Tokens { data: alb(issuer, user), access_token, identity: user.sub.clone() }
}

/// Another load balancer's token for the same user. Each expires a second after the last: signatures are made without a
/// random number, so that the same claims would be the same token.
pub(crate) fn alb(issuer: &Issuer, user: &User) -> String {
    static EXPIRES: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(now() + LIFE.as_secs()));
    let expires_at = EXPIRES.fetch_add(1, Ordering::Relaxed);
    issuer.sign_alb(&issuer.alb_header(expires_at), &issuer.alb_payload(user, expires_at))
}

fn now() -> u64 {
    UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}
