//! What an operator has to change, said in the log of the running proxy where a refusal shows it: once for each thing.
//!
//! A refusal's cause comes from a request that nothing is known of. So what only a token says is told as unverified, nothing
//! is repeated but a well-formed ARN or a field's name, and a stranger who sends thousands of them gets sixteen lines.

use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

use tracing::warn;

use crate::{
    authenticator::{AuthenticationError, CredentialError, CredentialField},
    config::{AlbArn, Credentials, HeadLimits},
    ingress::Malformed,
    rejection::Rejection,
    token::TokenError,
};

/// How many foreign load balancers are told of.
const MOST_SIGNERS: usize = 16;

/// The longest ARN that is told; longer ones may have been cut ([`TokenError::WrongSigner`]).
const LONGEST_ARN: usize = 255;

/// The longest name of a field that is told.
const LONGEST_NAME: usize = 64;

/// Looks at refusals and says what would end them.
#[derive(Debug)]
pub struct Hints {
    signers: Vec<AlbArn>,
    limits: HeadLimits,
    seen: Mutex<HashSet<AlbArn>>,
    told: AtomicU8,
}

/// What is told once. Each is a bit.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Once {
    AccessToken = 1,
    Client = 1 << 1,
    Credential = 1 << 2,
    Expired = 1 << 3,
    Field = 1 << 4,
    Fields = 1 << 5,
    Issuer = 1 << 6,
    TokenUse = 1 << 7,
}

impl Hints {
    /// Knows what is configured, so that it can say what is missing.
    #[must_use]
    pub fn from_config(credentials: &Credentials, limits: HeadLimits) -> Self {
        let signers = match credentials {
            Credentials::RefuseAll => Vec::new(),
            Credentials::Verify(expected) => expected.signers.clone(),
        };
        Self { signers, limits, seen: Mutex::default(), told: AtomicU8::new(0) }
    }

    /// Says what this refusal shows, if it has not been said.
    pub fn hear(&self, rejection: &Rejection) {
        match rejection {
            Rejection::Authentication(error) => self.hear_authentication(error),
            Rejection::Malformed(Malformed::FieldTooLong { name, size }) => {
                if self.is_new(Once::Field) {
                    let name = name.as_str();
                    let name = name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or(name);
                    let limit = self.limits.field_size;
                    warn!(
                        name,
                        size, limit, "hint: a header field is too long: raise limits.max_field_size if it is wanted"
                    );
                }
            }
            Rejection::Malformed(Malformed::FieldsTooLarge) => {
                if self.is_new(Once::Fields) {
                    let HeadLimits { fields, fields_size, .. } = self.limits;
                    warn!(
                        limit = fields_size,
                        most = fields,
                        "hint: header fields are too many or too long together: raise limits.max_fields_size or \
                         limits.max_fields if they are wanted"
                    );
                }
            }
            Rejection::Content(_)
            | Rejection::CrossSite
            | Rejection::Crowded
            | Rejection::Denied(_)
            | Rejection::Draining
            | Rejection::Malformed(
                Malformed::AmbiguousAuthority
                | Malformed::ContentOnUpgrade
                | Malformed::MissingAuthority
                | Malformed::TargetTooLong
                | Malformed::TransferCoding
                | Malformed::UnsupportedMethod
                | Malformed::UnsupportedTarget,
            )
            | Rejection::MethodNotAllowed { .. }
            | Rejection::NotFound
            | Rejection::Upstream(_)
            | Rejection::UpstreamNotReady => {}
        }
    }

    fn hear_authentication(&self, error: &AuthenticationError) {
        match error {
            AuthenticationError::Token(error) => self.hear_token(error),
            AuthenticationError::Missing { field: CredentialField::AccessToken } => {
                if self.is_new(Once::AccessToken) {
                    warn!(
                        "hint (unverified): x-amzn-oidc-data came without x-amzn-oidc-accesstoken: the scope of the \
                         listener rule needs openid"
                    );
                }
            }
            AuthenticationError::Credential(CredentialError::TooLarge { field }) => {
                if self.is_new(Once::Credential) {
                    warn!(
                        %field,
                        "hint (unverified): an identity header is longer than the 16 KiB a load balancer sends at most: \
                         look what stands before the proxy"
                    );
                }
            }
            AuthenticationError::Credential(CredentialError::Missing { .. } | CredentialError::Repeated { .. })
            | AuthenticationError::Missing { field: CredentialField::Data | CredentialField::Identity }
            | AuthenticationError::SubjectMismatch => {}
        }
    }

