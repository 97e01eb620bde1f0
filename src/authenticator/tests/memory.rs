//! What was verified is answered again for the same credential, and for nothing else: not when a key has gone, not by
//! the hour, not to others. And verifying takes turns that nobody else waits for.

use std::{pin::pin, time::Duration};

use futures_util::{future::join_all, poll};

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn unknown_key<T>(outcome: &Result<T, AuthenticationError>) -> bool {
    matches!(outcome, Err(AuthenticationError::Token(TokenError::Key(KeyError::Unknown))))
}

fn bad_signature<T>(outcome: &Result<T, AuthenticationError>) -> bool {
    matches!(outcome, Err(AuthenticationError::Token(TokenError::BadSignature)))
}

fn eve() -> User {
    User::new("eve-sub", "eve@example.com")
}

impl Stand {
    fn verifiers(&self) -> &Verifiers {
        match &self.authenticator.presented {
            PresentedCredential::Verified(verifiers) => verifiers,
            PresentedCredential::Refused => panic!("it verifies"),
        }
    }

    /// Lets this much time go by and has the keys in use fetched again in the background, as anybody's new tokens do.
    async fn renewed_after(&self, time: Duration, fetches: usize) {
        pass(time).await;
        let before = self.fixture.endpoint.requests();
        let _either_way = self.ask(&self.tokens(&eve()).fields()).await;
        self.fixture.endpoint.reached(before + fetches).await;
        // A fetch that is answered is also landed, before anybody else is served.
        let _either_way = self.ask(&self.tokens(&User::new("late", "late@example.com")).fields()).await;
    }
}

async fn until_it_is_not(stand: &Stand, tokens: &Tokens) -> AuthenticationError {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        match stand.ask(&tokens.fields()).await {
            Ok(_) => assert!(std::time::Instant::now() < deadline, "it is answered for ever"),
            Err(error) => return error,
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_pool_key_that_is_gone_takes_what_it_verified_along() {
    let stand = Stand::with_own_keys().await;
    let tokens = stand.tokens(&ann());
    stand.ask(&tokens.fields()).await.unwrap();
    stand.fixture.endpoint.publish(&new_issuer());
    // Nobody has looked at the set again so far.
    stand.ask(&tokens.fields()).await.unwrap();
    stand.renewed_after(HOUR, 1).await;
    let error = until_it_is_not(&stand, &tokens).await;
    assert!(unknown_key(&Err::<(), _>(error)));
    // The same of the access token by itself, beside a load balancer's token that is new.
    let beside = Tokens { data: stand.fixture.issuer.tokens_at(&ann(), NOW - 1).data, ..tokens };
    assert!(unknown_key(&stand.ask(&beside.fields()).await));
}

#[tokio::test]
async fn another_pool_key_under_the_same_id_takes_what_the_first_verified_along() {
    let stand = Stand::with_own_keys().await;
    let tokens = stand.tokens(&ann());
    stand.ask(&tokens.fields()).await.unwrap();
    stand.fixture.endpoint.publish(&stand.fixture.issuer.with_other_keys_of_the_same_ids());
    stand.renewed_after(HOUR, 1).await;
    assert!(bad_signature(&Err::<(), _>(until_it_is_not(&stand, &tokens).await)));
}

#[tokio::test]
async fn another_load_balancer_key_under_the_same_id_takes_what_the_first_verified_along() {
    let stand = Stand::of(Fixture::with_issuer(Arc::new(new_issuer())).await, |expected| {
        expected.groups = GroupsSource::Userinfo { claim: "roles".to_owned() };
    });
    let tokens = stand.tokens(&ann());
    stand.ask(&tokens.fields()).await.unwrap();
    stand.fixture.endpoint.publish(&stand.fixture.issuer.with_other_keys_of_the_same_ids());
    stand.renewed_after(13 * HOUR, 1).await;
    assert!(bad_signature(&Err::<(), _>(until_it_is_not(&stand, &tokens).await)));
}

#[tokio::test]
async fn keys_that_are_found_again_keep_what_they_verified() {
    let stand = Stand::start().await;
    let tokens = stand.tokens(&ann());
    let first = stand.ask(&tokens.fields()).await.unwrap();
    stand.renewed_after(13 * HOUR, 2).await;
    assert!(Arc::ptr_eq(&first, &stand.ask(&tokens.fields()).await.unwrap()));
}

#[tokio::test]
async fn nothing_is_answered_beyond_the_trust_in_its_keys() {
    let stand = Stand::start().await;
    stand.ask(&stand.tokens(&eve()).fields()).await.unwrap();
    stand.fixture.endpoint.set_fault(Fault::Down);
    pass(24 * HOUR - Duration::from_secs(60)).await;
    // A minute is left of the day for which a key is trusted without being seen, and two of the token.
    let tokens = stand.tokens(&ann());
    let first = stand.ask(&tokens.fields()).await.unwrap();
    let again = stand.ask_at(&tokens.fields(), NOW + 50).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    pass(Duration::from_secs(60)).await;
    let outcome = stand.ask_at(&tokens.fields(), NOW + 60).await;
    assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::Key(KeyError::Unavailable { .. })))));
}

