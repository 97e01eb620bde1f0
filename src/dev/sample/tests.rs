use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::config::{AssertionAlgorithm, Secret, SigningKeys};

const FIELD: HeaderName = HeaderName::from_static("x-auth-user");

fn es256() -> SigningKeys {
    SigningKeys::generate(AssertionAlgorithm::Es256).unwrap()
}

fn sample(keys: &SigningKeys) -> Sample {
    Sample { keys: serde_json::from_slice(&keys.jwks()).unwrap(), header: FIELD }
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

/// The page for a request with these fields.
async fn page(sample: &Sample, fields: &[(&str, &str)]) -> String {
    let request = fields.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
    let answer = sample.answer(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_verified_statement_is_shown_escaped() {
    for algorithm in [AssertionAlgorithm::Es256, AssertionAlgorithm::EdDsa] {
        let keys = SigningKeys::generate(algorithm).unwrap();
        let token = token(&keys, &ann());
        let page = page(&sample(&keys), &[("x-auth-user", &token), ("x-odd", "<script>")]).await;
        assert!(page.contains("Ann &lt;b&gt;Lee&lt;/b&gt;") && page.contains("is verified"), "{page}");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    tasks.spawn(serve(
        listener,
        SampleApp {
            jwks: es256().jwks(),
            header: FIELD,
            links: SampleLinks { switcher: "/".to_owned(), sign_out: "/".to_owned() },
        },
        tasks.clone(),
        stop.clone(),
    ));

    let body = vec![b'x'; 3_000_000];
    let answer = reqwest::Client::new().post(format!("http://{address}/upload")).body(body).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "3000000 bytes received\n");

    let mut clock = TcpStream::connect(address).await.unwrap();
    clock.write_all(b"GET /clock HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"UTC\n\n\r\n") {
        clock.read_buf(&mut received).await.unwrap();
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    clock.read_to_end(&mut received).await.unwrap();
}
