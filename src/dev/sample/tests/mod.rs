//! The sample application as a browser, a program and an attacker meet it.

mod echo;

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::config::{Assertion, AssertionAlgorithm, KeySource, Secret, SigningKeys};

const FIELD: HeaderName = HeaderName::from_static("x-auth-user");

fn es256() -> SigningKeys {
    SigningKeys::generate(AssertionAlgorithm::Es256).unwrap()
}

fn links() -> SampleLinks {
    SampleLinks { switcher: "/.dev/?return=%2F&x=<b>".to_owned(), sign_out: "/.own/logout".to_owned() }
}

fn asserter(keys: &SigningKeys) -> Arc<Asserter> {
    let section = Assertion {
        header: FIELD,
        keys: keys.clone(),
        key_source: KeySource::Fixed,
        issuer: "cognito-auth-proxy".to_owned(),
        audience: "upstream".to_owned(),
        ttl: Duration::from_mins(1),
    };
    Arc::new(Asserter::from_config(&section).unwrap())
}

fn sample(keys: &SigningKeys) -> Sample {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    Sample { asserter: asserter(keys), links: links(), tasks, stop }
}

/// The sample application on a real socket.
struct Running {
    address: SocketAddr,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Running {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let app = SampleApp { asserter: asserter(&es256()), links: links() };
        tasks.spawn(serve(listener, app, tasks.clone(), stop.clone()));
        Self { address, tasks, stop }
    }

    /// Stops it; returns once nothing of it runs any more.
    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn token(keys: &SigningKeys, claims: &Value) -> String {
    let head = json!({"typ": "JWT", "alg": keys.algorithm().as_str(), "kid": keys.kid()});
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let message = format!("{}.{}", encode(head.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = keys.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", encode(&signature))
}

fn ann() -> Value {
    json!({"sub": "sub-1", "name": "Ann <b>Lee</b>", "groups": ["staff"], "exp": 4_000_000_000_u64})
}

async fn body(answer: Answer) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// The page for a request with these fields.
async fn page(sample: &Sample, fields: &[(&str, &str)]) -> String {
    let request = fields.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
    let answer = sample.answer(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("script-src 'self'; connect-src 'self'; ") && !policy.contains("unsafe"), "{policy}");
    body(answer).await
}

#[tokio::test]
async fn a_verified_statement_is_shown_escaped() {
    for algorithm in [AssertionAlgorithm::Es256, AssertionAlgorithm::EdDsa] {
        let keys = SigningKeys::generate(algorithm).unwrap();
        let token = token(&keys, &ann());
        let page = page(&sample(&keys), &[("x-auth-user", &token), ("x-odd", "<script>")]).await;
        assert!(page.contains("Ann &lt;b&gt;Lee&lt;/b&gt;") && page.contains("is verified"), "{page}");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
        assert!(!page.contains(&token), "the statement is shortened");
    }
}

#[tokio::test]
async fn a_statement_that_does_not_verify_names_nobody() {
    let keys = es256();
    let good = token(&keys, &ann());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let other_claims =
        URL_SAFE_NO_PAD.encode(json!({"sub": "sub-2", "name": "Ann", "exp": 4_000_000_000_u64}).to_string());
    let forged = format!("{head}.{other_claims}.{signature}");
    let expired = token(&keys, &json!({"sub": "sub-1", "name": "Ann", "exp": 1}));
    let foreign = token(&es256(), &ann());
    for bad in [forged.as_str(), &expired, &foreign, message, "not-a-token", ""] {
        let page = page(&sample(&keys), &[("x-auth-user", bad)]).await;
        assert!(page.contains("Not believed") && !page.contains("Hello") && !page.contains("Ann"), "{page}");
    }
    let twice = page(&sample(&keys), &[("x-auth-user", &good), ("x-auth-user", &good)]).await;
    assert!(twice.contains("more than once") && !twice.contains("Hello"));
}

#[tokio::test]
async fn no_token_is_shown_whole_whatever_field_it_is_in() {
    let keys = es256();
    let token = token(&keys, &ann());
    let bearer = format!("Bearer {token}");
    let page =
        page(&sample(&keys), &[("x-amzn-oidc-data", &token), ("x-other", &bearer), ("x-plain", "as it is")]).await;
    assert!(!page.contains(&token) && page.contains("as it is") && page.contains(&format!("({} bytes)", bearer.len())));
}

#[tokio::test]
async fn the_page_leads_to_other_users_and_out() {
    let page = page(&sample(&es256()), &[]).await;
    assert!(page.contains("href=\"/.dev/?return=%2F&amp;x=&lt;b&gt;\">Sign in as somebody else</a>"), "{page}");
    assert!(page.contains("href=\"/.own/logout\">Sign out</a>"), "{page}");
}

#[tokio::test]
async fn the_page_works_with_its_one_script_and_without() {
    let sample = sample(&es256());
    let page = page(&sample, &[]).await;
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    assert!(page.contains("<script src=\"/sample.js\" defer></script>"), "{page}");
    assert!(page.contains("href=\"/clock\"") && page.contains("method=\"post\" action=\"/upload\""), "{page}");

    let request = Request::get("/sample.js").body(Full::<Bytes>::default()).unwrap();
    let answer = sample.answer(request).await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let script = body(answer).await;
    assert!(!script.contains("innerHTML") && !script.contains("eval("));
    for id in script.split("byId(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{id}\"")), "the script looks for {id}");
    }
}