    fn hear_token(&self, error: &TokenError) {
        match error {
            TokenError::WrongSigner { found } => self.hear_signer(found),
            TokenError::WrongClient if self.is_new(Once::Client) => warn!(
                "hint (unverified): a token was issued to an app client that is not in alb.client_ids: compare \
                 COGNITO_AUTH_CLIENT_IDS with the client of the listener rule; `doctor --token-file` shows the token's"
            ),
            TokenError::WrongIssuer if self.is_new(Once::Issuer) => warn!(
                "hint (unverified): a token comes from an issuer that is not accepted: compare COGNITO_AUTH_USER_POOL_ID \
                 with the user pool of the listener rule; `doctor --token-file` shows the token's"
            ),
            TokenError::WrongTokenUse if self.is_new(Once::TokenUse) => warn!(
                "hint: x-amzn-oidc-accesstoken holds a token of the user pool that is no access token, an ID token perhaps"
            ),
            TokenError::Expired { at, now } if self.is_new(Once::Expired) => warn!(
                seconds = now.saturating_sub(*at),
                "hint (unverified): a token came after its time: if users have just signed in, this machine's clock is \
                 ahead (`doctor` compares it); if not, the identity provider gives no refresh token"
            ),
            TokenError::BadSignature
            | TokenError::Expired { .. }
            | TokenError::Key(_)
            | TokenError::Malformed(_)
            | TokenError::WrongClient
            | TokenError::WrongIssuer
            | TokenError::WrongTokenUse => {}
        }
    }

    fn hear_signer(&self, found: &str) {
        let Some(arn) = AlbArn::parse(found).ok().filter(|_| found.len() <= LONGEST_ARN) else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.signers.is_empty() || seen.len() >= MOST_SIGNERS || !seen.insert(arn.clone()) {
            return;
        }
        let is_last = seen.len() == MOST_SIGNERS;
        drop(seen);
        warn!(
            signer = arn.as_str(),
            setting = signer_setting(&self.signers, &arn),
            "hint (unverified): a token names a load balancer that is not in alb.arns; if it is yours, use this setting"
        );
        if is_last {
            warn!(seen = MOST_SIGNERS, "hint: further load balancers that are not in alb.arns will not be told of");
        }
    }

    fn is_new(&self, hint: Once) -> bool {
        self.told.fetch_or(hint as u8, Ordering::Relaxed) & hint as u8 == 0
    }
}

/// The line that makes `seen` a load balancer that is accepted. One of another region takes the place of the others:
/// a proxy serves one region.
#[must_use]
pub fn signer_setting(configured: &[AlbArn], seen: &AlbArn) -> String {
    let is_neighbour = |arn: &&AlbArn| (arn.partition(), arn.region()) == (seen.partition(), seen.region());
    let all: Vec<&str> = configured.iter().filter(is_neighbour).chain([seen]).map(AlbArn::as_str).collect();
    format!("COGNITO_AUTH_ALB_ARNS={}", all.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(region: &str, name: &str) -> AlbArn {
        AlbArn::parse(&format!("arn:aws:elasticloadbalancing:{region}:123456789012:loadbalancer/app/{name}/0123"))
            .unwrap()
    }

    #[test]
    fn a_neighbour_is_added_and_one_of_another_region_takes_the_place() {
        let [one, two, far] = [arn("eu-west-2", "one"), arn("eu-west-2", "two"), arn("us-east-1", "far")];
        let (first, second) = (one.as_str().to_owned(), two.as_str().to_owned());
        let setting = signer_setting(std::slice::from_ref(&one), &two);
        assert_eq!(setting, format!("COGNITO_AUTH_ALB_ARNS={first},{second}"));
        assert_eq!(signer_setting(&[one], &far), format!("COGNITO_AUTH_ALB_ARNS={}", far.as_str()));
    }
}
