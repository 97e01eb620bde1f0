//! Whole credentials through the authenticator.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::{
    config::{DevMode, GroupsSource, MockUser, Verification},
    dev::{Fault, Tokens, User, fixture::*},
    ingress::Presented,
    keys::KeyError,
    token::Malformation,
};

mod memory;

/// Room for a few hundred credentials.
const MEMORY: u64 = 8 << 20;

struct Stand {
    fixture: Fixture,
    authenticator: Authenticator,
}

impl Stand {
    async fn start() -> Self {
        Self::expecting(|_| {}).await
    }

    /// With keys of its own.
    async fn with_own_keys() -> Self {
        Self::of(Fixture::with_issuer(Arc::new(new_issuer())).await, |_| {})
    }

    async fn userinfo() -> Self {
        Self::expecting(|expected| expected.groups = GroupsSource::Userinfo { claim: "roles".to_owned() }).await
    }

    async fn expecting(change: impl FnOnce(&mut Verification)) -> Self {
        Self::of(Fixture::start().await, change)
    }

    fn of(fixture: Fixture, change: impl FnOnce(&mut Verification)) -> Self {
        let mut expected = fixture.verification();
        change(&mut expected);
        let credentials = Credentials::Verify(expected);
        let authenticator = Authenticator::from_config(&credentials, &Dev::Off, MEMORY, fixture.fetching()).unwrap();
        Self { fixture, authenticator }
    }

    fn tokens(&self, user: &User) -> Tokens {
        self.fixture.issuer.tokens_at(user, NOW)
    }

    async fn ask(&self, fields: &[(&'static str, &str)]) -> Result<Arc<Profile>, AuthenticationError> {
        self.ask_at(fields, NOW).await
    }

    async fn ask_at(&self, fields: &[(&'static str, &str)], now: u64) -> Result<Arc<Profile>, AuthenticationError> {
        ask(&self.authenticator, fields, now).await
    }
}

async fn ask(
    authenticator: &Authenticator,
    fields: &[(&'static str, &str)],
    now: u64,
) -> Result<Arc<Profile>, AuthenticationError> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let presented = Presented::take_from(&mut map);
    let identity = authenticator.authenticate_at(Credential::from_presented(&presented)?, now).await?;
    Ok(Arc::clone(identity.profile()))
}

fn missing<T>(outcome: Result<T, AuthenticationError>, expected: CredentialField) -> bool {
    match outcome {
        Err(
            AuthenticationError::Missing { field }
            | AuthenticationError::Credential(CredentialError::Missing { field }),
        ) => field == expected,
        Ok(_) | Err(_) => false,
    }
}

#[tokio::test]
async fn two_good_tokens_make_one_profile() {
    let stand = Stand::start().await;
    let profile = stand.ask(&stand.tokens(&ann()).fields()).await.unwrap();
    let expected = Profile {
        subject: "ann-sub".to_owned(),
        client: stand.fixture.issuer.parties().client.clone(),
        email: Some("ann@example.com".to_owned()),
        email_address: crate::config::EmailAddress::parse("ann@example.com").ok(),
        email_verified: Some(true),
        username: Some("ann-sub".to_owned()),
        name: Some("Ann Lee".to_owned()),
        given_name: None,
        family_name: None,
        groups: ["staff", "readers"].map(str::to_owned).to_vec(),
        expires_at: NOW + 120,
        session_expires_at: NOW + 3600,
    };
    assert!(*profile == expected);
}

#[tokio::test]
async fn the_earliest_end_counts_and_the_access_tokens_username() {
    let stand = Stand::start().await;
    let issuer = &stand.fixture.issuer;
    let user = User { username: "ann.lee".to_owned(), ..ann() };
    let access = bent(&issuer.access_payload(&user, NOW), |payload| payload["exp"] = (NOW + 60).into());
    let access_token = issuer.sign_access(&issuer.access_header(), &access);
    let profile = stand.ask(&Tokens { access_token, ..stand.tokens(&ann()) }.fields()).await.unwrap();
    assert_eq!((profile.expires_at, profile.username.as_deref()), (NOW + 60, Some("ann.lee")));
}

#[tokio::test]
async fn an_email_that_is_none_is_kept_as_text_and_matches_no_rule() {
    let stand = Stand::start().await;
    let user = User { email: "a@evil.example@corp.example".to_owned(), email_verified: false, ..ann() };
    let profile = stand.ask(&stand.tokens(&user).fields()).await.unwrap();
    assert_eq!(profile.email.as_deref(), Some("a@evil.example@corp.example"));
    assert_eq!((&profile.email_address, profile.email_verified), (&None, Some(false)));
}

#[tokio::test]
async fn an_absent_token_is_missed_before_anything_is_verified() {
    let stand = Stand::start().await;
    let tokens = stand.tokens(&ann());
    let [data, access, identity] = tokens.fields();
    assert!(missing(stand.ask(&[]).await, CredentialField::Data));
    assert!(missing(stand.ask(&[access, identity]).await, CredentialField::Data));
    assert!(missing(stand.ask(&[("x_amzn_oidc_data", data.1)]).await, CredentialField::Data));
    assert!(missing(stand.ask(&[data, identity]).await, CredentialField::AccessToken));
    assert!(missing(stand.ask(&[("x-amzn-oidc-data", "garbage")]).await, CredentialField::AccessToken));
    stand.ask(&[data, access]).await.unwrap();
}

#[tokio::test]
async fn text_that_is_not_ascii_is_malformed() {
    let stand = Stand::start().await;
    let tokens = stand.tokens(&ann());
    let [data, access, identity] = tokens.fields();
    let foreign = format!("{}\u{e9}", data.1);
    for fields in [
        [("x-amzn-oidc-data", foreign.as_str()), access, identity],
        [data, ("x-amzn-oidc-accesstoken", "\u{e9}"), identity],
        [("x-amzn-oidc-data", ""), access, identity],
    ] {
        let outcome = stand.ask(&fields).await;
        assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::Malformed(Malformation::Text(_))))));
    }
}

#[tokio::test]
async fn tokens_of_two_users_do_not_go_together() {
    let stand = Stand::start().await;
    let (ann, eve) = (stand.tokens(&ann()), stand.tokens(&User::new("eve-sub", "eve@example.com")));
    for mixed in [
        Tokens { access_token: ann.access_token.clone(), ..eve.clone() },
        Tokens { data: ann.data.clone(), ..eve.clone() },
        Tokens { identity: ann.identity.clone(), ..eve.clone() },
        Tokens { identity: "EVE-SUB".to_owned(), ..eve.clone() },
        Tokens { identity: String::new(), ..eve.clone() },
        Tokens { identity: "eve-sub\u{e9}".to_owned(), ..eve.clone() },
    ] {
        assert!(matches!(stand.ask(&mixed.fields()).await, Err(AuthenticationError::SubjectMismatch)));
    }
    stand.ask(&eve.fields()).await.unwrap();
}

#[tokio::test]
async fn the_alb_token_is_judged_before_the_access_token() {
    let stand = Stand::start().await;
    let late = NOW + 4000;
    let tokens = Tokens { access_token: "garbage".to_owned(), ..stand.tokens(&ann()) };
    let outcome = stand.ask_at(&tokens.fields(), late).await;
    assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::Expired { .. }))));
    let outcome = stand.ask(&tokens.fields()).await;
    assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::Malformed(_)))));
}

