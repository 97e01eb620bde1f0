//! What to change where a check of a pasted token failed, with the setting to write where there is one. What becomes part
//! of a setting is a name by all its characters: people paste these lines into shells.

use crate::{
    config::{AlbArn, ClientId, Verification},
    hints::signer_setting,
    keys::KeyError,
    token::TokenError,
};

/// What to change where a check failed, with the line to add where there is one.
pub(super) fn remedy(expected: &Verification, error: &TokenError, found: &str) -> String {
    match error {
        TokenError::WrongSigner { .. } => AlbArn::parse(found).map_or_else(
            |_| "no load balancer made this token: look what stands before the proxy".to_owned(),
            |arn| format!("if that load balancer is yours: {}", signer_setting(&expected.signers, &arn)),
        ),
        TokenError::WrongClient => ClientId::parse(found).ok().filter(|_| is_name(found)).map_or_else(
            || "set the app client of the listener rule in COGNITO_AUTH_CLIENT_IDS".to_owned(),
            |found| {
                let ids: Vec<&str> = expected.client_ids.iter().chain([&found]).map(ClientId::as_str).collect();
                format!("if that app client is yours: COGNITO_AUTH_CLIENT_IDS={}", ids.join(","))
            },
        ),
        TokenError::WrongIssuer => match pool_of(found) {
            Some(pool) => format!("if that user pool is yours: COGNITO_AUTH_USER_POOL_ID={pool}"),
            None => "set the issuer in COGNITO_AUTH_ISSUERS if it is yours".to_owned(),
        },
        TokenError::Expired { .. } => {
            "usual for a pasted token, a load balancer's lives two minutes; if it is fresh, see the clock".to_owned()
        }
        TokenError::Key(KeyError::Unknown) => {
            "the key host does not know its key: a token of another region or pool, or none of AWS".to_owned()
        }
        TokenError::Key(KeyError::Unavailable { .. }) => "see what is said of the keys above".to_owned(),
        TokenError::BadSignature => {
            "paste the whole value, `=` included; if it was whole, somebody changed it or it is forged".to_owned()
        }
        TokenError::WrongTokenUse => "the access token belongs there, this is another one (an ID token)".to_owned(),
        TokenError::Malformed(_) => "paste the whole value: three parts with dots between them".to_owned(),
    }
}

/// The pool in an issuer of Cognito's, where it is one by all its characters.
fn pool_of(issuer: &str) -> Option<&str> {
    let (host, pool) = issuer.strip_prefix("https://")?.split_once('/')?;
    let is_cognito = host.contains("cognito-idp.") && host.ends_with(".amazonaws.com");
    (is_cognito && is_name(pool)).then_some(pool)
}

/// Whether a shell takes it as one word.
fn is_name(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pool_of_cognitos_becomes_a_setting() {
        assert_eq!(pool_of("https://cognito-idp.eu-west-2.amazonaws.com/eu-west-2_A1"), Some("eu-west-2_A1"));
        assert_eq!(pool_of("https://issuer-cognito-idp.eu-west-2.amazonaws.com/eu-west-2_A1"), Some("eu-west-2_A1"));
        for other in ["", "https://idp.example/x", "https://cognito-idp.eu-west-2.amazonaws.com/x;reboot"] {
            assert_eq!(pool_of(other), None, "{other}");
        }
    }
}
