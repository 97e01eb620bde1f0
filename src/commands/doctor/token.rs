//! A pasted credential: claim by claim with the verifiers' own checks, then as a whole by the authenticator, then by the
//! policy. Tokens are not printed; what stands in one is marked unverified unless its signature is good.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio_util::task::TaskTracker;

use super::{
    Emails,
    keys::fetching,
    pasted::{Form, Pasted},
    remedy::remedy,
    report::{Finding, Report},
};
use crate::{
    authenticator::{
        AuthenticationError, Authenticator, Credential, CredentialError, CredentialField, LONGEST_FIELD, Profile,
    },
    commands::policy,
    config::{Config, Credentials, Dev, GroupsSource, Verification},
    ingress::{Field, Presented},
    keys::{AlbKeys, FetchError, Fetching, PoolKeys},
    rejection::Rejection,
    token::{AlbVerifier, CognitoVerifier, Examination, Examined, IssuerKeys, TokenError},
};

const SIZE: &str = "header size";
const ACCESS: &str = "access token";
const WHOLE: &str = "credential";
const POLICY: &str = "policy";

/// The longest text of a token that is shown.
const SHOWN: usize = 256;

/// What the authenticator may remember: it is asked once.
const MEMORY: u64 = 64 * 1024;

const NO_ACCESS_TOKEN: &str = "add openid to the scope of the listener rule, or there is no access token";

pub(super) async fn check(report: &mut Report, config: &Config, mut pasted: Pasted, emails: Emails) {
    let Credentials::Verify(expected) = &config.credentials else {
        let remedy = "set alb.arns, alb.client_ids and cognito.user_pool_id";
        report.add(Finding::fail(WHOLE, "every token is refused: no load balancer is configured", remedy));
        return;
    };
    sizes(report, config, &pasted);
    let presented = Presented::take_from(&mut pasted.fields);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
    if let Err(error) = claims(report, expected, &presented, now).await {
        report.add(Finding::fail(WHOLE, format!("the keys cannot be asked for: {error}"), ""));
        return;
    }
    match pasted.form {
        Form::Bare => {
            let remedy = "paste all x-amzn-oidc- headers of one request to have them judged together";
            report.add(Finding::warn(WHOLE, "one bare token is no credential", remedy));
        }
        Form::Headers => whole(report, config, &presented, emails).await,
    }
}

/// How long the headers are, and may be.
fn sizes(report: &mut Report, config: &Config, pasted: &Pasted) {
    let limit = config.limits.heads.field_size;
    for (name, value) in &pasted.fields {
        let size = value.len();
        report.add(if size > LONGEST_FIELD {
            Finding::fail(
                SIZE,
                format!("{name} has {size} bytes, and an identity header is never longer than {LONGEST_FIELD}"),
                "take groups or claims out of the token; no load balancer sends as much, so look what stands before the proxy",
            )
        } else if size > limit {
            Finding::fail(
                SIZE,
                format!("{name} has {size} bytes, limits.max_field_size is {limit}"),
                "raise the limit (16KiB is what a load balancer sends at most), or take groups or claims out of the token",
            )
        } else {
            Finding::ok(SIZE, format!("{name} has {size} bytes of {}", limit.min(LONGEST_FIELD)))
        });
    }
}

/// Both tokens, each by itself.
async fn claims(
    report: &mut Report,
    expected: &Verification,
    presented: &Presented,
    now: u64,
) -> Result<(), FetchError> {
    let tasks = TaskTracker::new();
    let mut client = None;
    if let Field::Once(data) = &presented.data {
        let verifier = AlbVerifier::new(
            expected,
            Arc::new(AlbKeys::new(&expected.alb_keys, &expected.authorities, fetching(&tasks))?),
        );
        let examined = verifier.examine(data.as_bytes(), now).await;
        client = examined.as_ref().ok().and_then(|examined| examined.found("client")).map(str::to_owned);
        token(report, expected, "x-amzn-oidc-data", examined);
    }
    let GroupsSource::CognitoAccessToken { key_sets, claim } = &expected.groups else {
        report.add(Finding::ok(ACCESS, "not looked at: identity.groups_source is userinfo"));
        return Ok(());
    };
    if let Field::Once(access) = &presented.access_token {
        let key_sets = key_sets.iter().map(|source| {
            let keys = Arc::new(PoolKeys::new(&source.url, &expected.authorities, fetching(&tasks))?);
            Ok(IssuerKeys { issuer: source.issuer.clone(), keys })
        });
        let verifier = CognitoVerifier::new(expected, key_sets.collect::<Result<_, FetchError>>()?, claim.clone());
        let client =
            client.or_else(|| expected.client_ids.first().map(|id| id.as_str().to_owned())).unwrap_or_default();
        let examined = verifier.examine(access.as_bytes(), &client, now).await;
        token(report, expected, "x-amzn-oidc-accesstoken", examined);
    }
    Ok(())
}