#[tokio::test]
async fn with_groups_in_userinfo_the_access_token_is_not_looked_at() {
    let stand = Stand::userinfo().await;
    let issuer = &stand.fixture.issuer;
    let payload = bent(&issuer.alb_payload(&ann(), NOW + 120), |payload| payload["roles"] = "a b".into());
    let data = issuer.sign_alb(&issuer.alb_header(NOW + 120), &payload);
    let data = ("x-amzn-oidc-data", data.as_str());
    for fields in [
        vec![data],
        vec![data, ("x-amzn-oidc-accesstoken", "opaque")],
        vec![data, ("x-amzn-oidc-accesstoken", "\u{e9}")],
        vec![data, ("x-amzn-oidc-accesstoken", ""), ("x-amzn-oidc-identity", "ann-sub")],
    ] {
        assert_eq!(stand.ask(&fields).await.unwrap().groups, ["a", "b"]);
    }
    let field = ("x-amzn-oidc-accesstoken", "opaque");
    let outcome = stand.ask(&[data, field, field]).await;
    assert!(matches!(outcome, Err(AuthenticationError::Credential(CredentialError::Repeated { .. }))));
    let outcome = stand.ask(&[data, ("x-amzn-oidc-identity", "eve-sub")]).await;
    assert!(matches!(outcome, Err(AuthenticationError::SubjectMismatch)));
}

