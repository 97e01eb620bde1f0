//! A stand-in for the load balancer and the user pool: signs tokens that differ from theirs only in the keys.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{
    claims::{AccessHeader, AccessPayload, AlbHeader, AlbPayload, groups_claim, json_text},
    signers::{AlbSigner, PoolSigner, SignerError, TokenShape, uuid},
};

/// How long an ALB token lives, in seconds.
pub(super) const DATA_LIFE: u64 = 120;
/// How long an access token lives, in seconds.
pub(super) const ACCESS_LIFE: u64 = 3600;

/// Who the tokens say they come from and are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// The load balancer's ARN.
    pub signer: String,
    /// The app client.
    pub client: String,
    /// `iss` of the ALB token, in header and payload.
    pub issuer: String,
    /// `iss` of the access token.
    pub access_issuer: String,
}

impl Parties {
    /// The id of the pool that issues access tokens: the last segment of its `iss`.
    #[must_use]
    pub fn user_pool_id(&self) -> &str {
        self.access_issuer.rsplit('/').next().unwrap_or_default()
    }
}

impl Default for Parties {
    /// A load balancer and a user pool that do not exist.
    fn default() -> Self {
        let issuer = "https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_Example01";
        Self {
            signer: "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/example/0123456789abcdef"
                .to_owned(),
            client: "exampleclient0123456789abc".to_owned(),
            issuer: issuer.to_owned(),
            access_issuer: issuer.to_owned(),
        }
    }
}

/// Which token holds the user's groups, and in which claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupsIn {
    /// The access token, as Cognito's do.
    AccessToken(String),
    /// The load balancer's token, as with identity providers whose userinfo names groups.
    Userinfo(String),
}

impl Default for GroupsIn {
    fn default() -> Self {
        Self::AccessToken("cognito:groups".to_owned())
    }
}

/// Whom tokens are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Subject.
    pub sub: String,
    /// E-mail address.
    pub email: String,
    /// Whether the address is verified.
    pub email_verified: bool,
    /// Login name; Cognito's is usually the subject.
    pub username: String,
    /// Full name.
    pub name: Option<String>,
    /// First name.
    pub given_name: Option<String>,
    /// Last name.
    pub family_name: Option<String>,
    /// Groups.
    pub groups: Vec<String>,
}

impl User {
    /// A user with a verified address and no groups.
    #[must_use]
    pub fn new(sub: &str, email: &str) -> Self {
        Self {
            sub: sub.to_owned(),
            email: email.to_owned(),
            email_verified: true,
            username: sub.to_owned(),
            name: None,
            given_name: None,
            family_name: None,
            groups: Vec::new(),
        }
    }

    /// The same user in these groups.
    #[must_use]
    pub fn in_groups(self, groups: &[&str]) -> Self {
        Self { groups: groups.iter().map(|group| (*group).to_owned()).collect(), ..self }
    }
}

/// The values of the three identity fields of a signed-in request.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// `x-amzn-oidc-data`.
    pub data: String,
    /// `x-amzn-oidc-accesstoken`.
    pub access_token: String,
    /// `x-amzn-oidc-identity`.
    pub identity: String,
}

impl Tokens {
    /// The fields by name.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, &str); 3] {
        [
            ("x-amzn-oidc-data", &self.data),
            ("x-amzn-oidc-accesstoken", &self.access_token),
            ("x-amzn-oidc-identity", &self.identity),
        ]
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens(REDACTED)")
    }
}

/// Signs tokens with keys of its own.
///
/// Every part of a token is at hand as JSON text, so that a test can bend one and have the rest made as always.
pub struct Issuer {
    parties: Parties,
    groups_in: GroupsIn,
    alb: AlbSigner,
    pool: PoolSigner,
    published: Published,
}

/// The public keys, former ones included.
#[derive(Debug, Clone, Default)]
pub(super) struct Published {
    /// Key id and PEM.
    pub(super) alb: Vec<(String, String)>,
    /// Members of the key set.
    pub(super) pool: Vec<Value>,
}

impl Issuer {
    /// An issuer with new keys.
    pub fn generate(parties: Parties) -> Result<Self, SignerError> {
        let (alb, pool) = (AlbSigner::generate()?, PoolSigner::generate()?);
        let mut issuer = Self { parties, groups_in: GroupsIn::default(), alb, pool, published: Published::default() };
        issuer.publish()?;
        Ok(issuer)
    }

    /// The same issuer with groups elsewhere.
    #[must_use]
    pub fn with_groups_in(self, groups_in: GroupsIn) -> Self {
        Self { groups_in, ..self }
    }

    /// Goes over to new keys; the former ones stay published.
    pub fn rotate(&mut self) -> Result<(), SignerError> {
        (self.alb, self.pool) = (AlbSigner::generate()?, PoolSigner::generate()?);
        self.publish()
    }

    /// The same parties with other keys under the ids of these: what a replaced key looks like.
    #[cfg(test)]
    pub(crate) fn with_other_keys_of_the_same_ids(&self) -> Self {
        let mut issuer = Self::generate(self.parties.clone()).unwrap();
        (issuer.alb.id, issuer.pool.id) = (self.alb.id.clone(), self.pool.id.clone());
        issuer.published = Published::default();
        issuer.publish().unwrap();
        issuer
    }