fn token(report: &mut Report, expected: &Verification, name: &'static str, examined: Result<Examination, TokenError>) {
    let Examination { signature, claims } = match examined {
        Ok(examination) => examination,
        Err(error) => {
            let remedy = remedy(expected, &error, "");
            report.add(Finding::fail(name, format!("cannot be read: {}", chain(&error)), remedy));
            return;
        }
    };
    let mark = if signature.is_ok() { "" } else { " (unverified)" };
    report.add(match &signature {
        Ok(()) => Finding::ok(name, "its signature is good"),
        Err(error) => {
            Finding::fail(name, format!("its signature is not good: {}", chain(error)), remedy(expected, error, ""))
        }
    });
    for Examined { claim, found, expected: good, verdict } in claims {
        let shown = shown(&found);
        report.add(match verdict {
            Ok(()) => Finding::ok(name, format!("{claim} is {shown}{mark}, as expected")),
            // Whoever pastes a token has usually taken longer over it than it lives.
            Err(error @ TokenError::Expired { .. }) => Finding::warn(
                name,
                format!("{claim} is {shown}{mark}, expected {good}"),
                remedy(expected, &error, &found),
            ),
            Err(error) => {
                let remedy = remedy(expected, &error, &found);
                Finding::fail(name, format!("{claim} is {shown}{mark}, expected {good}"), remedy)
            }
        });
    }
}

/// The request as the proxy would judge it.
async fn whole(report: &mut Report, config: &Config, presented: &Presented, emails: Emails) {
    let authenticated = match Authenticator::from_config(&config.credentials, &Dev::Off, MEMORY, Fetching::default()) {
        Err(error) => {
            report.add(Finding::fail(WHOLE, format!("cannot be judged: {error}"), ""));
            return;
        }
        Ok(authenticator) => match Credential::from_presented(presented) {
            Ok(credential) => authenticator.authenticate(credential).await,
            Err(error) => Err(error.into()),
        },
    };
    match authenticated {
        Ok(identity) => {
            let profile = identity.profile();
            report.add(Finding::ok(WHOLE, format!("is good: {}", who(profile, emails))));
            admitted(report, config, profile).await;
        }
        Err(error) => report.add(refused(error)),
    }
}

fn refused(error: AuthenticationError) -> Finding {
    let expired = matches!(error, AuthenticationError::Token(TokenError::Expired { .. }));
    let remedy = match &error {
        AuthenticationError::Missing { field: CredentialField::AccessToken } => NO_ACCESS_TOKEN,
        AuthenticationError::Credential(CredentialError::TooLarge { .. }) => "see the sizes above",
        AuthenticationError::Missing { .. }
        | AuthenticationError::Credential(CredentialError::Missing { .. } | CredentialError::Repeated { .. }) => {
            "paste all headers of one request, once each"
        }
        AuthenticationError::SubjectMismatch => "both tokens and x-amzn-oidc-identity have to be of one request",
        AuthenticationError::Token(_) => "see the claims above",
    };
    let rejection = Rejection::Authentication(error);
    let sentence =
        format!("is refused with {} {}: {}", rejection.status().as_u16(), rejection.code(), rejection.chain());
    if expired { Finding::warn(WHOLE, sentence, remedy) } else { Finding::fail(WHOLE, sentence, remedy) }
}

async fn admitted(report: &mut Report, config: &Config, profile: &Profile) {
    let Ok(live) = policy::load(config).await else { return };
    report.add(match live.load().grant(profile) {
        Some(grant) => Finding::ok(POLICY, format!("admits this user: {grant}")),
        None => Finding::warn(POLICY, "does not admit this user (403 not_allowed)", "`explain` says why"),
    });
}

fn who(profile: &Profile, emails: Emails) -> String {
    let email = match (&profile.email, emails) {
        (None, _) => "none".to_owned(),
        (Some(email), Emails::Shown) => shown(email),
        (Some(email), Emails::Masked) => shown(&masked(email)),
    };
    let verified = match profile.email_verified {
        Some(true) => "verified",
        Some(false) | None => "not verified",
    };
    let groups: Vec<String> = profile.groups.iter().take(20).map(|group| shown(group)).collect();
    format!(
        "subject {}, e-mail {email} ({verified}), {} groups: {}",
        shown(&profile.subject),
        profile.groups.len(),
        groups.join(", ")
    )
}

/// The first letter and what stands behind the last `@`.
fn masked(email: &str) -> String {
    let first: String = email.chars().take(1).collect();
    let domain = email.rsplit_once('@').map_or("…", |(_, domain)| domain);
    format!("{first}…@{domain}")
}

/// Text of a token in quotes: one line, no control characters, no direction marks, of bounded length.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    format!("{short:?}")
}

fn chain(error: &TokenError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_token_moves_no_cursor_and_no_line() {
        assert_eq!(shown("a\n\u{1b}[2J\u{202e}\"b"), r#""a\n\u{1b}[2J\u{202e}\"b""#);
        assert_eq!(shown(&"a".repeat(1000)).len(), SHOWN + 2);
    }

    #[test]
    fn a_masked_address_keeps_its_domain() {
        assert_eq!(masked("ann@example.com"), "a…@example.com");
        assert_eq!(masked("ann"), "a…@…");
        assert_eq!(masked(""), "…@…");
    }
}