#[tokio::test]
async fn the_same_credential_is_verified_once_and_answered_through_an_outage() {
    let stand = Stand::start().await;
    let tokens = stand.tokens(&ann());
    let first = stand.ask(&tokens.fields()).await.unwrap();
    stand.fixture.endpoint.set_fault(Fault::Down);
    let second = stand.ask_at(&tokens.fields(), NOW + 119).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn nothing_else_is_answered_from_the_cache() {
    let stand = Stand::start().await;
    let tokens = stand.tokens(&ann());
    let first = stand.ask(&tokens.fields()).await.unwrap();
    // A byte of each field. The last character of an RSA signature's text has bits to spare, so not that one.
    for field in 0..3 {
        let mut fields = tokens.fields();
        let mut changed = fields[field].1.to_owned();
        let middle = changed.len() / 2;
        let other = if changed.as_bytes()[middle] == b'A' { "B" } else { "A" };
        changed.replace_range(middle..=middle, other);
        fields[field].1 = &changed;
        stand.ask(&fields).await.unwrap_err();
    }
    // Another access token beside the same ALB token, good or bad.
    let demoted = stand.tokens(&User { groups: Vec::new(), ..ann() }).access_token;
    let profile = stand.ask(&Tokens { access_token: demoted, ..tokens.clone() }.fields()).await.unwrap();
    assert_eq!(profile.groups, [""; 0]);
    let eve = stand.tokens(&User::new("eve-sub", "eve@example.com")).access_token;
    let outcome = stand.ask(&Tokens { access_token: eve, ..tokens.clone() }.fields()).await;
    assert!(matches!(outcome, Err(AuthenticationError::SubjectMismatch)));
    let [data, access, _] = tokens.fields();
    assert!(!Arc::ptr_eq(&first, &stand.ask(&[data, access]).await.unwrap()));
}

#[tokio::test]
async fn the_cache_ends_with_the_token_and_the_leeway_is_verified_anew() {
    let stand = Stand::start().await;
    let tokens = stand.tokens(&ann());
    let first = stand.ask(&tokens.fields()).await.unwrap();
    let on_leeway = stand.ask_at(&tokens.fields(), NOW + 120).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &on_leeway));
    let outcome = stand.ask_at(&tokens.fields(), NOW + 125).await;
    assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::Expired { .. }))));
}

#[tokio::test]
async fn a_failure_is_not_cached() {
    let stand = Stand::start().await;
    let tokens = stand.tokens(&ann());
    stand.fixture.endpoint.set_fault(Fault::Down);
    let outcome = stand.ask(&tokens.fields()).await;
    assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::Key(KeyError::Unavailable { .. })))));
    stand.fixture.endpoint.set_fault(Fault::None);
    pass(std::time::Duration::from_secs(2)).await;
    stand.ask(&tokens.fields()).await.unwrap();
}

#[tokio::test]
async fn the_clock_of_the_machine_is_the_one_that_counts() {
    let stand = Stand::start().await;
    let authenticate = async |tokens: &Tokens| {
        let mut map: HeaderMap = tokens
            .fields()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .into_iter()
            .collect();
        let presented = Presented::take_from(&mut map);
        let credential = Credential::from_presented(&presented).unwrap();
        stand.authenticator.authenticate(credential).await.map(|identity| identity.profile().subject.clone())
    };
    assert_eq!(authenticate(&stand.fixture.issuer.tokens(&ann())).await.unwrap(), "ann-sub");
    authenticate(&stand.fixture.issuer.tokens_at(&ann(), 1_000_000_000)).await.unwrap_err();
}

fn mock() -> Dev {
    Dev::On(DevMode::for_tests(MockUser {
        sub: "mock".to_owned(),
        email: "dev@example.com".to_owned(),
        email_verified: true,
        username: None,
        name: Some("Dev User".to_owned()),
        given_name: None,
        family_name: None,
        groups: vec!["staff".to_owned()],
    }))
}

#[tokio::test]
async fn the_mock_user_is_who_presents_nothing_and_nobody_else() {
    let fixture = Fixture::start().await;
    let tokens = fixture.issuer.tokens_at(&ann(), NOW);
    let [data, access, identity] = tokens.fields();
    for credentials in [Credentials::RefuseAll, Credentials::Verify(fixture.verification())] {
        let authenticator = Authenticator::from_config(&credentials, &mock(), MEMORY, fixture.fetching()).unwrap();
        let profile = ask(&authenticator, &[("accept", "*/*")], NOW).await.unwrap();
        assert_eq!((profile.subject.as_str(), profile.groups.as_slice()), ("mock", &["staff".to_owned()][..]));
        for fields in [
            vec![data],
            vec![access],
            vec![identity],
            vec![("x-amzn-oidc-other", "")],
            vec![("x_amzn_oidc_identity", "mock")],
            vec![("x-amzn-oidc-data", "garbage"), access],
            vec![data, data],
        ] {
            ask(&authenticator, &fields, NOW).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn without_a_configured_load_balancer_every_token_is_of_a_wrong_signer() {
    let fixture = Fixture::start().await;
    let tokens = fixture.issuer.tokens_at(&ann(), NOW);
    for dev in [Dev::Off, mock()] {
        let authenticator =
            Authenticator::from_config(&Credentials::RefuseAll, &dev, MEMORY, fixture.fetching()).unwrap();
        let outcome = ask(&authenticator, &tokens.fields(), NOW).await;
        assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::WrongSigner { .. }))));
    }
}
