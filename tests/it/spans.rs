//! Spans at a collector: whose they are, what they say, and that they say no more.

use crate::support::{
    collector::{Collector, Told},
    process::Serving,
    proxy::{Setup, staff},
    secrecy,
    upstream::Upstream,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const SCRIPT: (&str, &str) = ("Accept", "application/json");

/// A request of a member of `staff` with these fields; its status.
async fn signed_in(serving: &Serving, line: &str, fields: &[(&str, &str)]) -> u16 {
    let tokens = serving.issuer.tokens(&staff());
    serving.send(line, &[&tokens.fields()[..], fields].concat()).await.status
}

/// The one of this kind.
fn of_kind<'a>(spans: &'a [Told], kind: &str) -> &'a Told {
    let mut found = spans.iter().filter(|span| span.kind == kind);
    let span = found.next().expect(kind);
    assert!(found.next().is_none(), "one {kind} span: {spans:?}");
    span
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_of_the_proxy_and_one_of_the_application_in_the_trace_of_the_hop_before() {
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    let setup = Setup::new(&upstream).await.traced(&collector.url()).set("COGNITO_AUTH_TRACING_SERVICE_NAME", "wiki");
    let mut serving = setup.start_process().await;
    let sent = [("traceparent", SAMPLED), ("tracestate", "vendor=1"), ("baggage", "a=b")];
    assert_eq!(signed_in(&serving, "PUT /a%20b?token=query-secret", &sent).await, 200);
    let line = serving.access_line().await;
    let spans = collector.spans(2).await;
    let (server, call) = (of_kind(&spans, "Server"), of_kind(&spans, "Client"));
    assert_eq!((server.trace.as_str(), server.parent.as_str()), (TRACE, "00f067aa0ba902b7"));
    assert_eq!((&call.trace, &call.parent), (&server.trace, &server.id));
    let seen = upstream.next().await;
    assert_eq!(seen.field("traceparent"), Some(call.as_parent().as_str()), "the application's parent is its own span");
    assert_eq!((seen.field("tracestate"), seen.field("baggage")), (Some("vendor=1"), Some("a=b")));
    assert_eq!((server.service.as_str(), server.name.as_str(), server.state.as_str()), ("wiki", "PUT", "vendor=1"));
    for (name, value) in [
        ("http.request.method", "PUT"),
        ("http.response.status_code", "200"),
        ("url.path", "/a%20b"),
        ("url.scheme", "http"),
        ("cognito_auth_proxy.decision", "allow"),
        ("cognito_auth_proxy.end", "complete"),
        ("cognito_auth_proxy.request_id", line["request_id"].as_str().unwrap()),
    ] {
        assert_eq!(server.says(name), Some(value), "{name}");
    }
    assert_eq!(server.attributes.len(), 7, "{server:?}");
    assert_eq!(call.says("server.port"), Some(upstream.address.port().to_string().as_str()));
    assert_eq!((call.says("server.address"), call.says("http.response.status_code")), (Some("127.0.0.1"), Some("200")));
    assert!(!server.is_error && !call.is_error);
    assert_eq!(line["trace_id"], TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_begins_here_where_no_trusted_hop_names_one() {
    for (trusted, sent) in [
        ("127.0.0.0/8", vec![]),
        ("127.0.0.0/8", vec![("traceparent", "00-x")]),
        ("10.0.0.0/8", vec![("traceparent", SAMPLED), ("tracestate", "vendor=1")]),
    ] {
        let (upstream, collector) = (Upstream::start().await, Collector::start().await);
        let setup = Setup::new(&upstream).await.traced(&collector.url()).set("COGNITO_AUTH_TRUSTED_PROXIES", trusted);
        let mut serving = setup.start_process().await;
        assert_eq!(signed_in(&serving, "GET /", &sent).await, 200);
        let line = serving.access_line().await;
        let spans = collector.spans(2).await;
        let (server, call) = (of_kind(&spans, "Server"), of_kind(&spans, "Client"));
        assert_eq!((server.parent.as_str(), server.state.as_str()), ("", ""), "{sent:?}");
        assert!(server.trace != TRACE && line["trace_id"] == server.trace.as_str(), "{sent:?}");
        let seen = upstream.next().await;
        assert_eq!(seen.field("traceparent"), Some(call.as_parent().as_str()));
        assert_eq!(seen.field("tracestate"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_recorded_where_it_began_with_that_and_else_by_the_ratio() {
    for (ratio, recorded) in [("0.0", vec!["/sampled"]), ("1.0", vec!["/own", "/sampled"])] {
        let (upstream, collector) = (Upstream::start().await, Collector::start().await);
        let setup =
            Setup::new(&upstream).await.traced(&collector.url()).set("COGNITO_AUTH_TRACING_SAMPLE_RATIO", ratio);
        let serving = setup.start_process().await;
        assert_eq!(signed_in(&serving, "GET /own", &[]).await, 200);
        assert_eq!(signed_in(&serving, "GET /unsampled", &[("traceparent", UNSAMPLED)]).await, 200);
        assert_eq!(signed_in(&serving, "GET /sampled", &[("traceparent", SAMPLED)]).await, 200);
        serving.terminated().await;
        let spans = collector.spans(recorded.len() * 2).await;
        let paths: Vec<&str> = spans.iter().filter_map(|span| span.says("url.path")).collect();
        assert_eq!((paths, spans.len()), (recorded.clone(), recorded.len() * 2), "{ratio}");
        assert!(collector.unasked().is_empty());
        let told = |seen: crate::support::upstream::Seen| seen.field("traceparent").unwrap().to_owned();
        let parents = [told(upstream.next().await), told(upstream.next().await), told(upstream.next().await)];
        let own = if ratio == "1.0" { "-01" } else { "-00" };
        assert!(parents[0].ends_with(own) && parents[1].ends_with("-00") && parents[2].ends_with("-01"), "{parents:?}");
        assert!(parents[1].contains(TRACE) && !parents[1].contains("00f067aa0ba902b7"), "{parents:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_a_span_with_its_reason_and_an_outage_an_error() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let collector = Collector::start().await;
    let serving = Setup::in_front_of(&format!("http://{free}")).await.traced(&collector.url()).start_process().await;
    assert_eq!(serving.send("BREW /refused", &[SCRIPT]).await.status, 401);
    assert_eq!(signed_in(&serving, "GET /outage", &[]).await, 502);
    let spans = collector.spans(3).await;
    let of_path = |path: &str| spans.iter().find(|span| span.says("url.path") == Some(path)).unwrap();
    let refused = of_path("/refused");
    assert_eq!((refused.name.as_str(), refused.says("http.request.method")), ("HTTP", Some("_OTHER")));
    assert_eq!(refused.says("cognito_auth_proxy.decision"), Some("deny"));
    assert_eq!(refused.says("cognito_auth_proxy.reason"), Some("missing_credential"));
    assert!(!refused.is_error, "a refusal is what the proxy is for");
    let outage = of_path("/outage");
    assert_eq!((outage.is_error, outage.says("error.type")), (true, Some("upstream_unreachable")));
    let call = of_kind(&spans, "Client");
    assert_eq!((call.is_error, call.says("error.type"), &call.parent), (true, Some("connect"), &outage.id));
}

/// What a request carries beside its tokens, and nobody is told.
const CARRIED: [(&str, &str); 3] = [
    ("Cookie", "AWSELBAuthSessionCookie-0=session-cookie-secret; app=client-cookie-secret"),
    ("Authorization", "Bearer authorization-secret"),
    ("X-Forwarded-For", "203.0.113.9"),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_span_tells_a_secret_a_query_an_address_or_a_user() {
    let (upstream, collector) = (Upstream::start().await, Collector::start().await);
    let serving = Setup::new(&upstream).await.traced(&collector.url()).start_process().await;
    let tokens = serving.issuer.tokens(&staff());
    let line = "GET /p?q=query-secret";
    assert_eq!(signed_in(&serving, line, &CARRIED).await, 200);
    assert_eq!(serving.send(line, &[&CARRIED[..], &[SCRIPT]].concat()).await.status, 401);
    let mut bent = tokens.clone();
    bent.data.replace_range(bent.data.len() - 8.., "AAAAAAAA");
    assert_eq!(serving.send(line, &[&bent.fields()[..], &CARRIED, &[SCRIPT]].concat()).await.status, 401);
    serving.terminated().await;
    let sent = String::from_utf8_lossy(&collector.unasked().concat()).into_owned();
    assert!(sent.contains("bad_signature") && sent.contains("missing_credential"), "they were sent");
    secrecy::assert_tells_nothing("a span", &sent);
    let seen = upstream.next().await;
    for secret in [
        "secret",
        "203.0.113.9",
        "ann@example.com",
        "0f1e2d3c-0000-4000-8000-00000000000a",
        &tokens.data[..40],
        &tokens.access_token[..40],
        &seen.field("x-auth-user").unwrap()[..40],
    ] {
        assert!(!sent.contains(secret), "{secret} is in a span");
    }
}
