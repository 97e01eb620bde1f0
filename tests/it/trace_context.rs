//! Whose word on a trace counts, what of it reaches the application, and what the log says of it.

use serde_json::Value;

use crate::support::{
    process::Serving,
    proxy::{Proxy, Setup},
    upstream::{Seen, Upstream},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ROOT: &str = "Root=1-67891233-abcdef012345678912345678";

/// What came to the application of these fields, by a proxy of these settings.
async fn forwarded(settings: &[(&str, &str)], fields: &[(&str, &str)]) -> Seen {
    let upstream = Upstream::start().await;
    let mut setup = Setup::new(&upstream).await;
    for (name, value) in settings {
        setup = setup.set(name, value);
    }
    let proxy = setup.start().await;
    assert_eq!(proxy.send_signed_in("GET /", fields).await.status, 200);
    upstream.next().await
}

fn context(seen: &Seen) -> [Option<&str>; 3] {
    ["traceparent", "tracestate", "baggage"].map(|name| seen.field(name))
}

#[tokio::test]
async fn the_trace_of_a_trusted_hop_goes_on_as_it_came() {
    let sent = [("Traceparent", PARENT), ("tracestate", "a=b,c=d"), ("baggage", "tenant=7")];
    let seen = forwarded(&[], &sent).await;
    assert_eq!(context(&seen), [Some(PARENT), Some("a=b,c=d"), Some("tenant=7")]);
}

#[tokio::test]
async fn the_trace_of_an_unknown_hop_reaches_nobody() {
    let sent = [("traceparent", PARENT), ("tracestate", "a=b"), ("baggage", "tenant=7")];
    for settings in
        [[("COGNITO_AUTH_TRUSTED_PROXIES", "10.0.0.0/8")], [("COGNITO_AUTH_TRACING_ACCEPT_PARENT", "false")]]
    {
        assert_eq!(context(&forwarded(&settings, &sent).await), [None; 3], "{settings:?}");
    }
}

#[tokio::test]
async fn a_trace_that_is_none_by_the_letter_is_dropped_and_none_is_made_up() {
    let upstream = Upstream::start().await;
    let proxy = Proxy::start(&upstream).await;
    let upper = PARENT.to_uppercase();
    let long = format!("a={}", "b".repeat(600));
    for (sent, expected) in [
        (vec![], [None; 3]),
        (vec![("traceparent", upper.as_str()), ("tracestate", "a=b")], [None; 3]),
        (vec![("traceparent", PARENT), ("traceparent", PARENT)], [None; 3]),
        (vec![("tracestate", "a=b")], [None; 3]),
        (vec![("traceparent", PARENT), ("tracestate", long.as_str())], [Some(PARENT), None, None]),
        // Under no other spelling either.
        (vec![("trace_parent", PARENT), ("trace-state", "a=b")], [None; 3]),
    ] {
        assert_eq!(proxy.send_signed_in("GET /", &sent).await.status, 200);
        let seen = upstream.next().await;
        assert_eq!(context(&seen), expected, "{sent:?}");
        assert_eq!((seen.field("trace-parent"), seen.field("trace-state")), (None, None), "{sent:?}");
    }
}

/// The access line of a request with these fields.
async fn line(serving: &mut Serving, fields: &[(&str, &str)]) -> Value {
    let fields = [fields, &[("Accept", "application/json")]].concat();
    assert_eq!(serving.send("GET /", &fields).await.status, 401);
    serving.access_line().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_a_request_names_its_trace_and_what_the_load_balancer_called_it() {
    let upstream = Upstream::start().await;
    let mut serving = Setup::new(&upstream).await.start_process().await;
    let both = line(&mut serving, &[("traceparent", PARENT), ("X-Amzn-Trace-Id", ROOT)]).await;
    assert_eq!((&both["trace_id"], &both["amzn_trace_id"]), (&TRACE.into(), &ROOT.into()));
    let neither = line(&mut serving, &[("traceparent", "x"), ("X-Amzn-Trace-Id", "Root=secret\"")]).await;
    assert_eq!((&neither["trace_id"], &neither["amzn_trace_id"]), (&Value::Null, &Value::Null));
    let with_more = format!("{ROOT};CalledFrom=secret");
    let part = line(&mut serving, &[("X-Amzn-Trace-Id", &with_more)]).await;
    assert_eq!(part["amzn_trace_id"], ROOT);
    assert!(!serving.terminated().await.stdout.contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_a_request_names_no_trace_of_an_unknown_hop() {
    let upstream = Upstream::start().await;
    let setup = Setup::new(&upstream).await.set("COGNITO_AUTH_TRUSTED_PROXIES", "10.0.0.0/8");
    let mut serving = setup.start_process().await;
    assert_eq!(line(&mut serving, &[("traceparent", PARENT)]).await["trace_id"], Value::Null);
}

#[tokio::test]
async fn what_the_load_balancer_called_it_goes_on_unchanged_whatever_it_is() {
    for sent in [ROOT, "Self=1-67891234-12456789abcdef012345678f;Root=any;CalledFrom=app", "nonsense"] {
        let seen = forwarded(&[("COGNITO_AUTH_TRUSTED_PROXIES", "10.0.0.0/8")], &[("X-Amzn-Trace-Id", sent)]).await;
        assert_eq!(seen.field("x-amzn-trace-id"), Some(sent));
    }
}
