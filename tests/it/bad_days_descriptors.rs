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
const DESCRIPTORS: usize = 256;
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

/// How many times the server complained.
fn complaints(serving: &Serving) -> usize {
    serving.process.said(&[r#""level":"WARN""#, "cognito_auth_proxy::server"])
}

/// A crowd that wants more than there is, while `regular` goes on being served; then it leaves, and there is room again.
async fn stands_a_crowd(serving: Serving, regular: &mut Wire) {
    let crowd = join_all((0..4 * DESCRIPTORS).map(|_| TcpStream::connect(serving.address))).await;
    assert!(crowd.iter().all(Result::is_ok), "the kernel's queue takes what the process cannot");
    eventually("a complaint", async || complaints(&serving) > 0).await;
    // For as long as it takes to try again many times.
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        served(&serving, regular).await;
        regular.send(request("GET /.auth/health", &[])).await;
        assert_eq!(regular.answer().await.status, 200);
    }
    drop(crowd);
    eventually("room", async || {
        let mut wire = Wire::connect(serving.address).await;
        wire.send(serving.signed_in("GET /page")).await;
        wire.answer().await.status == 200
    })
    .await;
    for _ in 0..20 {
        served(&serving, &mut Wire::connect(serving.address).await).await;
    }
    served(&serving, regular).await;
    assert_eq!(complaints(&serving), 1, "said once, however often it was tried");
    let ended = serving.terminated().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_leaves_enough_descriptors_to_serve_whom_it_has() {
    let upstream = Upstream::start().await;
    // Every request needs a new connection to the application.
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_UPSTREAM_POOL_IDLE_TIMEOUT", "1ms");
    let serving = setup.start_process_with(DESCRIPTORS).await;
    let mut regular = Wire::connect(serving.address).await;
    served(&serving, &mut regular).await;
    stands_a_crowd(serving, &mut regular).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_it_serves_whom_it_has_and_says_so_once() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_UPSTREAM_POOL_IDLE_TIMEOUT", "1h");
    let serving = setup.start_process_with(1024).await;
    let mut regular = Wire::connect(serving.address).await;
    served(&serving, &mut regular).await;
    // Somebody takes away what it was promised.
    limit(serving.process.id(), &format!("{DESCRIPTORS}:{DESCRIPTORS}"));
    stands_a_crowd(serving, &mut regular).await;
}

fn limit(process: u32, files: &str) {
    let (files, process) = (format!("--nofile={files}"), process.to_string());
    let done = Command::new("/usr/bin/prlimit").args([&files, "--pid", &process]).status().unwrap();
    assert!(done.success(), "the limit of open files cannot be set to {files}: is the hard limit lower?");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_are_held_at_little_cost() {
    // This process has the other ends, and what other tests have open.
    limit(std::process::id(), "20000:");
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
