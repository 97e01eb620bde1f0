//! What a refusal tells whoever is refused (attack class 6.32).

use cognito_auth_proxy::dev::{Issuer, Parties, User};
use tokio::net::TcpSocket;

use crate::support::{
    answers::with,
    client::Answer,
    proxy::{Proxy, Setup, staff},
    upstream::Upstream,
};

/// Every refusal that a client can bring about, by its code.
async fn refusals(accept: &str) -> Vec<(&'static str, Answer)> {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let outsider = proxy.issuer.tokens(&User::new("sub-of-eve", "eve@example.com"));
    // Bound and not listening: nobody answers there, and no other test gets the port.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = silent.local_addr().unwrap();
    let orphan = Setup::in_front_of(&format!("http://{gone}")).await.start().await;
    let (ours, theirs) = (proxy.tokens(), orphan.tokens());
    let accept = ("Accept", accept);
    let origin = [accept, ("Origin", "https://evil.example")];
    let signer = "arn:aws:elasticloadbalancing:eu-west-2:999999999999:loadbalancer/app/other/0123456789abcdef";
    let neighbour = Issuer::generate(Parties { signer: signer.to_owned(), ..Parties::default() }).unwrap();
    let neighbours = neighbour.tokens(&staff());
    let foreign_key = with(&theirs.fields(), &[accept]);
    let mut broken = ours.fields();
    broken[0].1 = "not.a.token";
    let answers = vec![
        ("missing_credential", proxy.send("GET /page?secret-query", &[accept]).await),
        ("malformed_token", proxy.send("GET /page", &with(&broken, &[accept])).await),
        ("wrong_signer", proxy.send("GET /page", &with(&neighbours.fields(), &[accept])).await),
        ("unknown_key", proxy.send("GET /page", &foreign_key).await),
        ("not_allowed", proxy.send("GET /page", &with(&outsider.fields(), &[accept])).await),
        ("cross_site", proxy.send("POST /page", &with(&ours.fields(), &origin)).await),
        ("not_found", proxy.send("GET /.auth/nothing", &[accept]).await),
        ("method_not_allowed", proxy.send("POST /.auth/me", &[accept]).await),
        ("bad_request", proxy.send("GET http://evil.example/", &[accept]).await),
        ("bad_request", proxy.send("GET /page", &with(&ours.fields(), &[accept, ours.fields()[0]])).await),
        ("too_large", proxy.send("GET /page", &[accept, ("X-Big", &"secret".repeat(3000))]).await),
        ("upstream_unreachable", orphan.send("GET /page", &foreign_key).await),
    ];
    assert!(upstream.unasked().is_empty());
    for (code, answer) in &answers {
        let sent = [&ours, &outsider, &theirs, &neighbours]
            .into_iter()
            .flat_map(|tokens| tokens.fields().map(|(_, value)| value));
        let hosts = [upstream.address.to_string(), gone.to_string(), format!(":{}", gone.port())];
        let words = [
            "ann@",
            "eve@",
            "staff",
            "sub-of-eve",
            "secret",
            "not.a.token",
            "evil.example",
            "hyper",
            "arn:",
            "x-amzn",
            "x-big",
            "os error",
        ];
        let whole = format!("{:?}{}", answer.fields, answer.text());
        for needle in sent.chain(hosts.iter().map(String::as_str)).chain(words) {
            assert!(!whole.contains(needle), "{code} tells {needle}: {whole}");
        }
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{code}");
        assert_eq!(answer.field("x-request-id").unwrap().len(), 32, "{code}");
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_tells_a_program_its_code_and_nothing_of_the_request() {
    for (code, answer) in refusals("application/json").await {
        assert_eq!(answer.code(), code);
        let document = answer.json();
        let members: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert_eq!(members, ["code", "request_id", "status", "title", "type"], "{code}");
        assert_eq!(document["status"], answer.status, "{code}");
        assert_eq!(document["request_id"].as_str(), answer.field("x-request-id"), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_tells_a_person_its_code_and_nothing_of_the_request() {
    for (code, answer) in refusals("text/html").await {
        assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"), "{code}");
        assert!(answer.text().contains(code) && answer.text().contains(answer.field("x-request-id").unwrap()));
    }
}
