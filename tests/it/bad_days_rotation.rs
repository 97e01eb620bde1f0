//! Keys that change in the middle of traffic refuse nobody who holds a token of a published key, and a key that was taken
//! out of the set is not believed once the set was fetched again.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use cognito_auth_proxy::dev::{Issuer, Parties, Tokens, User};
use futures_util::future::join_all;

use crate::support::{
    client::{Wire, request},
    door::{Door, with_access, with_data},
    draft::Draft,
    proxy::{Proxy, staff},
    upstream::{Seen, Upstream},
};

const USERS: usize = 40;
const ROTATIONS: usize = 3;

fn user(number: usize) -> User {
    User::new(&format!("user-{number}"), "ann@example.com").in_groups(&["staff"])
}

fn subject_of(seen: &Seen) -> Vec<u8> {
    let subject = seen.claims()["sub"].as_str().unwrap().to_owned();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{subject}", subject.len()).into_bytes()
}

/// Goes through its credentials in turn on one connection until told to stop: how many answers came, all its own.
async fn visit(address: SocketAddr, subject: String, credentials: Vec<Tokens>, stop: &AtomicBool) -> usize {
    let mut wire = Wire::connect(address).await;
    for (visits, tokens) in credentials.iter().cycle().enumerate() {
        if visits >= credentials.len() && stop.load(Ordering::SeqCst) {
            return visits;
        }
        wire.send(request("GET /", &tokens.fields())).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.text()), (200, subject.clone()), "visit {visits}");
    }
    0
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_refused_while_old_and_new_keys_are_published() {
    let upstream = Upstream::answering(subject_of).await;
    let mut proxy = Proxy::start(&upstream).await;
    let address = proxy.address;
    assert_eq!(proxy.send_signed_in("GET /", &[]).await.status, 200, "the first keys are known");
    let mut generations: Vec<Vec<Tokens>> = (0..USERS).map(|number| vec![proxy.issuer.tokens(&user(number))]).collect();
    for _ in 0..ROTATIONS {
        // Everybody has a credential of each key so far; half of them have not met the newest when it is published.
        proxy.issuer.rotate().unwrap();
        let stop = AtomicBool::new(false);
        let old = generations.clone().into_iter().enumerate();
        let holders_of_old = join_all(old.map(|(n, credentials)| visit(address, user(n).sub, credentials, &stop)));
        let holders_of_new = async {
            proxy.keys.publish(&proxy.issuer);
            let new: Vec<Tokens> = (0..USERS).map(|number| proxy.issuer.tokens(&user(number))).collect();
            let told = AtomicBool::new(true);
            join_all(
                new.iter().cloned().enumerate().map(|(n, tokens)| visit(address, user(n).sub, vec![tokens], &told)),
            )
            .await;
            stop.store(true, Ordering::SeqCst);
            new
        };
        let (visits, new) = tokio::join!(holders_of_old, holders_of_new);
        assert!(visits.iter().all(|visits| *visits > 0), "{visits:?}");
        generations.iter_mut().zip(new).for_each(|(credentials, tokens)| credentials.push(tokens));
    }
    assert_eq!(proxy.keys.requests(), 2 + 2 * ROTATIONS, "one fetch for each key, however many wanted it");
}

/// What documents it: `src/keys/pool.rs` (a fetched set replaces the former), `src/keys/mod.rs` (a load balancer's key is
/// trusted for a day) and `src/authenticator/cache.rs` (what was verified stays so as long as its keys are trusted).
#[tokio::test(flavor = "multi_thread")]
async fn a_key_taken_out_of_the_set_is_not_believed_once_the_set_was_fetched_again() {
    let mut door = Door::new().await;
    let removed = Issuer::generate(Parties::default()).unwrap();
    door.proxy.keys.publish(&removed);
    let old = |what: &str| Draft::of(&removed, &User { name: Some(what.to_owned()), ..staff() }).signed(&removed);
    let seen_before = old("seen before");
    door.admits("the first key", &seen_before.fields()).await;

    door.proxy.keys.publish(&door.proxy.issuer);
    door.admits("of the removed key, not known to be removed", &old("again").fields()).await;
    let new = door.sign(&door.draft());
    door.admits("the new key", &new.fields()).await;

    let late = old("after the fetch");
    door.refuses("the removed key of the pool", &with_data(&late, &new.data), (401, "unknown_key")).await;
    door.refuses("both", &late.fields(), (401, "unknown_key")).await;
    door.admits("the load balancer's, for a day at most", &with_access(&late, &new.access_token)).await;
    door.refuses("a credential that it verified before", &seen_before.fields(), (401, "unknown_key")).await;
    let asked = door.proxy.keys.requests();
    for turn in 0..20 {
        door.refuses("again and again", &old(&turn.to_string()).fields(), (401, "unknown_key")).await;
    }
    assert_eq!(door.proxy.keys.requests(), asked, "a removed key is looked for once in a while");

    // What comes back is believed again: nothing is held against a key.
    door.proxy.issuer.rotate().unwrap();
    door.proxy.keys.publish(&door.proxy.issuer);
    door.admits("the newest", &door.sign(&door.draft()).fields()).await;
}
