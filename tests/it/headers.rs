//! Which fields reach the application, which reach the client, and in which form.

use crate::support::{
    answers::{HANDSHAKE, echo, with},
    client::{Wire, request},
    proxy::{Proxy, Setup},
    upstream::{Seen, Upstream},
};

const ALB_FIELDS: [&str; 3] = ["x-amzn-oidc-data", "x-amzn-oidc-accesstoken", "x-amzn-oidc-identity"];

#[tokio::test(flavor = "multi_thread")]
async fn the_load_balancers_cookies_are_taken_out_and_the_rest_stays_byte_for_byte() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    for (sent, kept) in [
        ("a=1;b=2 ;  c; q=\"x; y\"", Some("a=1;b=2 ;  c; q=\"x; y\"")),
        ("AWSELBAuthSessionCookie-0=zz; a=1; AWSELBAuthSessionCookie-1=y; b==2", Some("a=1; b==2")),
        ("a=1; AWSALBAuthNonce=n", Some("a=1")),
        ("AWSELBAuthSessionCookie=x; AWSELBAuthSessionCookie-12=y; AWSALBAuthNonce=n", None),
        (
            "AWSELBAuthSessionCookie-x=1; xAWSELBAuthSessionCookie=2",
            Some("AWSELBAuthSessionCookie-x=1; xAWSELBAuthSessionCookie=2"),
        ),
        ("AWSALB=1; AWSALBCORS=2", Some("AWSALB=1; AWSALBCORS=2")),
    ] {
        proxy.send_signed_in("GET /page", &[("Cookie", sent)]).await;
        assert_eq!(upstream.next().await.field("cookie"), kept, "{sent}");
        proxy.send("GET /open", &[("Cookie", sent)]).await;
        assert_eq!(upstream.next().await.field("cookie"), kept, "public, {sent}");
    }
    let shard = format!("AWSELBAuthSessionCookie-0={}", "z".repeat(4000));
    proxy.send_signed_in("GET /page", &[("Cookie", "a=1"), ("Cookie", &shard), ("Cookie", "b=2")]).await;
    assert_eq!(upstream.next().await.field("cookie"), Some("a=1; b=2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_cookie_of_another_name_is_taken_out() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_LOGOUT_COOKIE_NAME", "Sesame").start().await;
    proxy.send_signed_in("GET /page", &[("Cookie", "Sesame-0=x; a=1; Sesame=y")]).await;
    assert_eq!(upstream.next().await.field("cookie"), Some("a=1"));
}

fn forwarded(seen: &Seen) -> [Option<&str>; 4] {
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-host"].map(|name| seen.field(name))
}

