//! What a client says of itself counts for nothing (attack classes 6.2–6.5, 6.10, 6.12, 6.14, 6.15, 6.22, 6.25, 6.32).

use cognito_auth_proxy::dev::{Issuer, Parties, User};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpSocket},
};

use crate::support::{
    answers::{HANDSHAKE, hello, with},
    client::{Answer, Wire, request},
    proxy::{Proxy, Setup, staff},
    soon,
    upstream::{Seen, Upstream},
};

/// Every name of interface.md §4 but the three a load balancer sends.
const CLAIMED: [&str; 27] = [
    "x-auth-user",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-forwarded-uri",
    "x-forwarded-prefix",
    "x-forwarded-method",
    "x-forwarded-server",
    "x-forwarded-tls-client-cert",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-auth-request-access-token",
    "remote-user",
    "remote-groups",
    "remote-name",
    "remote-email",
    "x-gradio-server",
    "x-amzn-oidc-other",
    "x-original-url",
    "x-rewrite-url",
    "forwarded",
    "x-real-ip",
    "x-request-id",
];

/// Names whose exact form means something; any other spelling does not.
const CREDENTIALS: [&str; 3] = ["x-amzn-oidc-data", "x-amzn-oidc-accesstoken", "x-amzn-oidc-identity"];

/// A value that must not be found anywhere.
const FORGED: &str = "forged@evil.example";

const JSON: (&str, &str) = ("Accept", "application/json");

fn other_spellings(name: &str) -> [String; 4] {
    let mut odd = name.to_ascii_uppercase();
    odd = odd.replacen('-', "_", 1).replacen('-', ".", 1);
    [name.replace('-', "_"), name.replace('-', "."), odd, name.replace('-', "~")]
}

/// Every spelling of every claimed name, the plain ones twice.
fn forged_names() -> Vec<String> {
    let claimed = CLAIMED.iter().flat_map(|name| {
        let plain = [(*name).to_owned(), name.to_ascii_uppercase()];
        plain.into_iter().chain(other_spellings(name))
    });
    let aliases = CREDENTIALS.iter().flat_map(|name| other_spellings(name));
    claimed.chain(aliases).filter(|name| name.contains(['-', '_', '.']) || name == "forwarded").collect()
}

fn forged(names: &[String]) -> Vec<(&str, &str)> {
    names.iter().map(|name| (name.as_str(), FORGED)).collect()
}

fn assert_nothing_forged(seen: &Seen, when: &str) {
    let left: Vec<_> = seen.fields.iter().filter(|(_, value)| value.contains("evil")).collect();
    assert!(left.is_empty(), "{when}: {left:?}");
}

