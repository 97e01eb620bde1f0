//! Our signed statement to the application about who the user is: a short-lived JWT, made only from [`Authorised`].

mod signer;
#[cfg(test)]
mod tests;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header::InvalidHeaderValue};
use serde::Serialize;
use thiserror::Error;

use signer::Signer;

use crate::{
    authenticator::Profile,
    authoriser::{Authorised, Standing},
    config::{self, AssertionAlgorithm, Secret, SigningError, SigningKeys, ValueError},
    memo::Memo,
};

/// How long public keys of before stay published at least, whatever the life of a statement: an application may be slow to
/// look at a request, and clocks differ.
const LEAST_STAY: Duration = Duration::from_mins(10);

/// Signs statements, and says a statement again while at least half of its life is left.
#[derive(Debug)]
pub struct Asserter {
    header: HeaderName,
    algorithm: AssertionAlgorithm,
    signer: ArcSwap<Signer>,
    issuer: String,
    audience: String,
    ttl: Duration,
    jti_prefix: String,
    jti_counter: AtomicU64,
}

/// Why there is no statement. The request must not go on without one.
#[derive(Debug, Error)]
pub enum AssertionError {
    /// The system clock stands before 1970.
    #[error("the system clock stands before 1970")]
    Clock,
    /// The claims could not be written as JSON.
    #[error("the claims cannot be written")]
    Claims(#[source] serde_json::Error),
    /// The result is no field value. It is base64url and dots, so this does not happen.
    #[error("the statement is not a field value")]
    Field(#[from] InvalidHeaderValue),
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    Random,
    /// The key could not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl Asserter {
    /// Takes the section of the configuration; draws the random part of this process's statement ids.
    pub fn from_config(section: &config::Assertion) -> Result<Self, AssertionError> {
        let mut random = [0_u8; 12];
        SystemRandom::new().fill(&mut random).map_err(|_| AssertionError::Random)?;
        Ok(Self {
            header: section.header.clone(),
            algorithm: section.keys.algorithm(),
            signer: ArcSwap::from_pointee(Signer::new(section.keys.clone())),
            issuer: section.issuer.clone(),
            audience: section.audience.clone(),
            ttl: Duration::from_secs(section.ttl.as_secs()),
            jti_prefix: URL_SAFE_NO_PAD.encode(random),
            jti_counter: AtomicU64::new(0),
        })
    }

    /// The field the statement travels in.
    #[must_use]
    pub const fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The JWK set that verifies it, and what was signed lately with keys that sign no more; empty for HS256.
    #[must_use]
    pub fn jwks(&self) -> Bytes {
        self.signer.load().jwks(Instant::now())
    }

    /// From now on signs with the keys in `text`, of the same algorithm as before. Public keys that were in force until
    /// now stay published for as long as a statement may be on its way.
    ///
    /// # Errors
    /// What is wrong with `text`; then everything stays as it is.
    pub fn rotate(&self, text: &Secret) -> Result<(), ValueError> {
        self.sign_with(SigningKeys::parse(self.algorithm, text)?, Instant::now());
        Ok(())
    }

    fn sign_with(&self, keys: SigningKeys, now: Instant) {
        let stays = (2 * self.ttl).max(LEAST_STAY);
        self.signer.rcu(|before| before.succeeded_by(keys.clone(), now, stays));
    }

    /// The statement about an admitted user, as a field value marked sensitive. It speaks for `ttl` from when it was
    /// signed, at least half of which is left. That is not capped by the expiry of the user's own tokens: those were
    /// checked for this very request, and the application is told who sends it, not how long they stay signed in.
    pub fn sign(&self, authorised: &Authorised, now: SystemTime) -> Result<HeaderValue, AssertionError> {
        self.sign_for(authorised.profile(), authorised.standing(), authorised.memo(), now)
    }

    /// The claims that speak of the user, as JSON and unsigned: what the user may read of themselves.
    pub fn identity(authorised: &Authorised) -> Result<Vec<u8>, AssertionError> {
        Self::person(authorised.profile(), authorised.standing())
    }

    /// What a statement would say of this user: no statement, and no proof of anything.
    pub(crate) fn person(profile: &Profile, standing: Standing) -> Result<Vec<u8>, AssertionError> {
        serde_json::to_vec(&Person::of(profile, standing)).map_err(AssertionError::Claims)
    }

    /// `memo` is that of one profile in one standing.
    fn sign_for(
        &self,
        profile: &Profile,
        standing: Standing,
        memo: &Memo,
        now: SystemTime,
    ) -> Result<HeaderValue, AssertionError> {
        let since_1970 = now.duration_since(UNIX_EPOCH).map_err(|_| AssertionError::Clock)?;
        let signer = self.signer.load();
        let again = |signed: &Signed| {
            (signed.by == signer.number() && signed.is_fresh(since_1970, self.ttl)).then(|| signed.value.clone())
        };
        if let Some(value) = memo.recall(again) {
            return Ok(value);
        }
        let issued_at = Duration::from_secs(since_1970.as_secs());
        let value = self.statement(&signer, Person::of(profile, standing), issued_at)?;
        memo.note(Signed { value: value.clone(), by: signer.number(), issued_at });
        Ok(value)
    }

    fn statement(
        &self,
        signer: &Signer,
        person: Person<'_>,
        issued_at: Duration,
    ) -> Result<HeaderValue, AssertionError> {
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            iat: issued_at.as_secs(),
            exp: (issued_at + self.ttl).as_secs(),
            jti: format!("{}.{:x}", self.jti_prefix, self.jti_counter.fetch_add(1, Ordering::Relaxed)),
            person,
        };
        let claims = serde_json::to_vec(&claims).map_err(AssertionError::Claims)?;
        // Room for the base64 of claims and signature, 4 characters for 3 bytes.
        let mut text = String::with_capacity(signer.jose().len() + claims.len() * 4 / 3 + 100);
        text.push_str(signer.jose());
        URL_SAFE_NO_PAD.encode_string(claims, &mut text);
        let signature = signer.sign(text.as_bytes())?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        let mut value = HeaderValue::try_from(text)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// A statement, who made it, and when.
#[derive(Debug)]
struct Signed {
    value: HeaderValue,
    by: u64,
    issued_at: Duration,
}

impl Signed {
    /// Whether half of its life is left. A clock that went back makes a new one: this one would be from the future.
    fn is_fresh(&self, now: Duration, ttl: Duration) -> bool {
        now.checked_sub(self.issued_at).is_some_and(|age| age <= ttl / 2)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
    #[serde(flatten)]
    person: Person<'a>,
}

/// The claims that speak of the user.
#[derive(Serialize)]
struct Person<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    given_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family_name: Option<&'a str>,
    groups: &'a [String],
    is_admin: bool,
}

impl<'a> Person<'a> {
    fn of(profile: &'a Profile, standing: Standing) -> Self {
        Self {
            sub: &profile.subject,
            email: profile.email.as_deref(),
            email_verified: profile.email_verified,
            username: profile.username.as_deref(),
            name: profile.name.as_deref(),
            given_name: profile.given_name.as_deref(),
            family_name: profile.family_name.as_deref(),
            groups: &profile.groups,
            is_admin: standing == Standing::Admin,
        }
    }
}