    /// Publishes no more than this many keys of each kind, the latest, from now on.
    pub fn withdraw_all_but(&mut self, latest: usize) {
        let Published { alb, pool } = &mut self.published;
        alb.drain(..alb.len().saturating_sub(latest));
        pool.drain(..pool.len().saturating_sub(latest));
    }

    fn publish(&mut self) -> Result<(), SignerError> {
        self.published.alb.push((self.alb.id.clone(), self.alb.pem()?));
        self.published.pool.push(self.pool.jwk());
        Ok(())
    }

    /// Who the tokens say they come from.
    #[must_use]
    pub const fn parties(&self) -> &Parties {
        &self.parties
    }

    /// The id of the key that signs ALB tokens.
    #[must_use]
    pub fn alb_key_id(&self) -> &str {
        &self.alb.id
    }

    /// The PEM of the key that signs ALB tokens.
    #[must_use]
    pub fn alb_pem(&self) -> &str {
        self.published.alb.last().map_or("", |(_, pem)| pem)
    }

    /// The key set of the pool, former keys included.
    #[must_use]
    pub fn jwks(&self) -> String {
        json!({ "keys": self.published.pool }).to_string()
    }

    pub(super) const fn published(&self) -> &Published {
        &self.published
    }

    /// What a request of `user` carries now.
    #[must_use]
    pub fn tokens(&self, user: &User) -> Tokens {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.tokens_at(user, now)
    }

    /// What a request of `user` carries at `now`, seconds since 1970.
    #[must_use]
    pub fn tokens_at(&self, user: &User, now: u64) -> Tokens {
        let expires_at = now + DATA_LIFE;
        Tokens {
            data: self.sign_alb(&self.alb_header(expires_at), &self.alb_payload(user, expires_at)),
            access_token: self.sign_access(&self.access_header(), &self.access_payload(user, now)),
            identity: user.sub.clone(),
        }
    }

    /// The header of an ALB token, JSON text with its members in the load balancer's order.
    #[must_use]
    pub fn alb_header(&self, expires_at: u64) -> String {
        self.alb_header_of(&self.parties, &self.alb.id, expires_at)
    }

    /// The same with other parties or another key id, for tokens that are to be refused.
    #[must_use]
    pub fn alb_header_of(&self, parties: &Parties, key_id: &str, expires_at: u64) -> String {
        let Parties { signer, client, issuer, access_issuer: _ } = parties;
        json_text(&AlbHeader { typ: "JWT", kid: key_id, alg: "ES256", iss: issuer, client, signer, exp: expires_at })
    }

    /// The payload of an ALB token: the pool's userinfo, `exp` and `iss`.
    #[must_use]
    pub fn alb_payload(&self, user: &User, expires_at: u64) -> String {
        json_text(&AlbPayload {
            sub: &user.sub,
            // A string, as Cognito writes it.
            email_verified: if user.email_verified { "true" } else { "false" },
            name: user.name.as_deref(),
            given_name: user.given_name.as_deref(),
            family_name: user.family_name.as_deref(),
            email: &user.email,
            username: &user.username,
            groups: match &self.groups_in {
                GroupsIn::Userinfo(claim) => groups_claim(claim, &user.groups),
                GroupsIn::AccessToken(_) => BTreeMap::new(),
            },
            exp: expires_at,
            iss: &self.parties.issuer,
        })
    }

    /// The header of an access token.
    #[must_use]
    pub fn access_header(&self) -> String {
        json_text(&AccessHeader { kid: &self.pool.id, alg: "RS256" })
    }

    /// The payload of an access token issued at `issued_at`.
    #[must_use]
    pub fn access_payload(&self, user: &User, issued_at: u64) -> String {
        json_text(&AccessPayload {
            sub: &user.sub,
            groups: match &self.groups_in {
                GroupsIn::AccessToken(claim) => groups_claim(claim, &user.groups),
                GroupsIn::Userinfo(_) => BTreeMap::new(),
            },
            iss: &self.parties.access_issuer,
            version: 2,
            client_id: &self.parties.client,
            origin_jti: &random_id(),
            token_use: "access",
            scope: "openid",
            auth_time: issued_at,
            exp: issued_at + ACCESS_LIFE,
            iat: issued_at,
            jti: &random_id(),
            username: &user.username,
        })
    }

    /// An ALB token of this header and payload, signed with the current key.
    #[must_use]
    pub fn sign_alb(&self, header: &str, payload: &str) -> String {
        TokenShape::Alb.token(header, payload, |input| self.alb_signature(input))
    }

    /// An access token of this header and payload, signed with the current key.
    #[must_use]
    pub fn sign_access(&self, header: &str, payload: &str) -> String {
        TokenShape::Compact.token(header, payload, |input| self.pool_signature(input))
    }

    /// The load balancer's signature, raw `r || s`.
    #[must_use]
    pub fn alb_signature(&self, message: &[u8]) -> Vec<u8> {
        self.alb.sign(message)
    }

    /// The pool's signature.
    #[must_use]
    pub fn pool_signature(&self, message: &[u8]) -> Vec<u8> {
        self.pool.sign(message)
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Issuer").field("parties", &self.parties).finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "without random numbers there would be no issuer")]
fn random_id() -> String {
    uuid().expect("random numbers")
}