const LINES: [&str; 6] = ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PROPFIND"];

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_claimed_name_passes_beside_the_one_true_assertion() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let names = forged_names();
    // Half by half: a request has at most 200 fields.
    for names in names.chunks(90) {
        for method in LINES {
            let answer = proxy.send_signed_in(&format!("{method} /page"), &forged(names)).await;
            assert_eq!(answer.status, 200, "{method}: {}", answer.text());
            let seen = upstream.next().await;
            assert_nothing_forged(&seen, method);
            assert_eq!(seen.claims()["email"], "ann@example.com", "{method}");
        }
        let answer = proxy.send_signed_in("GET /socket", &with(&HANDSHAKE, &forged(names))).await;
        assert_eq!(answer.status, 200);
        let seen = upstream.next().await;
        assert_eq!(seen.field("upgrade"), Some("websocket"));
        assert_nothing_forged(&seen, "handshake");
        assert_eq!(seen.claims()["email"], "ann@example.com");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_claimed_name_passes_on_a_public_path_and_nobody_is_asserted() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    let names = forged_names();
    for names in names.chunks(90) {
        for method in LINES {
            // Signed in or not: a public path tells the application nothing of a user.
            for signed_in in [true, false] {
                let answer = if signed_in {
                    proxy.send_signed_in(&format!("{method} /open"), &forged(names)).await
                } else {
                    proxy.send(&format!("{method} /open"), &forged(names)).await
                };
                assert_eq!(answer.status, 200, "{method}");
                let seen = upstream.next().await;
                assert_nothing_forged(&seen, method);
                assert_eq!(seen.field("x-auth-user"), None);
                assert!(CREDENTIALS.iter().all(|name| seen.field(name).is_none()), "{:?}", seen.fields);
            }
        }
        proxy.send("GET /open", &with(&HANDSHAKE, &forged(names))).await;
        let seen = upstream.next().await;
        assert_eq!(seen.field("upgrade"), Some("websocket"));
        assert_nothing_forged(&seen, "handshake");
        assert_eq!(seen.field("x-auth-user"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_in_a_header_is_not_a_sign_in() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let other = Proxy::start(&upstream).await;
    // The assertion of another proxy, for a user who would be admitted.
    other.send_signed_in("GET /page", &[]).await;
    let assertion = upstream.next().await.field("x-auth-user").unwrap().to_owned();
    let bearer = format!("Bearer {assertion}");
    for name in ["x-auth-user", "X-Auth-User", "X_Auth_User", "x.auth.user", "x-forwarded-user", "remote-user"] {
        let answer = proxy.send("GET /page", &[JSON, (name, &assertion), ("Authorization", &bearer)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{name}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_of_a_credential_field_is_never_read_as_the_credential() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    let spellings = tokens.fields().map(|(name, _)| other_spellings(name));
    for spelling in 0..4 {
        let fields: Vec<_> =
            tokens.fields().iter().zip(&spellings).map(|((_, v), s)| (s[spelling].as_str(), *v)).collect();
        let answer = proxy.send("GET /page", &with(&[JSON], &fields)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{fields:?}");
    }
    // One alias among the real ones is as good as absent.
    for odd in 0..2 {
        let mut fields = tokens.fields();
        fields[odd].0 = &spellings[odd][0];
        let answer = proxy.send("GET /page", &with(&[JSON], &fields)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{fields:?}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_dev_mode_any_identity_field_keeps_the_mock_user_away() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream)
        .await
        .set("COGNITO_AUTH_DEV_MODE", "true")
        .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
        .set("COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED", "true")
        .start()
        .await;
    let answer = proxy.send("GET /page", &[JSON]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.next().await.claims()["email"], "dev@example.com");
    for (name, value) in [
        ("x_amzn_oidc_data", "x"),
        ("X.Amzn.Oidc.Data", ""),
        ("x-amzn-oidc-anything", "x"),
        ("x-amzn-oidc-identity", "x"),
        ("x-amzn-oidc-accesstoken", "x"),
    ] {
        for connection in ["keep-alive".to_owned(), format!("close, {name}")] {
            let answer = proxy.send("GET /page", &[JSON, ("Connection", &connection), (name, value)]).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{name} {connection}");
        }
    }
    for connection in ["keep-alive", "close, X-Amzn-Oidc-Data, X-Amzn-Oidc-Accesstoken"] {
        let bad = [("x-amzn-oidc-data", "x"), ("x-amzn-oidc-accesstoken", "x")];
        let answer = proxy.send("GET /page", &with(&[JSON, ("Connection", connection)], &bad)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "malformed_token"), "{connection}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_the_operators_choice_is_guarded_as_well() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Setup::new(&upstream)
        .await
        .set("COGNITO_AUTH_ASSERTION_HEADER", "x-my-user")
        .set("COGNITO_AUTH_PUBLIC_PATHS", "/open")
        .start()
        .await;
    let sent = [("X-My-User", FORGED), ("x_my_user", FORGED), ("X.MY.USER", FORGED), ("X-Auth-User", FORGED)];
    let answer = proxy.send_signed_in("GET /page", &sent).await;
    assert_eq!(answer.status, 200);
    let seen = upstream.next().await;
    assert_nothing_forged(&seen, "protected");
    assert_eq!(seen.field("x-auth-user"), None);
    assert_eq!(seen.field("x-my-user").unwrap().split('.').count(), 3);
    proxy.send("GET /open", &sent).await;
    let seen = upstream.next().await;
    assert_nothing_forged(&seen, "public");
    assert_eq!(seen.field("x-my-user"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_connection_names_takes_away_nothing_of_ours() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let nominations = "close, X-Auth-User, x_auth_user, X-Amzn-Oidc-Data, x-amzn-oidc-accesstoken, Host, \
                       X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id";
    let sent = [
        ("Connection", nominations),
        ("Connection", "X-Dropped, Cookie"),
        ("X-Auth-User", FORGED),
        ("X-Dropped", FORGED),
        ("X-Kept", "yes"),
        ("Cookie", "a=1"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Proto", "https"),
    ];
    let answer = proxy.send_signed_in("GET /page", &sent).await;
    assert_eq!(answer.status, 200);
    let seen = upstream.next().await;
    assert_nothing_forged(&seen, "nominated");
    assert_eq!(seen.claims()["email"], "ann@example.com");
    for (name, value) in [
        ("host", Some("app.example")),
        ("x-forwarded-host", Some("app.example")),
        ("x-forwarded-for", Some("203.0.113.7")),
        ("x-forwarded-proto", Some("https")),
        ("x-request-id", answer.field("x-request-id")),
        ("x-kept", Some("yes")),
        ("cookie", None),
        ("connection", None),
    ] {
        assert_eq!(seen.field(name), value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_connection_names_does_not_hide_a_bad_credential() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    let fields = [
        JSON,
        ("Connection", "close, x-amzn-oidc-identity"),
        ("x-amzn-oidc-data", &tokens.data),
        ("x-amzn-oidc-accesstoken", &tokens.access_token),
        ("x-amzn-oidc-identity", "somebody-else"),
    ];
    let answer = proxy.send("GET /page", &fields).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "subject_mismatch"));
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn request_trailers_do_not_reach_the_application() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = Setup::in_front_of(&url).await.start().await;
    let tokens = proxy.tokens();
    let fields = [("Transfer-Encoding", "chunked"), ("Trailer", "X-Auth-User, X-Late"), ("TE", "trailers")];
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request("POST /page", &with(&tokens.fields(), &fields))).await;
    wire.send(format!("5\r\nhello\r\n0\r\nX-Auth-User: {FORGED}\r\nX-Late: {FORGED}\r\n\r\n")).await;
    let (mut stream, _) = soon("a connection", listener.accept()).await.unwrap();
    let mut received = Vec::new();
    let end = b"0\r\n";
    while !received.windows(end.len()).any(|window| window == end) || !received.ends_with(b"\r\n\r\n") {
        assert!(soon("the request", stream.read_buf(&mut received)).await.unwrap() > 0);
    }
    let text = String::from_utf8(received).unwrap();
    assert!(text.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "{text}");
    assert!(!text.contains("evil") && !text.to_ascii_lowercase().contains("\r\ntrailer:"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubled_credential_field_is_refused_and_not_chosen_from() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    for (name, value) in tokens.fields() {
        for second in [value, "", FORGED] {
            let name = name.to_ascii_uppercase();
            let fields = with(&tokens.fields(), &[JSON, (&name, second)]);
            let answer = proxy.send("GET /page", &fields).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{name} {second}");
        }
    }
    for (place, code) in [(0, "malformed_token"), (1, "malformed_token"), (2, "subject_mismatch")] {
        let mut fields = tokens.fields();
        let joined = format!("{0}, {0}", fields[place].1);
        fields[place].1 = &joined;
        let answer = proxy.send("GET /page", &with(&[JSON], &fields)).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, code), "joined {place}");
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_request_line_says_what_is_asked_for() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    let forwarded = "for=127.0.0.1;host=app.example;proto=https";
    for (name, value) in [
        ("X-Original-URL", "/open"),
        ("X-Original-URI", "/open"),
        ("X-Rewrite-URL", "/open"),
        ("X-Forwarded-Uri", "/open"),
        ("X-Forwarded-Path", "/open"),
        ("X-Forwarded-Prefix", "/open"),
        ("X-Forwarded-Method", "OPTIONS"),
        ("X-HTTP-Method-Override", "OPTIONS"),
        ("X-HTTP-Method", "OPTIONS"),
        ("X-Method-Override", "OPTIONS"),
        ("X-Envoy-Original-Path", "/open"),
        ("X-Forwarded-Host", "127.0.0.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", forwarded),
        ("User-Agent", "ELB-HealthChecker/2.0"),
        ("User-Agent", "GoogleHC/1.0"),
        ("User-Agent", "kube-probe/1.31"),
        ("Authorization", "Basic YWRtaW46YWRtaW4="),
    ] {
        for line in ["GET /page", "GET /page?/open", "POST /page"] {
            let answer = proxy.send(line, &[JSON, (name, value)]).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"), "{line} {name}");
        }
    }
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_needs_a_user() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let preflight = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-auth-user"),
    ];
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "get", "PROPFIND", "FOO"] {
        for fields in [&[JSON][..], &with(&[JSON], &preflight)] {
            let answer = proxy.send(&format!("{method} /page"), fields).await;
            assert_eq!(answer.status, 401, "{method}");
        }
    }
    let answer = proxy.send("GET /page", &with(&[JSON], &HANDSHAKE)).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "missing_credential"));
    assert!(upstream.unasked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_cannot_become_a_second_field_or_a_second_group() {
    let upstream = Upstream::answering(hello).await;
    let proxy = Proxy::start(&upstream).await;
    let mut user = staff().in_groups(&["staff", "users,admins", "a|b", "ü 😀"]);
    user.name = Some(format!("Ann\r\nX-Auth-User: {FORGED}\r\n\r\n ü 😀"));
    let tokens = proxy.issuer.tokens(&user);
    let answer = proxy.send("GET /page", &tokens.fields()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = upstream.next().await;
    assert_nothing_forged(&seen, "claims");
    assert_eq!(seen.claims()["groups"], serde_json::json!(["staff", "users,admins", "a|b", "ü 😀"]));
    assert_eq!(seen.claims()["name"].as_str(), user.name.as_deref());
    for group in ["x,staff", "staff,x", "staff ", "Staff", "staff\r\n", "staff\0"] {
        let tokens = proxy.issuer.tokens(&staff().in_groups(&[group]));
        let answer = proxy.send("GET /page", &with(&tokens.fields(), &[JSON])).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "not_allowed"), "{group:?}");
    }
    assert!(upstream.unasked().is_empty());
}

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
