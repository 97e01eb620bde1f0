//! The load balancer's token: ES256 under a key all load balancers of the region share, so *who signed* is a claim.
//!
//! The key proves only that some load balancer of the region signed, an attacker's own included; `signer` says which.

use std::sync::Arc;

use super::{
    Clock, Malformation, TokenError, Verified,
    claims::{self, AlbClaims, AlbHeader, AlbPayload, Presence},
    jws::{Jws, Padding},
};
use crate::{
    config::{AlbArn, ClientId, GroupsSource, Verification},
    keys::{AlbKey, AlbKeys, KeyId},
};

/// How much of a foreign `signer` an error repeats: the longest ARN is shorter.
const SHOWN_SIGNER: usize = 256;

/// Verifies `x-amzn-oidc-data`.
#[derive(Debug)]
pub struct AlbVerifier {
    pub(super) signers: Vec<AlbArn>,
    pub(super) clients: Vec<ClientId>,
    pub(super) issuers: Vec<String>,
    groups: GroupsClaim,
    pub(super) leeway: u64,
    pub(super) keys: Arc<AlbKeys>,
}

/// Whether this token is where groups are read.
#[derive(Debug)]
enum GroupsClaim {
    Elsewhere,
    Here(String),
}

/// A token of which everything but the signature was checked, and the key for that. It says nothing until it is verified.
pub struct UnverifiedAlb<'t> {
    jws: Jws<'t>,
    claims: AlbClaims,
    key: Arc<AlbKey>,
}

impl UnverifiedAlb<'_> {
    /// The signature: some 50 µs of work, without a wait.
    pub fn verify(self) -> Result<Verified<AlbClaims>, TokenError> {
        let Self { jws, claims, key } = self;
        if !key.verifies(jws.signing_input, &jws.signature) {
            return Err(TokenError::BadSignature);
        }
        Ok(Verified::assertion(claims, key.trust().clone()))
    }
}

impl std::fmt::Debug for UnverifiedAlb<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("UnverifiedAlb(…)")
    }
}

impl AlbVerifier {
    /// Expects the parties of `expected`, signed with one of `keys`.
    #[must_use]
    pub fn new(expected: &Verification, keys: Arc<AlbKeys>) -> Self {
        Self {
            signers: expected.signers.clone(),
            clients: expected.client_ids.clone(),
            issuers: expected.issuers.clone(),
            groups: match &expected.groups {
                GroupsSource::CognitoAccessToken { .. } => GroupsClaim::Elsewhere,
                GroupsSource::Userinfo { claim } => GroupsClaim::Here(claim.clone()),
            },
            leeway: expected.leeway.as_secs(),
            keys,
        }
    }

    /// Verifies `token` at `now` (seconds since 1970). The first check that fails is the error.
    pub async fn verify(&self, token: &[u8], now: u64) -> Result<Verified<AlbClaims>, TokenError> {
        self.prepare(token, now).await?.verify()
    }

    /// Everything of [`AlbVerifier::verify`] but the signature: the cheap part, and the one that may wait for a key.
    pub async fn prepare<'t>(&self, token: &'t [u8], now: u64) -> Result<UnverifiedAlb<'t>, TokenError> {
        let jws = Jws::parse(token, Padding::Accepted).map_err(Malformation::from)?;
        let (id, claims) = self.check(&jws, now)?;
        let key = self.keys.key(&id).await?;
        Ok(UnverifiedAlb { jws, claims, key })
    }

    /// Every check that needs no key. It is cheap and comes first, so that most garbage costs no fetch.
    pub(super) fn check(&self, jws: &Jws<'_>, now: u64) -> Result<(KeyId, AlbClaims), TokenError> {
        let header: AlbHeader = claims::header(&jws.header)?;
        let id = check_header(&header)?;
        let payload: AlbPayload = claims::payload(&jws.payload)?;
        let groups = match &self.groups {
            GroupsClaim::Elsewhere => Vec::new(),
            GroupsClaim::Here(claim) => claims::groups(&jws.payload, claim)?,
        };
        let client = self.check_parties(&header, &payload)?;
        let clock = Clock { leeway: self.leeway, now };
        clock.check(header.exp)?;
        clock.check(payload.exp)?;
        let claims = AlbClaims {
            subject: payload.sub.0,
            client,
            email: payload.email,
            email_verified: payload.email_verified.0,
            username: payload.username,
            name: payload.name,
            given_name: payload.given_name,
            family_name: payload.family_name,
            groups,
            expires_at: header.exp.min(payload.exp).seconds(),
        };
        Ok((id, claims))
    }

    /// Signer, client and issuer are of the configured ones, whole and exactly. Gives the client.
    fn check_parties(&self, header: &AlbHeader, payload: &AlbPayload) -> Result<String, TokenError> {
        self.check_signer(header)?;
        let client = self.check_client(header)?;
        self.check_issuer(header, payload)?;
        Ok(client.to_owned())
    }

    pub(super) fn check_signer(&self, header: &AlbHeader) -> Result<(), TokenError> {
        let signer = header.signer.as_deref().unwrap_or_default();
        if !self.signers.iter().any(|arn| arn.as_str() == signer) {
            return Err(TokenError::WrongSigner { found: signer.chars().take(SHOWN_SIGNER).collect() });
        }
        Ok(())
    }

    pub(super) fn check_client<'h>(&self, header: &'h AlbHeader) -> Result<&'h str, TokenError> {
        let client = header.client.as_deref().unwrap_or_default();
        if !self.clients.iter().any(|id| id.as_str() == client) {
            return Err(TokenError::WrongClient);
        }
        Ok(client)
    }

    pub(super) fn check_issuer(&self, header: &AlbHeader, payload: &AlbPayload) -> Result<(), TokenError> {
        let accepted = header.iss.as_ref().is_some_and(|issuer| self.issuers.contains(issuer));
        if !accepted || header.iss != payload.iss {
            return Err(TokenError::WrongIssuer);
        }
        Ok(())
    }
}

/// Algorithm, extensions and key id; which key it is to be.
pub(super) fn check_header(header: &AlbHeader) -> Result<KeyId, Malformation> {
    if header.alg != "ES256" {
        return Err(Malformation::Algorithm);
    }
    if header.crit == Presence::Present {
        return Err(Malformation::CriticalExtension);
    }
    header.kid.as_deref().and_then(KeyId::parse).ok_or(Malformation::KeyId)
}