#[tokio::test]
async fn either_token_ends_what_was_verified_of_both() {
    let stand = Stand::start().await;
    let issuer = &stand.fixture.issuer;
    let access = |at: u64| {
        let payload = bent(&issuer.access_payload(&ann(), NOW), |payload| payload["exp"] = at.into());
        issuer.sign_access(&issuer.access_header(), &payload)
    };
    for (tokens, end) in
        [(stand.tokens(&ann()), NOW + 120), (Tokens { access_token: access(NOW + 7), ..stand.tokens(&ann()) }, NOW + 7)]
    {
        let first = stand.ask(&tokens.fields()).await.unwrap();
        assert!(Arc::ptr_eq(&first, &stand.ask_at(&tokens.fields(), end - 1).await.unwrap()));
        assert!(!Arc::ptr_eq(&first, &stand.ask_at(&tokens.fields(), end).await.unwrap()), "the leeway is verified");
        let outcome = stand.ask_at(&tokens.fields(), end + 5).await;
        assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::Expired { .. }))));
    }
}

#[tokio::test]
async fn an_access_token_seen_before_is_bound_to_subject_client_and_time_as_a_new_one() {
    let stand = Stand::expecting(|expected| {
        expected.client_ids.push(crate::config::ClientId::parse("anotherclient").unwrap());
    })
    .await;
    let issuer = &stand.fixture.issuer;
    let tokens = stand.tokens(&ann());
    stand.ask(&tokens.fields()).await.unwrap();
    // A new load balancer's token of the same user beside it.
    let data = issuer.tokens_at(&ann(), NOW + 1).data;
    assert_eq!(stand.ask(&Tokens { data, ..tokens.clone() }.fields()).await.unwrap().groups, ["staff", "readers"]);
    // Of another user.
    let of_eve = Tokens { data: stand.tokens(&eve()).data, identity: "eve-sub".to_owned(), ..tokens.clone() };
    assert!(matches!(stand.ask(&of_eve.fields()).await, Err(AuthenticationError::SubjectMismatch)));
    // Of another client.
    let header = bent(&issuer.alb_header(NOW + 120), |header| header["client"] = "anotherclient".into());
    let data = issuer.sign_alb(&header, &issuer.alb_payload(&ann(), NOW + 120));
    let outcome = stand.ask(&Tokens { data, ..tokens.clone() }.fields()).await;
    assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::WrongClient))));
    // After its end.
    let late = Tokens { data: issuer.tokens_at(&ann(), NOW + 3600).data, ..tokens };
    let outcome = stand.ask_at(&late.fields(), NOW + 3605).await;
    assert!(matches!(outcome, Err(AuthenticationError::Token(TokenError::Expired { .. }))));
}

#[tokio::test]
async fn who_is_known_waits_for_no_turn() {
    let stand = Stand::start().await;
    let (known, new) = (stand.tokens(&ann()), stand.tokens(&eve()));
    stand.ask(&known.fields()).await.unwrap();
    let turn = stand.verifiers().turns.take().await;
    let fields = new.fields();
    let mut waiting = pin!(stand.ask(&fields));
    assert!(poll!(&mut waiting).is_pending());
    let fields = known.fields();
    tokio::time::timeout(Duration::from_secs(30), stand.ask(&fields)).await.expect("no wait").unwrap();
    assert!(poll!(&mut waiting).is_pending());
    drop(turn);
    assert_eq!(waiting.await.unwrap().subject, "eve-sub");
}

#[tokio::test]
async fn a_key_that_is_fetched_keeps_nobodys_turn() {
    let mut former = new_issuer();
    let stand = Stand::of(Fixture::with_issuer(Arc::new(new_issuer())).await, |_| {});
    stand.fixture.endpoint.publish(&former);
    let tokens = |issuer: &crate::dev::Issuer, user: &User| issuer.tokens_at(user, NOW);
    stand.ask(&tokens(&former, &ann()).fields()).await.unwrap();
    let known = tokens(&former, &User { groups: Vec::new(), ..ann() });
    let before = tokens(&former, &eve());
    former.rotate().unwrap();
    stand.fixture.endpoint.publish(&former);
    stand.fixture.endpoint.set_fault(Fault::Held);
    // One waits for a load balancer's key, one with a good token of the known key for the pool's.
    let both_new = tokens(&former, &eve());
    let pool_new = Tokens { data: before.data, ..both_new.clone() };
    let (one, other) = (both_new.fields(), pool_new.fields());
    let (mut one, mut other) = (pin!(stand.ask(&one)), pin!(stand.ask(&other)));
    while stand.fixture.endpoint.requests() < 4 {
        assert!(poll!(&mut one).is_pending() && poll!(&mut other).is_pending());
        tokio::task::yield_now().await;
    }
    let fields = known.fields();
    tokio::time::timeout(Duration::from_secs(30), stand.ask(&fields)).await.expect("a turn").unwrap();
    stand.fixture.endpoint.set_fault(Fault::None);
    assert_eq!(
        (one.await.unwrap().subject.clone(), other.await.unwrap().subject.clone()),
        ("eve-sub".to_owned(), "eve-sub".to_owned())
    );
}

#[tokio::test]
async fn a_credential_that_comes_many_times_at_once_is_verified_once() {
    let stand = Stand::start().await;
    // The keys are at hand.
    stand.ask(&stand.tokens(&eve()).fields()).await.unwrap();
    let tokens = stand.tokens(&ann());
    let profiles = join_all((0..60).map(|_| async { stand.ask(&tokens.fields()).await.unwrap() })).await;
    assert!(profiles.iter().all(|profile| Arc::ptr_eq(profile, &profiles[0])));
}
