//! A pasted token, claim by claim: every check by itself, so that an operator sees all that is wrong with it and not the
//! first thing only. It decides nothing: who may come in is decided by the verifiers, whose checks these are.

use super::{
    AlbVerifier, Clock, CognitoVerifier, Malformation, TokenError, alb,
    claims::{self, AccessPayload, AlbHeader, AlbPayload, NumericDate},
    cognito::{self, check_use},
    jws::{Jws, Padding},
};

/// What the checks say of one token.
#[derive(Debug)]
pub struct Examination {
    /// Whether the key verifies it. Where not, nothing of what was found is proven.
    pub signature: Result<(), TokenError>,
    /// The other checks, in their order.
    pub claims: Vec<Examined>,
}

/// One check.
#[derive(Debug)]
pub struct Examined {
    /// The claim or claims it looks at.
    pub claim: &'static str,
    /// What stands in the token: a stranger's text, to be escaped.
    pub found: String,
    /// What would be good.
    pub expected: String,
    /// What the verifier's own check says.
    pub verdict: Result<(), TokenError>,
}

impl Examination {
    /// What stands in the token under this claim.
    #[must_use]
    pub fn found(&self, claim: &str) -> Option<&str> {
        self.claims.iter().find(|examined| examined.claim == claim).map(|examined| examined.found.as_str())
    }
}

impl Examined {
    fn new(claim: &'static str, found: Option<&str>, expected: String, verdict: Result<(), TokenError>) -> Self {
        Self { claim, found: found.unwrap_or_default().to_owned(), expected, verdict }
    }

    fn expiry(claim: &'static str, expiry: NumericDate, clock: Clock) -> Self {
        let (at, now) = (expiry.seconds(), clock.now);
        let found = if now >= at { format!("{} s ago", now - at) } else { format!("in {} s", at - now) };
        let expected = format!("to come, or {} s ago at most (identity.leeway)", clock.leeway);
        Self { claim, found, expected, verdict: clock.check(expiry) }
    }
}

impl AlbVerifier {
    /// Every check of `x-amzn-oidc-data` by itself, as of `now`.
    ///
    /// # Errors
    /// Where the token cannot be read at all.
    pub async fn examine(&self, token: &[u8], now: u64) -> Result<Examination, TokenError> {
        let jws = Jws::parse(token, Padding::Accepted).map_err(Malformation::from)?;
        let header: AlbHeader = claims::header(&jws.header)?;
        let payload: AlbPayload = claims::payload(&jws.payload)?;
        let id = alb::check_header(&header);
        let signature = match &id {
            Ok(id) => match self.keys.key(id).await {
                Ok(key) if key.verifies(jws.signing_input, &jws.signature) => Ok(()),
                Ok(_) => Err(TokenError::BadSignature),
                Err(error) => Err(error.into()),
            },
            Err(malformed) => Err((*malformed).into()),
        };
        let clock = Clock { leeway: self.leeway, now };
        let signers: Vec<&str> = self.signers.iter().map(|arn| arn.as_str()).collect();
        let clients: Vec<&str> = self.clients.iter().map(|id| id.as_str()).collect();
        let found = format!("{} {}", header.alg, header.kid.as_deref().unwrap_or_default());
        let issuer = match (&header.iss, &payload.iss) {
            (Some(header), Some(payload)) if header != payload => format!("{header} and {payload}"),
            (Some(issuer), _) | (None, Some(issuer)) => issuer.clone(),
            (None, None) => String::new(),
        };
        let claims = vec![
            Examined::new(
                "alg, kid",
                Some(&found),
                "ES256 and a lower-case UUID".to_owned(),
                id.map(drop).map_err(TokenError::from),
            ),
            Examined::new("signer", header.signer.as_deref(), signers.join(" or "), self.check_signer(&header)),
            Examined::new(
                "client",
                header.client.as_deref(),
                clients.join(" or "),
                self.check_client(&header).map(drop),
            ),
            Examined::new("iss", Some(&issuer), self.issuers.join(" or "), self.check_issuer(&header, &payload)),
            Examined::expiry("exp", header.exp.min(payload.exp), clock),
        ];
        Ok(Examination { signature, claims })
    }
}

impl CognitoVerifier {
    /// Every check of `x-amzn-oidc-accesstoken` by itself, as of `now`; `client` is the load balancer's token's.
    ///
    /// # Errors
    /// Where the token cannot be read at all.
    pub async fn examine(&self, token: &[u8], client: &str, now: u64) -> Result<Examination, TokenError> {
        let jws = Jws::parse(token, Padding::Refused).map_err(Malformation::from)?;
        let id = cognito::check_header(&jws.header)?;
        let payload: AccessPayload = claims::payload(&jws.payload)?;
        let key = match self.keys_for(payload.iss.as_deref()) {
            Ok(keys) => keys.key(&id).await,
            Err(error) => Err(error),
        };
        let signature = match key {
            Ok(key) if key.verifies(jws.signing_input, &jws.signature) => Ok(()),
            Ok(_) => Err(TokenError::BadSignature),
            Err(error) => Err(error.into()),
        };
        let clock = Clock { leeway: self.leeway, now };
        let claims = vec![
            Examined::new("iss", payload.iss.as_deref(), self.issuers.join(" or "), self.check_issuer(&payload)),
            Examined::new("token_use", payload.token_use.as_deref(), "access".to_owned(), check_use(&payload)),
            Examined::new(
                "client_id",
                payload.client_id.as_deref(),
                client.to_owned(),
                self.check_client(&payload, client),
            ),
            Examined::expiry("exp", payload.exp, clock),
        ];
        Ok(Examination { signature, claims })
    }
}
