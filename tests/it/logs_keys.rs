//! A line that says that no key came says why, down to the system's own words, and nothing a stranger sent.

use serde_json::Value;

use crate::support::{
    process::Serving,
    proxy::{Setup, staff},
    upstream::Upstream,
};

const ALB: &str = "COGNITO_AUTH_ALB_PUBLIC_KEYS_URL";
const POOL: &str = "COGNITO_AUTH_COGNITO_JWKS_URL";

/// A name that no system asks for, since a label has 63 bytes at most: what a resolver would say depends on the machine.
fn no_name() -> String {
    format!("https://{}.example", "a".repeat(64))
}

/// A port of this machine at which nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// What a request says in the log that no key came for.
async fn complaint(serving: &mut Serving, message: &str) -> Value {
    let tokens = serving.issuer.tokens(&staff());
    let fields = [&tokens.fields()[..], &[("Accept", "application/json")]].concat();
    assert_eq!(serving.send("GET /page", &fields).await.code(), "keys_unavailable");
    serving.process.event(message).await
}

fn assert_told(line: &Value, url: &str, words: &str) {
    let error = line["error"].as_str().unwrap();
    assert!(error.starts_with("the key endpoint does not answer: ") && error.contains(words), "{url}: {error}");
    assert_eq!((line["url"].as_str(), line["level"].as_str()), (Some(url), Some("WARN")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_about_a_load_balancers_key_says_why_and_where_and_not_which() {
    let upstream = Upstream::start().await;
    let no_tls = Setup::new(&upstream).await;
    for (base, words) in [
        (no_name(), "invalid dns name"),
        (nobody().await, "Connection refused"),
        (no_tls.keys.alb_url().replace("http:", "https:"), "received corrupt message"),
    ] {
        let mut serving = Setup::new(&upstream).await.set(ALB, &base).start_process().await;
        let line = complaint(&mut serving, "load balancer key not fetched").await;
        assert_told(&line, &format!("{base}/"), words);
        let key_id = serving.issuer.alb_key_id().to_owned();
        assert!(!serving.terminated().await.stdout.contains(&key_id), "the id is a stranger's");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_about_a_pools_keys_says_why_and_where() {
    let upstream = Upstream::start().await;
    for (base, words) in [(no_name(), "invalid dns name"), (nobody().await, "Connection refused")] {
        let url = format!("{base}/jwks.json");
        let mut serving = Setup::new(&upstream).await.set(POOL, &url).start_process().await;
        let line = complaint(&mut serving, "user pool key set not fetched").await;
        assert_told(&line, &url, words);
    }
}
