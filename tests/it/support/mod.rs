//! What the tests stand on: an application that tells what it saw, a proxy with a real configuration, tokens from a
//! real issuer, and a client that sends bytes as they are written.

pub(crate) mod answers;
pub(crate) mod application;
pub(crate) mod aws;
pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod development;
pub(crate) mod door;
pub(crate) mod draft;
pub(crate) mod forgery;
pub(crate) mod h2;
pub(crate) mod liar;
pub(crate) mod log;
pub(crate) mod pem;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod scrape;
pub(crate) mod secrecy;
pub(crate) mod strict;
pub(crate) mod tls;
pub(crate) mod tunnels;
pub(crate) mod upstream;
pub(crate) mod visitor;
pub(crate) mod websocket;

use std::time::Duration;

/// How long a test waits for something that is certain to come. Never the thing asserted.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for `future`; a test that hangs fails with `what`.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// Repeats `ask` until it says yes.
pub(crate) async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    soon(what, async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Figures for whoever runs the test with `--nocapture`, or reads why it failed.
#[expect(clippy::print_stdout, reason = "the output of a test is for people")]
pub(crate) fn report(figures: &str) {
    println!("{figures}");
}
