//! A key endpoint that lies, drips, never ends, leads elsewhere or comes and goes decides nothing, and is asked no more
//! than it was before.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::KeySize,
    signature::{KeyPair, RsaKeyPair},
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use cognito_auth_proxy::dev::{Fault, Tokens};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    client::{Wire, request},
    door::Door,
    eventually,
    liar::{Liar, Lie, gzipped, ok},
    proxy::{Setup, staff},
    upstream::Upstream,
};

const HTML: &str = "<!doctype html><title>Sign in to the network</title>";

/// A door whose proxy asks a liar for one kind of key, and the true endpoint for the other.
async fn door_of(setting: &str, liar: &Liar) -> Door {
    let path = if setting == ALB { "/alb" } else { "/jwks.json" };
    Door::with(&[(setting, &liar.url(path))]).await
}

const ALB: &str = "COGNITO_AUTH_ALB_PUBLIC_KEYS_URL";
const POOL: &str = "COGNITO_AUTH_COGNITO_JWKS_URL";

/// What both kinds of endpoint might say that is no key.
fn lies() -> Vec<(&'static str, Lie)> {
    let said = |text: &str| Lie::Said(text.as_bytes().to_vec());
    vec![
        ("nothing", said("")),
        ("an empty body", ok("", "")),
        ("a page", ok("content-type: text/html\r\n", HTML)),
        ("half a head", said("HTTP/1.1 200 OK\r\ncontent-le")),
        ("half a body", said("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"keys\":[")),
        ("a chunked body without end", said("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n---\r\n")),
        ("two lengths", said("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}")),
        ("another protocol", said("220 mail.example ESMTP\r\n")),
        ("another version", said("HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n")),
        ("bytes", ok("", [0xff, 0xfe, 0, 1])),
        ("a body without end", Lie::Endless("HTTP/1.1 200 OK\r\n\r\n", "----------")),
        ("chunks without end", Lie::Endless("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "4\r\n----\r\n")),
        ("a head without end", Lie::Endless("HTTP/1.1 200 OK\r\n", "x-more: and more\r\n")),
        ("interim answers without end", Lie::Endless("", "HTTP/1.1 103 Early Hints\r\n\r\n")),
        ("an early hint and nothing", said("HTTP/1.1 103 Early Hints\r\n\r\n")),
        (
            "a promise of 2^63 bytes",
            Lie::Endless("HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\n", "-"),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_said_in_place_of_a_key_is_503_and_costs_one_request() {
    let cases = [ALB, POOL].into_iter().flat_map(|setting| lies().into_iter().map(move |lie| (setting, lie)));
    join_all(cases.map(async |(setting, (what, lie))| {
        let liar = Liar::saying(lie).await;
        let door = door_of(setting, &liar).await;
        let what = format!("{what} from {setting}");
        let tokens = door.sign(&door.draft());
        let answer = door.refuses(&what, &tokens.fields(), (503, "keys_unavailable")).await;
        assert_eq!((answer.field("retry-after"), answer.field("location")), (Some("5"), None), "{what}");
        assert_eq!(liar.requests(), 1, "{what}: no second look");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_is_given_up_after_three_seconds() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n";
    // In the head, too, every byte comes soon after the one before.
    let cases = [(ALB, HEAD), (POOL, HEAD), (ALB, "HTTP/1.1 200 OK\r\nx-drip: ")];
    join_all(cases.map(async |(setting, head)| {
        let liar = Liar::saying(Lie::Dripping(head)).await;
        let door = door_of(setting, &liar).await;
        let began = Instant::now();
        door.refuses(setting, &door.sign(&door.draft()).fields(), (503, "keys_unavailable")).await;
        let waited = began.elapsed();
        assert!((3..20).contains(&waited.as_secs()), "{setting}: {waited:?}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_where_the_keys_are_is_not_followed() {
    let statuses = ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent", "300 Choices"];
    let cases = [ALB, POOL].into_iter().flat_map(|setting| statuses.map(|status| (setting, status)));
    join_all(cases.map(async |(setting, status)| {
        let upstream = Upstream::start().await;
        let setup = Setup::new(&upstream).await;
        let tokens = setup.issuer.tokens(&staff());
        let there = if setting == ALB {
            format!("{}/{}", setup.keys.alb_url(), setup.issuer.alb_key_id())
        } else {
            setup.keys.jwks_url()
        };
        let fields = format!("location: {there}\r\nrefresh: 0;url={there}\r\ncontent-location: {there}\r\n");
        let liar =
            Liar::saying(Lie::Said(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n{fields}\r\n").into_bytes()))
                .await;
        let path = if setting == ALB { "/alb" } else { "/jwks.json" };
        let door = Door { upstream, proxy: setup.set(setting, &liar.url(path)).start().await };
        door.refuses(status, &tokens.fields(), (503, "keys_unavailable")).await;
        let expected = if setting == ALB { 0 } else { 1 };
        assert_eq!(door.proxy.keys.requests(), expected, "{status}: the other address was asked for {setting}");
        assert_eq!(liar.requests(), 1, "{status}");
    }))
    .await;
}

/// A public key in PEM, of RSA.
fn rsa_pem() -> String {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der.as_ref()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_key_in_the_wrong_wrapping_is_no_load_balancers_key() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await;
    let (pem, set) = (setup.issuer.alb_pem().to_owned(), setup.issuer.jwks());
    let wrappings = [
        ("a key of RSA", ok("", rsa_pem())),
        ("gzip, announced", ok("content-encoding: gzip\r\n", gzipped(pem.as_bytes()))),
        ("gzip, not announced", ok("", gzipped(pem.as_bytes()))),
        ("a certificate's frame", ok("", pem.replace("PUBLIC KEY", "CERTIFICATE"))),
        ("a key set", ok("content-type: application/json\r\n", &set)),
        ("json around it", ok("", json!({ "key": pem }).to_string())),
        ("a page around it", ok("", format!("<html><pre>{pem}</pre></html>"))),
        ("206", Lie::Said(format!("HTTP/1.1 206 Partial\r\ncontent-length: {}\r\n\r\n{pem}", pem.len()).into_bytes())),
        ("8 kB of it", ok("", format!("{pem}{}", " ".repeat(8192)))),
    ];
    drop(setup);
    for (what, lie) in wrappings {
        let liar = Liar::saying(lie).await;
        let setup = Setup::new(&upstream).await.set(ALB, &liar.url("/alb"));
        let (tokens, proxy) = (setup.issuer.tokens(&staff()), setup.start().await);
        let answer = proxy.send("GET /page", &[&tokens.fields()[..], &[("Accept", "application/json")]].concat()).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "keys_unavailable"), "{what}");
        assert!(upstream.unasked().is_empty(), "{what}");
    }
}

/// The genuine set of `door` with its one key bent, beside nothing and beside a key of somebody else's.
async fn bent_set_is_refused(what: &str, bend: impl Fn(&mut Value)) {
    for beside_another in [false, true] {
        let upstream = Upstream::start().await;
        let setup = Setup::new(&upstream).await;
        let mut set: Value = serde_json::from_str(&setup.issuer.jwks()).unwrap();
        let mut other = set["keys"][0].clone();
        other["kid"] = json!("another");
        bend(&mut set["keys"][0]);
        if beside_another {
            set["keys"].as_array_mut().unwrap().push(other);
        }
        let liar = Liar::saying(ok("content-type: application/json\r\n", set.to_string())).await;
        let tokens = setup.issuer.tokens(&staff());
        let door = Door { upstream, proxy: setup.set(POOL, &liar.url("/jwks.json")).start().await };
        // A set that has a usable key is a set: then it is the token that names none of it.
        let expected = if beside_another { (401, "unknown_key") } else { (503, "keys_unavailable") };
        door.refuses(what, &tokens.fields(), expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_key_with_the_wrong_description_is_no_pools_key() {
    bent_set_is_refused("without kid", |key| drop(key.as_object_mut().unwrap().remove("kid"))).await;
    bent_set_is_refused("kid of null", |key| key["kid"] = Value::Null).await;
    bent_set_is_refused("an empty kid", |key| key["kid"] = json!("")).await;
    bent_set_is_refused("for encryption", |key| key["use"] = json!("enc")).await;
    bent_set_is_refused("for another algorithm", |key| key["alg"] = json!("PS256")).await;
    bent_set_is_refused("symmetric", |key| {
        *key = json!({ "kty": "oct", "kid": key["kid"], "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" });
    })
    .await;
    bent_set_is_refused("said to be symmetric", |key| key["kty"] = json!("oct")).await;
    bent_set_is_refused("without exponent", |key| drop(key.as_object_mut().unwrap().remove("e"))).await;
    bent_set_is_refused("a number for a modulus", |key| key["n"] = json!(65537)).await;
    bent_set_is_refused("an object for a kid", |key| key["kid"] = json!({ "kid": key["kid"] })).await;
}

/// A set made of the pool's genuine key.
type MakeSet = fn(Value) -> String;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_is_taken_as_long_as_it_is_one_and_no_longer_than_64_kib() {
    let genuine =
        |setup: &Setup| -> Value { serde_json::from_str::<Value>(&setup.issuer.jwks()).unwrap()["keys"][0].clone() };
    let sets: [(&str, MakeSet, u16); 8] = [
        ("broken json", |key| json!({ "keys": [key] }).to_string() + "}", 503),
        ("cut json", |key| json!({ "keys": [key] }).to_string().trim_end_matches("]}").to_owned(), 503),
        ("an array", |key| json!([key]).to_string(), 503),
        ("keys by id", |key| json!({ "keys": { "a": key } }).to_string(), 503),
        ("a hundred genuine keys", |key| json!({ "keys": vec![key; 100] }).to_string(), 200),
        // 1,000 RSA keys are 450 kB; 1,000 small ones and the right one behind them fit.
        ("1,000 genuine keys", |key| json!({ "keys": vec![key; 1000] }).to_string(), 503),
        (
            "1,000 keys of another kind, then ours",
            |key| {
                let mut keys = vec![json!({ "kty": "oct", "kid": "k", "k": "AAAA" }); 1000];
                keys.push(key);
                json!({ "keys": keys }).to_string()
            },
            200,
        ),
        (
            "5 MB of white space around a genuine set",
            |key| format!("{}{}", json!({ "keys": [key] }), " ".repeat(5_000_000)),
            503,
        ),
    ];
    for (what, make, expected) in sets {
        let upstream = Upstream::start().await;
        let setup = Setup::new(&upstream).await;
        let liar = Liar::saying(ok("", make(genuine(&setup)))).await;
        let tokens = setup.issuer.tokens(&staff());
        let door = Door { upstream, proxy: setup.set(POOL, &liar.url("/jwks.json")).start().await };
        if expected == 200 {
            assert_eq!(door.admits(what, &tokens.fields()).await.claims()["email"], "ann@example.com");
        } else {
            door.refuses(what, &tokens.fields(), (503, "keys_unavailable")).await;
        }
        assert_eq!(liar.requests(), 1, "{what}");
    }
}

/// Asks again and again with one credential on one connection until told to stop; every answer must be the
/// application's.
async fn known_user(address: SocketAddr, tokens: &Tokens, stop: &AtomicBool) -> usize {
    let mut wire = Wire::connect(address).await;
    for asked in 0.. {
        if stop.load(Ordering::SeqCst) {
            return asked;
        }
        wire.send(request("GET /page", &tokens.fields())).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "a known user during an outage");
    }
    0
}

/// Takes the endpoint down, rotates the keys, brings it back: how long it then is until the new keys are good.
async fn outage(door: &mut Door, fault: Fault) -> Duration {
    door.proxy.keys.set_fault(fault);
    door.proxy.issuer.rotate().unwrap();
    door.proxy.keys.publish(&door.proxy.issuer);
    let new = door.proxy.issuer.tokens(&staff());
    let answer = door.ask(&new.fields()).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "keys_unavailable"), "{fault:?}");
    door.proxy.keys.set_fault(Fault::None);
    let recovered = Instant::now();
    eventually("the new keys", async || match door.ask(&new.fields()).await.status {
        200 => true,
        503 => false,
        other => panic!("{other} is neither before nor after the outage"),
    })
    .await;
    recovered.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_comes_and_goes_costs_known_users_nothing_and_new_keys_seconds() {
    let mut door = Door::new().await;
    // Some are in the cache of credentials, some have only their keys known.
    let known: Vec<Tokens> = (0..8).map(|_| door.sign(&door.draft())).collect();
    door.admits("the first", &known[0].fields()).await;
    let (address, stop) = (door.proxy.address, AtomicBool::new(false));
    let traffic = join_all(known.iter().map(|tokens| known_user(address, tokens, &stop)));
    let outages = async {
        for fault in [Fault::Down, Fault::Html, Fault::Status(http::StatusCode::INTERNAL_SERVER_ERROR)] {
            let waited = outage(&mut door, fault).await;
            assert!(waited < Duration::from_secs(10), "{fault:?}: new keys were good {waited:?} after the recovery");
        }
        stop.store(true, Ordering::SeqCst);
    };
    let (asked, ()) = tokio::join!(traffic, outages);
    assert!(asked.iter().all(|asked| *asked > 10), "every known user was served all the time: {asked:?}");
}
