//! Thousands of made-up key ids a second cost the key endpoints a request a second, known users nothing, and no memory.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use aws_lc_rs::rand;
use cognito_auth_proxy::dev::{Issuer, TokenShape, Tokens};
use futures_util::future::join_all;

use crate::support::{
    client::{Wire, request},
    draft::now,
    proxy::{Setup, staff},
    report,
    upstream::Upstream,
};

const FLOOD: Duration = Duration::from_secs(3);
const FLOODERS: usize = 4;
/// Requests sent in one go on a connection, before their answers are read.
const WAVE: usize = 32;
/// What a process may grow by for other reasons: the allocator's arenas, buffers of connections.
const SLACK: usize = 24 * 1024 * 1024;

/// A load balancer's token under a key nobody has. Nobody looks at its signature.
fn made_up_alb(issuer: &Issuer, genuine: &Tokens) -> Tokens {
    let header = issuer.alb_header_of(issuer.parties(), &random_uuid(), now() + 120);
    let data = TokenShape::Alb.token(&header, &issuer.alb_payload(&staff(), now() + 120), |_| vec![7; 64]);
    Tokens { data, ..genuine.clone() }
}

/// An access token under a key nobody has, its id as long as may be.
fn made_up_pool(issuer: &Issuer, genuine: &Tokens) -> Tokens {
    let header = format!(r#"{{"kid":"{:0>128}","alg":"RS256"}}"#, random_uuid());
    let access_token = TokenShape::Compact.token(&header, &issuer.access_payload(&staff(), now()), |_| vec![7; 256]);
    Tokens { access_token, ..genuine.clone() }
}

fn random_uuid() -> String {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

type MakeUp = fn(&Issuer, &Tokens) -> Tokens;

/// How many made-up credentials were refused on one connection until the end, each as one.
async fn flood(address: SocketAddr, issuer: &Issuer, make_up: MakeUp, until: Instant) -> usize {
    let genuine = issuer.tokens(&staff());
    let mut wire = Wire::connect(address).await;
    let mut refused = 0;
    while Instant::now() < until {
        let mut wave = String::new();
        for _ in 0..WAVE {
            let tokens = make_up(issuer, &genuine);
            wave += &request("GET /", &[&tokens.fields()[..], &[("Accept", "application/json")]].concat());
        }
        wire.send(wave).await;
        for _ in 0..WAVE {
            let answer = wire.answer().await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "unknown_key"));
            refused += 1;
        }
    }
    refused
}

/// A known user during the flood, with a credential that was seen before and with ones that were not.
async fn known_user(address: SocketAddr, issuer: &Issuer, over: &AtomicBool) -> usize {
    let (mut wire, seen_before) = (Wire::connect(address).await, issuer.tokens(&staff()));
    let mut served = 0;
    while !over.load(Ordering::SeqCst) {
        for tokens in [&seen_before, &issuer.tokens(&staff())] {
            wire.send(request("GET /", &tokens.fields())).await;
            let answer = wire.answer().await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "a known user in a flood");
            served += 1;
        }
    }
    served
}

async fn a_flood_costs_little(make_up: MakeUp) {
    let upstream = Upstream::start().await;
    let serving = Setup::new(&upstream).await.start_process().await;
    let (address, issuer) = (serving.address, &serving.issuer);
    let first = serving.send("GET /", &issuer.tokens(&staff()).fields()).await;
    assert_eq!(first.text(), "hello");
    // Once round before it counts: buffers and arenas are there then.
    flood(address, issuer, make_up, Instant::now()).await;
    let (before, began, over) = (serving.process.memory(), Instant::now(), AtomicBool::new(false));
    let flooding = async {
        let refused = join_all((0..FLOODERS).map(|_| flood(address, issuer, make_up, began + FLOOD))).await;
        over.store(true, Ordering::SeqCst);
        refused.iter().sum::<usize>()
    };
    let (refused, served) = tokio::join!(flooding, known_user(address, issuer, &over));
    // The budget's own terms: ten at once and then one a second. The first two were for the keys that exist.
    let budget = 10 + usize::try_from(began.elapsed().as_secs()).unwrap() + 2;
    let asked = serving.keys.requests() - 2;
    assert!((10..=budget).contains(&asked), "{asked} requests to the endpoint, {budget} at most");
    let grown = serving.process.memory().saturating_sub(before);
    assert!(grown < SLACK, "{grown} bytes more after {refused} made-up ids");
    report(&format!("{refused} made-up ids, {asked} fetches, {served} answers to known users, {grown} bytes more"));
    assert!(served > 0 && refused > 1000, "{served} requests of known users beside {refused} of the flood");
    assert_eq!(upstream.unasked().len(), served + 1, "nothing of the flood reached the application");
    assert_eq!(serving.terminated().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_load_balancer_key_ids_costs_little_and_known_users_nothing() {
    a_flood_costs_little(made_up_alb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pool_key_ids_costs_little_and_known_users_nothing() {
    a_flood_costs_little(made_up_pool).await;
}
