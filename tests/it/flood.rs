//! New tokens by the hundred: each is verified in its turn and answered for itself, and whoever is known goes on meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use cognito_auth_proxy::dev::{Tokens, User};
use futures_util::future::join_all;

use crate::support::{
    client::{Wire, request},
    door::{Door, with_data},
    proxy::{Proxy, staff},
    soon,
    upstream::{Seen, Upstream},
};

const CONNECTIONS: usize = 64;
const EACH: usize = 8;

fn user(number: usize) -> User {
    User::new(&format!("user-{number}"), "ann@example.com").in_groups(&["staff"])
}

fn subject_of(seen: &Seen) -> Vec<u8> {
    let subject = seen.claims()["sub"].as_str().unwrap().to_owned();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{subject}", subject.len()).into_bytes()
}

/// The load balancer's token with a signature of another.
fn forged(tokens: &Tokens, other: &Tokens) -> String {
    let parts =
        |token: &str| token.rsplit_once('.').map(|(text, signature)| (text.to_owned(), signature.to_owned())).unwrap();
    format!("{}.{}", parts(&tokens.data).0, parts(&other.data).1)
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_flood_of_new_tokens_everybody_is_answered_for_themselves() {
    let upstream = Upstream::answering(subject_of).await;
    let proxy = Proxy::start(&upstream).await;
    let known = proxy.tokens();
    assert_eq!(proxy.send("GET /", &known.fields()).await.text(), staff().sub);
    let over = AtomicBool::new(false);
    let newcomer = async |number: usize| {
        let mut wire = Wire::connect(proxy.address).await;
        for turn in 0..EACH {
            let (mine, other) = (user(number * EACH + turn), user(usize::MAX));
            let (tokens, other) = (proxy.issuer.tokens(&mine), proxy.issuer.tokens(&other));
            wire.send(request("GET /", &with_data(&tokens, &forged(&tokens, &other)))).await;
            assert_eq!(wire.answer().await.status, 401);
            wire.send(request("GET /", &tokens.fields())).await;
            let answer = wire.answer().await;
            assert_eq!((answer.status, answer.text()), (200, mine.sub));
        }
    };
    let flood = async {
        join_all((0..CONNECTIONS).map(newcomer)).await;
        over.store(true, Ordering::SeqCst);
    };
    let known_user = async {
        let (mut wire, mut served) = (Wire::connect(proxy.address).await, 0);
        while !over.load(Ordering::SeqCst) {
            wire.send(request("GET /", &known.fields())).await;
            let answer = wire.answer().await;
            assert_eq!((answer.status, answer.text()), (200, staff().sub));
            served += 1;
        }
        served
    };
    let ((), served) = tokio::join!(flood, known_user);
    assert!(served > 0);
    assert_eq!(upstream.unasked().len(), 1 + CONNECTIONS * EACH + served, "nothing forged reached the application");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_while_they_wait_for_their_turn_take_none_along() {
    let door = Door::new().await;
    door.admits("somebody", &door.proxy.tokens().fields()).await;
    for round in 0..20 {
        let mut wires = Vec::new();
        for number in 0..16 {
            let tokens = door.proxy.issuer.tokens(&user(round * 16 + number));
            let mut wire = Wire::connect(door.proxy.address).await;
            wire.send(request("GET /page", &tokens.fields())).await;
            wires.push(wire);
        }
        drop(wires);
    }
    let newest = door.proxy.issuer.tokens(&user(1_000));
    let answer = soon("the answer to whoever comes after them", door.ask(&newest.fields())).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
}
