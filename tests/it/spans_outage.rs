//! A collector that is away or hangs: no request waits for it, what is lost is counted and told, and the process ends.

use cognito_auth_proxy::app::App;
use tokio::net::TcpListener;

use crate::support::{
    PATIENCE,
    application::Application,
    client::{Wire, request},
    collector::Collector,
    eventually,
    process::Serving,
    proxy::Setup,
    upstream::Upstream,
};

/// How many spans were dropped, as the admin listener tells.
async fn dropped(serving: &Serving) -> u64 {
    let mut wire = Wire::connect(serving.admin).await;
    wire.send(request("GET /metrics", &[])).await;
    let text = wire.answer().await.text();
    let line = text.lines().find_map(|line| line.strip_prefix("cognito_auth_proxy_spans_dropped_total "));
    line.expect(&text).parse().unwrap()
}

/// Requests that are answered without the application, so many at once on one connection. One span each.
async fn ask(serving: &Serving, times: usize) {
    const TOGETHER: usize = 50;
    let asked = request("GET /.auth/health", &[]);
    let mut wire = Wire::connect(serving.address).await;
    for _ in 0..times / TOGETHER {
        wire.send(asked.repeat(TOGETHER)).await;
        for _ in 0..TOGETHER {
            assert_eq!(wire.answer().await.status, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_no_collector_takes_are_counted_and_told_once_and_requests_go_on() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstream = Upstream::start().await;
    let serving = Setup::new(&upstream).await.traced(&format!("http://{free}")).start_process().await;
    ask(&serving, 50).await;
    eventually("fifty losses", async || dropped(&serving).await == 50).await;
    ask(&serving, 50).await;
    eventually("fifty more", async || dropped(&serving).await == 100).await;
    assert_eq!(serving.process.said(&["spans are dropped until the collector takes them", "WARN"]), 1);
    let ended = serving.terminated().await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_delays_no_request_and_fills_no_memory() {
    let (upstream, hanging) = (Upstream::start().await, Application::listen().await);
    let serving = Setup::new(&upstream).await.traced(&hanging.url()).start_process().await;
    // More than wait in the queue and in a batch.
    ask(&serving, 6000).await;
    let dropped = dropped(&serving).await;
    assert!((1000..6000).contains(&dropped), "{dropped}");
    assert_eq!(serving.process.said(&["spans are dropped until"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_process_does_not_wait_for_a_collector_that_hangs() {
    let (upstream, hanging) = (Upstream::start().await, Application::listen().await);
    let serving = Setup::new(&upstream).await.traced(&hanging.url()).start_process().await;
    ask(&serving, 50).await;
    // It has begun to export, and will not be answered.
    let _export = hanging.accept().await;
    let ended = serving.terminated().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("the collector did not take the last spans in time"), "{}", ended.stdout);
    assert!(ended.stdout.contains("\"message\":\"stopped\""), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_are_sent_before_the_process_ends() {
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    let serving = Setup::new(&upstream).await.traced(&collector.url()).start_process().await;
    ask(&serving, 50).await;
    assert_eq!(serving.terminated().await.code, Some(0));
    let sent: usize = collector.unasked().iter().map(|body| crate::support::collector::told(body).len()).sum();
    assert_eq!(sent, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_sent_again_when_the_collector_is_back() {
    let (upstream, hanging) = (Upstream::start().await, Application::listen().await);
    let serving = Setup::new(&upstream).await.traced(&hanging.url()).start_process().await;
    ask(&serving, 50).await;
    let mut refusing = hanging.accept().await;
    refusing.request().await;
    refusing.send("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    drop(refusing);
    eventually("fifty losses", async || dropped(&serving).await == 50).await;
    ask(&serving, 50).await;
    let mut taking = hanging.accept().await;
    taking.request().await;
    taking.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    assert_eq!(dropped(&serving).await, 50);
}

/// In a runtime whose only thread is the one that drops it: nobody is left to send anything.
#[test]
fn a_proxy_that_never_ran_is_dropped_without_waiting_for_its_collector() {
    let (done, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let setup = Setup::in_front_of("http://127.0.0.1:1").await.traced("http://127.0.0.1:1");
            drop(App::build(&setup.config().unwrap()).await.unwrap());
        });
        done.send(()).unwrap();
    });
    told.recv_timeout(PATIENCE).expect("it does not wait");
}