#[tokio::test]
async fn an_upload_by_a_form_is_answered_with_a_page() {
    let form = Request::post("/upload").header("accept", "text/html,*/*;q=0.8").body(Full::from("12345")).unwrap();
    let answer = sample(&es256()).answer(form).await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_SECURITY_POLICY], pages::security_policy());
    let page = body(answer).await;
    assert!(page.contains("5 bytes received") && page.contains("href=\"/\""), "{page}");
}

#[tokio::test]
async fn a_public_path_shows_nobody() {
    let page = page(&sample(&es256()), &[("x-plain", "1")]).await;
    assert!(page.contains("public path") && !page.contains("Hello"));
}

#[tokio::test]
async fn a_shared_secret_is_said_to_be_unverifiable() {
    let secret = Secret::from_text("0123456789abcdef0123456789abcdef".to_owned());
    let keys = SigningKeys::parse(AssertionAlgorithm::Hs256, &secret).unwrap();
    let page = page(&sample(&keys), &[("x-auth-user", &token(&keys, &ann()))]).await;
    assert!(page.contains("not verifiable with a public key") && !page.contains("Hello"));
}

#[tokio::test(start_paused = true)]
async fn the_clock_sends_an_event_every_second() {
    let request = Request::get("/clock").body(Full::<Bytes>::default()).unwrap();
    let answer = sample(&es256()).answer(request).await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = answer.into_body();
    let start = tokio::time::Instant::now();
    for second in 0..3 {
        let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let event = String::from_utf8(event.to_vec()).unwrap();
        assert!(event.starts_with(&format!("id: {}\ndata: ", second + 1)) && event.ends_with(" UTC\n\n"), "{event}");
        assert_eq!(start.elapsed().as_secs(), second);
    }
}

#[tokio::test]
async fn what_it_does_not_know_is_404() {
    for (method, path) in [("POST", "/"), ("GET", "/upload"), ("GET", "/clock/"), ("GET", "/x")] {
        let request = Request::builder().method(method).uri(path).body(Full::<Bytes>::default()).unwrap();
        assert_eq!(sample(&es256()).answer(request).await.unwrap().status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn it_counts_an_upload_on_a_real_socket_and_ends_open_streams_when_stopped() {
    let running = Running::start().await;
    let address = running.address;

    let body = vec![b'x'; 3_000_000];
    let answer = reqwest::Client::new().post(format!("http://{address}/upload")).body(body).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "3000000 bytes received\n");

    let mut clock = TcpStream::connect(address).await.unwrap();
    clock.write_all(b"GET /clock HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"UTC\n\n\r\n") {
        clock.read_buf(&mut received).await.unwrap();
    }
    running.stop().await;
    clock.read_to_end(&mut received).await.unwrap();
}
