//! Names that only we may say (attack classes 6.3–6.5, 6.22): gone before ours is set, in every spelling and on every path.

use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::support::{
    answers::{HANDSHAKE, hello, with},
    client::{Wire, request},
    forgery::{CREDENTIALS, FORGED, assert_nothing_forged, other_spellings},
    proxy::{Proxy, Setup},
    soon,
    upstream::Upstream,
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