const FROM_BALANCER: [(&str, &str); 7] = [
    ("X-Forwarded-For", "6.6.6.6, 203.0.113.7"),
    ("X-Forwarded-Proto", "HTTPS"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Host", "evil.example"),
    ("X_Forwarded_Host", "evil.example"),
    ("Forwarded", "for=6.6.6.6;host=evil.example"),
    ("X-Real-IP", "6.6.6.6"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_hop_is_believed_in_one_normal_form() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    for line in ["GET /page", "GET /open"] {
        proxy.send_signed_in(line, &FROM_BALANCER).await;
        let seen = upstream.next().await;
        let expected = ["203.0.113.7", "https", "443", "app.example"];
        assert_eq!(forwarded(&seen), expected.map(Some), "{line}");
        assert_eq!((seen.field("forwarded"), seen.field("x-real-ip")), (None, None));
    }
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_TRUSTED_HOPS", "2").start().await;
    proxy.send_signed_in("GET /page", &FROM_BALANCER).await;
    assert_eq!(upstream.next().await.field("x-forwarded-for"), Some("6.6.6.6, 203.0.113.7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_believed() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open");
    let proxy = setup.set("COGNITO_AUTH_TRUSTED_PROXIES", "10.0.0.0/8").start().await;
    let port = proxy.address.port().to_string();
    for line in ["GET /page", "GET /open"] {
        proxy.send_signed_in(line, &FROM_BALANCER).await;
        let seen = upstream.next().await;
        let expected = ["127.0.0.1", "http", port.as_str(), "app.example"];
        assert_eq!(forwarded(&seen), expected.map(Some), "{line}");
        assert_eq!((seen.field("forwarded"), seen.field("x-real-ip")), (None, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_id_made_here() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = proxy.send_signed_in("GET /page", &[("X-Request-Id", "theirs"), ("X_Request_Id", "theirs")]).await;
        let id = answer.field("x-request-id").unwrap().to_owned();
        assert_eq!(upstream.next().await.field("x-request-id"), Some(id.as_str()));
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
    let refused = proxy.send("GET /page", &[("X-Request-Id", "theirs")]).await;
    assert_eq!((refused.status, refused.field("x-request-id").unwrap().len()), (401, 32));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_request_id_is_kept_only_where_switched_on_and_well_formed() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_ACCEPT_REQUEST_ID", "true").start().await;
    let answer = proxy.send_signed_in("GET /page", &[("X-Request-Id", "Root-1.2_3")]).await;
    assert_eq!(answer.field("x-request-id"), Some("Root-1.2_3"));
    assert_eq!(upstream.next().await.field("x-request-id"), Some("Root-1.2_3"));
    let long = "a".repeat(129);
    for fields in [
        &[("X-Request-Id", "a b")][..],
        &[("X-Request-Id", "<script>")],
        &[("X-Request-Id", "")],
        &[("X-Request-Id", &long)],
        &[("X-Request-Id", "one"), ("X-Request-Id", "two")],
        &[("X_Request_Id", "alias")],
    ] {
        let answer = proxy.send_signed_in("GET /page", fields).await;
        let id = answer.field("x-request-id").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{fields:?}");
        assert_eq!(upstream.next().await.field("x-request-id"), Some(id), "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_applications_own_request_id_does_not_reach_the_client() {
    let upstream = Upstream::answering(|_| {
        b"HTTP/1.1 200 OK\r\nx-request-id: theirs\r\nx_request_id: theirs\r\ncontent-length: 0\r\n\r\n".to_vec()
    })
    .await;
    let proxy = Proxy::start(&upstream).await;
    let answer = proxy.send_signed_in("GET /page", &[]).await;
    assert_eq!(upstream.next().await.field("x-request-id"), answer.field("x-request-id"));
    assert_eq!(answer.field("x_request_id"), None);
}

async fn host_seen(preset: &str) -> (String, Seen) {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_UPSTREAM_PRESET", preset).start().await;
    let tokens = proxy.tokens();
    let mut wire = Wire::connect(proxy.address).await;
    let text = request("GET /page", &tokens.fields()).replace("Host: app.example", "Host: App.Example:8443");
    wire.send(text).await;
    assert_eq!(wire.answer().await.status, 200);
    (upstream.address.to_string(), upstream.next().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn host_goes_on_unchanged() {
    for preset in ["generic", "streamlit", "fastapi"] {
        let (_, seen) = host_seen(preset).await;
        assert_eq!(seen.field("host"), Some("App.Example:8443"), "{preset}");
        assert_eq!(seen.field("x-forwarded-host"), Some("App.Example:8443"), "{preset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gradio_gets_its_own_address_as_host_and_the_public_one_beside_it() {
    let (own, seen) = host_seen("gradio").await;
    assert_eq!(seen.field("host"), Some(own.as_str()));
    assert_eq!(seen.field("x-forwarded-host"), Some("App.Example:8443"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credential_does_not_go_on() {
    let upstream = Upstream::start().await;
    let proxy = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    for line in ["GET /page", "GET /open"] {
        proxy.send_signed_in(line, &[("X_Amzn_Oidc_Data", "x")]).await;
        let seen = upstream.next().await;
        assert!(ALB_FIELDS.iter().all(|name| seen.field(name).is_none()), "{line} {:?}", seen.fields);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_nobody_verified_is_not_put_back() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_PASS_ALB_HEADERS", "true");
    let setup = setup.set("COGNITO_AUTH_GROUPS_SOURCE", "userinfo").set("COGNITO_AUTH_ALLOWED_GROUPS", "");
    let proxy = setup.set("COGNITO_AUTH_ALLOW_ANY_AUTHENTICATED", "true").start().await;
    let tokens = proxy.tokens();
    let [data, _, identity] = tokens.fields();
    proxy.send("GET /page", &[data, ("x-amzn-oidc-accesstoken", "anything"), identity]).await;
    let seen = upstream.next().await;
    assert_eq!((seen.field(data.0), seen.field(identity.0)), (Some(data.1), Some(identity.1)));
    assert_eq!(seen.field("x-amzn-oidc-accesstoken"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_alb_fields_are_put_back_once_where_switched_on_and_never_on_public_paths() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open");
    let proxy = setup.set("COGNITO_AUTH_PASS_ALB_HEADERS", "true").start().await;
    let tokens = proxy.tokens();
    let extra = [
        ("x_amzn_oidc_data", "forged"),
        ("X.Amzn.Oidc.Identity", "forged"),
        ("x-amzn-oidc-other", "forged"),
        ("Connection", "x-amzn-oidc-data"),
    ];
    let fields = with(&tokens.fields(), &extra);
    proxy.send("GET /page", &fields).await;
    let seen = upstream.next().await;
    for (name, value) in tokens.fields() {
        assert_eq!(seen.field(name), Some(value));
    }
    assert_eq!(seen.claims()["email"], "ann@example.com");
    assert!(!seen.fields.iter().any(|(_, value)| value == "forged"), "{:?}", seen.fields);
    proxy.send("GET /open", &fields).await;
    let seen = upstream.next().await;
    assert!(ALB_FIELDS.iter().all(|name| seen.field(name).is_none()), "{:?}", seen.fields);
    let mut bad = tokens.fields();
    bad[2].1 = "somebody-else";
    assert_eq!(proxy.send("GET /page", &bad).await.status, 401);
    assert!(upstream.unasked().is_empty());
}

const PRIVATE: [&str; 11] = [
    "cookie",
    "authorization",
    "proxy-authorization",
    "x-auth-user",
    "x_auth_user",
    "x-amzn-oidc-data",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-identity",
    "x-forwarded-for",
    "host",
    "x-gradio-user",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_echoes_its_request_betrays_nothing() {
    let upstream = Upstream::answering(echo).await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open");
    let proxy = setup.set("COGNITO_AUTH_PASS_ALB_HEADERS", "true").start().await;
    let sent = [
        ("Cookie", "secret=1"),
        ("Authorization", "Bearer secret"),
        ("X-Gradio-User", "secret"),
        ("Referer", "https://app.example/secret"),
        ("X-Custom", "kept"),
        ("Range", "bytes=0-4"),
    ];
    for line in ["GET /page", "GET /open"] {
        let answer = proxy.send_signed_in(line, &sent).await;
        let seen = upstream.next().await;
        assert_eq!((seen.field("cookie"), seen.field("authorization")), (Some("secret=1"), Some("Bearer secret")));
        assert_eq!((answer.status, answer.text().as_str()), (206, "hello"));
        for name in PRIVATE {
            assert!(answer.all(name).is_empty(), "{line} {name}");
        }
        let whole = format!("{:?}", answer.fields);
        assert!(!whole.contains("secret") && !whole.contains("eyJ"), "{whole}");
        assert_eq!(answer.field("x-custom"), Some("kept"));
        assert_eq!((answer.field("set-cookie"), answer.field("etag")), (Some("mine=1"), Some("\"e\"")));
        assert_eq!(answer.all("x-request-id").len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_to_a_websocket_betrays_nothing_either() {
    let upstream = Upstream::answering(|seen| {
        let mut head = String::from("HTTP/1.1 101 Switching Protocols\r\n");
        for (name, value) in &seen.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        (head + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n").into_bytes()
    })
    .await;
    let proxy = Proxy::start(&upstream).await;
    let tokens = proxy.tokens();
    let fields = with(&HANDSHAKE, &[("Cookie", "secret=1")]);
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(request("GET /socket", &with(&tokens.fields(), &fields))).await;
    let answer = wire.head().await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    for name in PRIVATE {
        assert!(answer.all(name).is_empty(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_one_connection_stay_on_it() {
    let upstream = Upstream::answering(|_| {
        b"HTTP/1.1 200 OK\r\nConnection: x-hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Authenticate: Basic\r\n\
          Upgrade: h2c\r\nX-End: 1\r\nContent-Length: 0\r\n\r\n"
            .to_vec()
    })
    .await;
    let proxy = Proxy::start(&upstream).await;
    let sent = [
        ("TE", "trailers"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("Proxy-Authenticate", "Basic"),
        ("Trailer", "X-Late"),
        ("Upgrade", "h2c"),
        ("X-End", "1"),
    ];
    let answer = proxy.send_signed_in("GET /page", &sent).await;
    let seen = upstream.next().await;
    for (name, _) in &sent[..7] {
        assert_eq!(seen.field(&name.to_ascii_lowercase()), None, "{name}");
    }
    assert_eq!((seen.field("x-end"), seen.field("connection")), (Some("1"), None));
    for name in ["x-hop", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(answer.field(name), None, "{name}");
    }
    assert_eq!(answer.field("x-end"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_field_goes_on_as_it_came() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let sent = [
        ("X-Twice", "a"),
        ("X-Twice", "b, c"),
        ("Authorization", "Bearer of-the-application"),
        ("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678"),
        ("X_Underscore", "kept"),
        ("Origin", "https://app.example"),
        ("Accept", "text/html;q=0.9,*/*"),
        ("X-Empty", ""),
        ("X-Auth-Users", "not claimed"),
    ];
    proxy.send_signed_in("POST /page", &sent).await;
    let seen = upstream.next().await;
    for (name, value) in sent {
        let found = seen.fields.iter().any(|(field, text)| field.eq_ignore_ascii_case(name) && text == value);
        assert!(found, "{name}: {value} in {:?}", seen.fields);
    }
}
