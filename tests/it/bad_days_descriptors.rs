//! Without file descriptors the proxy serves whom it has, says so once, and takes new connections when there is room; ten
//! thousand idle connections are nothing to it.

use std::{process::Command, time::Duration};

use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::support::{
    client::{Wire, request},
    eventually,
    process::Serving,
    proxy::Setup,
    report,
    upstream::Upstream,
};

const IDLE: usize = 10_000;
const WAVE: usize = 250;
/// What an idle connection may cost.
const EACH: usize = 40 * 1024;

/// One more request of a member of `staff` on this connection, answered by the application.
async fn served(serving: &Serving, wire: &mut Wire) {
    wire.send(serving.signed_in("GET /page")).await;
    assert_eq!(wire.answer().await.text(), "hello");
}

/// How many descriptors the process has open.
fn open_files(serving: &Serving) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", serving.process.id())).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_it_serves_whom_it_has_and_says_so_once() {
    const DESCRIPTORS: usize = 64;
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_UPSTREAM_POOL_IDLE_TIMEOUT", "1h");
    let serving = setup.start_process_with(DESCRIPTORS).await;
    let mut regular = Wire::connect(serving.address).await;
    served(&serving, &mut regular).await;

    let crowd = join_all((0..4 * DESCRIPTORS).map(|_| TcpStream::connect(serving.address))).await;
    assert!(crowd.iter().all(Result::is_ok), "the kernel's queue takes what the process cannot");
    eventually("a full house", async || open_files(&serving) > DESCRIPTORS / 2).await;
    // For as long as it takes to try again many times.
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        served(&serving, &mut regular).await;
        regular.send(request("GET /.auth/health", &[])).await;
        assert_eq!(regular.answer().await.status, 200);
    }
    assert!(open_files(&serving) > DESCRIPTORS / 2, "the crowd is still there");
    let complaints = |serving: &Serving| serving.process.said(&[r#""level":"WARN""#, "cognito_auth_proxy::server"]);
    assert_eq!(complaints(&serving), 1, "said once, however often it was tried");

    drop(crowd);
    eventually("room", async || open_files(&serving) < DESCRIPTORS / 2).await;
    for _ in 0..20 {
        served(&serving, &mut Wire::connect(serving.address).await).await;
    }
    served(&serving, &mut regular).await;
    // While the crowd leaves, room comes and goes.
    assert!(complaints(&serving) < 20, "{}", complaints(&serving));
    let ended = serving.terminated().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

/// Lets this process have both ends of all of them in sight: 10,000 sockets, and what other tests have open.
fn raise_own_limit() {
    let own = std::process::id().to_string();
    let raised = Command::new("/usr/bin/prlimit").args(["--nofile=20000:", "--pid", &own]).status().unwrap();
    assert!(raised.success(), "this test needs 20,000 file descriptors: raise the hard limit of whoever runs it");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_are_held_at_little_cost() {
    raise_own_limit();
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_KEEP_ALIVE_TIMEOUT", "10m");
    let serving = setup.start_process_with(20_000).await;
    for _ in 0..100 {
        served(&serving, &mut Wire::connect(serving.address).await).await;
    }
    let before = serving.process.memory();
    let mut idle: Vec<Wire> = Vec::with_capacity(IDLE);
    while idle.len() < IDLE {
        idle.extend(
            join_all((0..WAVE).map(async |_| {
                let mut wire = Wire::connect(serving.address).await;
                wire.send(request("GET /.auth/health", &[])).await;
                assert_eq!(wire.answer().await.status, 200);
                wire
            }))
            .await,
        );
    }
    assert!(open_files(&serving) >= IDLE, "all are held");
    let each = serving.process.memory().saturating_sub(before) / IDLE;
    report(&format!("{IDLE} idle connections, {each} bytes each"));
    assert!(each < EACH, "{each} bytes for an idle connection");
    for number in 0..200 {
        served(&serving, &mut idle[number * 4999 % IDLE]).await;
    }
    for _ in 0..20 {
        served(&serving, &mut Wire::connect(serving.address).await).await;
    }
    assert!(idle.iter_mut().all(Wire::has_nothing_more));
    drop(idle);
    eventually("all to be gone", async || open_files(&serving) < 200).await;
    assert_eq!(serving.terminated().await.code, Some(0));
}
