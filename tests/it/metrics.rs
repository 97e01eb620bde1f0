//! Each thing that is counted moves when it should, by as much as it should, and nothing else moves.

use cognito_auth_proxy::dev::{Fault, Tokens, User};

use crate::support::{
    application::Application,
    client::{Answer, Wire, request},
    door::{Door, with_data},
    draft::Draft,
    proxy::{Proxy, Setup, staff},
    scrape::Scrape,
    websocket::{Socket, handshake},
};

const ALLOWED: &str = r#"requests_total{decision="allow",reason="none",status="2xx"}"#;
const ALLOWED_TIMED: &str = r#"request_duration_seconds_count{decision="allow"}"#;
const FIRST_BYTE: &str = "upstream_first_byte_seconds_count";
const SENT: &str = r#"sent_bytes_total{carrier="http"}"#;
const KNOWN: &str = r#"memory_lookups_total{memory="credential",outcome="hit"}"#;
const NEW: &str = r#"memory_lookups_total{memory="credential",outcome="miss"}"#;
const ACCESS_KNOWN: &str = r#"memory_lookups_total{memory="access_token",outcome="hit"}"#;
const ACCESS_NEW: &str = r#"memory_lookups_total{memory="access_token",outcome="miss"}"#;
const CHECKED: &str = "verification_duration_seconds_count";
const ALB_KEY: &str = r#"key_fetches_total{source="alb",outcome="fetched"}"#;
const POOL_KEYS: &str = r#"key_fetches_total{source="pool",outcome="fetched"}"#;
const DENIED_TIMED: &str = r#"request_duration_seconds_count{decision="deny"}"#;

/// What a refusal with this reason and status moves, beside what led to it.
async fn refused(door: &Door, before: &Scrape, answer: &Answer, reason: &str, beside: &[(&str, f64)]) -> Scrape {
    let class = answer.status / 100;
    let counted = format!(r#"requests_total{{decision="deny",reason="{reason}",status="{class}xx"}}"#);
    let common = [(counted.as_str(), 1.0), (DENIED_TIMED, 1.0), (SENT, answer.body.len() as f64)];
    before.moves(&door.proxy, &[&common, beside].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_counted_by_what_was_decided_and_verifying_only_where_somebody_is_new() {
    let door = Door::new().await;
    let start = Scrape::of(&door.proxy).await;
    let tokens = door.proxy.tokens();
    let forwarded = [(ALLOWED, 1.0), (ALLOWED_TIMED, 1.0), (FIRST_BYTE, 1.0), (SENT, 5.0)];
    let verified = [(NEW, 1.0), (ACCESS_NEW, 1.0), (CHECKED, 1.0), (ALB_KEY, 1.0), (POOL_KEYS, 1.0)];
    door.admits("a new user", &tokens.fields()).await;
    let now = start.moves(&door.proxy, &[&forwarded[..], &verified].concat()).await;

    door.admits("the same", &tokens.fields()).await;
    let now = now.moves(&door.proxy, &[&forwarded[..], &[(KNOWN, 1.0)]].concat()).await;

    let draft = door.draft();
    let again = door.sign(&draft);
    let data = again.data.as_str();
    door.admits("a new token beside a known one", &with_data(&tokens, data)).await;
    now.moves(&door.proxy, &[&forwarded[..], &[(NEW, 1.0), (ACCESS_KNOWN, 1.0), (CHECKED, 1.0)]].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_counted_by_its_reason() {
    let door = Door::new().await;
    let start = Scrape::of(&door.proxy).await;
    let tokens = door.proxy.tokens();
    door.admits("a user, so that keys are known", &tokens.fields()).await;
    let settled = [(ALLOWED, 1.0), (ALLOWED_TIMED, 1.0), (FIRST_BYTE, 1.0), (SENT, 5.0)];
    let learnt = [(NEW, 1.0), (ACCESS_NEW, 1.0), (CHECKED, 1.0), (ALB_KEY, 1.0), (POOL_KEYS, 1.0)];
    let now = start.moves(&door.proxy, &[&settled[..], &learnt].concat()).await;

    let answer = door.refuses("nobody", &[], (401, "missing_credential")).await;
    let now = refused(&door, &now, &answer, "missing_credential", &[]).await;

    let mut forged = tokens.data.clone().into_bytes();
    let middle = forged.len() - 20;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let answer = door.refuses("a forgery", &with_data(&tokens, &forged), (401, "bad_signature")).await;
    let now = refused(&door, &now, &answer, "bad_signature", &[(NEW, 1.0), (CHECKED, 1.0)]).await;

    let mut draft = door.draft();
    draft.header["signer"] = "arn:aws:elasticloadbalancing:eu-west-2:1:loadbalancer/app/other/1".into();
    let answer = door.refuses("another's", &door.sign(&draft).fields(), (401, "wrong_signer")).await;
    let now = refused(&door, &now, &answer, "wrong_signer", &[]).await;

    let stranger = User::new("0f1e2d3c-0000-4000-8000-00000000000b", "eve@example.com").in_groups(&["strangers"]);
    let answer = door.ask_as(&stranger).await;
    assert_eq!(answer.code(), "not_allowed");
    let new = [(NEW, 1.0), (ACCESS_NEW, 1.0), (CHECKED, 1.0)];
    let now = refused(&door, &now, &answer, "not_allowed", &new).await;

    let answer = door.proxy.send("GET /.auth/health", &[]).await;
    let own = [
        (r#"requests_total{decision="own",reason="none",status="2xx"}"#, 1.0),
        (r#"request_duration_seconds_count{decision="own"}"#, 1.0),
        (SENT, answer.body.len() as f64),
    ];
    now.moves(&door.proxy, &own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_keys_is_counted_at_its_source() {
    let door = Door::new().await;
    let start = Scrape::of(&door.proxy).await;
    door.proxy.keys.set_fault(Fault::Down);
    let answer = door.refuses("undecided", &door.proxy.tokens().fields(), (503, "keys_unavailable")).await;
    let failed = r#"key_fetches_total{source="alb",outcome="unavailable"}"#;
    let now = refused(&door, &start, &answer, "keys_unavailable", &[(failed, 1.0)]).await;
    assert!(now.0.keys().all(|series| !series.contains("keys_fetched_timestamp")), "no key ever came");
    // Stands for two seconds: not asked again.
    let answer = door.refuses("undecided", &door.proxy.tokens().fields(), (503, "keys_unavailable")).await;
    refused(&door, &now, &answer, "keys_unavailable", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_gone_is_counted_as_a_fault_of_allowed_requests() {
    let application = Application::listen().await;
    let url = application.url();
    drop(application);
    let proxy = Setup::in_front_of(&url).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    let start = Scrape::of(&proxy).await;
    let answer = proxy.send("POST /open", &[("Content-Length", "0"), ("Accept", "application/json")]).await;
    assert_eq!(answer.code(), "upstream_unreachable");
    let failed = [
        (r#"requests_total{decision="public",reason="upstream_unreachable",status="5xx"}"#, 1.0),
        (r#"request_duration_seconds_count{decision="public"}"#, 1.0),
        (SENT, answer.body.len() as f64),
    ];
    start.moves(&proxy, &failed).await;
}

async fn in_front_of(application: &Application) -> (Proxy, Scrape) {
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = setup.set("COGNITO_AUTH_PUBLIC_PATHS", "/open,/socket").start().await;
    let start = Scrape::of(&proxy).await;
    (proxy, start)
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_counted_both_ways_and_a_request_is_open_until_its_answer_has_gone() {
    let application = Application::listen().await;
    let (proxy, start) = in_front_of(&application).await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(request("POST /open", &[("Content-Length", "7")]) + "upload!").await;
    let mut app = application.accept().await;
    app.request().await;
    assert_eq!(app.exactly(7).await, b"upload!");
    let uploaded = [(r#"received_bytes_total{carrier="http"}"#, 7.0), ("open_requests", 1.0), ("connections", 1.0)];
    let now = start.moves(&proxy, &uploaded).await;
    app.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc").await;
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.exactly(3).await, b"abc");
    let now = now.moves(&proxy, &[(FIRST_BYTE, 1.0), (SENT, 3.0)]).await;
    app.send("def").await;
    assert_eq!(client.exactly(3).await, b"def");
    let over = [
        (SENT, 3.0),
        ("open_requests", -1.0),
        (r#"requests_total{decision="public",reason="none",status="2xx"}"#, 1.0),
        (r#"request_duration_seconds_count{decision="public"}"#, 1.0),
    ];
    let now = now.moves(&proxy, &over).await;
    drop(client);
    now.moves(&proxy, &[("connections", -1.0)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_is_open_while_it_lasts_and_is_no_slow_request() {
    let application = Application::listen().await;
    let (proxy, start) = in_front_of(&application).await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(request("GET /open", &[])).await;
    let mut app = application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
    app.send_chunk("data: 1\n\n").await;
    assert_eq!(client.head().await.status, 200);
    client.chunk().await.unwrap();
    let kind = r#"open_streams{kind="event_stream"}"#;
    let open = [(kind, 1.0), ("open_requests", 1.0), ("connections", 1.0), (FIRST_BYTE, 1.0), (SENT, 9.0)];
    let now = start.moves(&proxy, &open).await;
    app.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, None);
    let over = [
        (kind, -1.0),
        ("open_requests", -1.0),
        (r#"stream_duration_seconds_count{kind="event_stream"}"#, 1.0),
        (r#"requests_total{decision="public",reason="none",status="2xx"}"#, 1.0),
    ];
    now.moves(&proxy, &over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_an_upgrade_and_open_until_it_ends() {
    let application = Application::listen().await;
    let (proxy, start) = in_front_of(&application).await;
    let mut client = Wire::connect(proxy.address).await;
    client.send(handshake("/socket", &[])).await;
    let mut app = application.accept().await;
    let seen = app.request().await;
    let mut app = Socket::server(app, &seen, &[]).await;
    assert_eq!(client.head().await.status, 101);
    let mut client = Socket::client(client).await;
    let kind = r#"open_streams{kind="websocket"}"#;
    let open = [
        (kind, 1.0),
        ("upgrades_total", 1.0),
        ("connections", 1.0),
        (FIRST_BYTE, 1.0),
        (r#"requests_total{decision="public",reason="none",status="1xx"}"#, 1.0),
    ];
    let now = start.moves(&proxy, &open).await;
    // Two bytes of head, four of mask towards the application.
    client.send("hello").await;
    app.next().await.unwrap();
    app.send("hi").await;
    client.next().await.unwrap();
    let bytes = |name| format!(r#"{name}_bytes_total{{carrier="websocket"}}"#);
    let now = now.moves(&proxy, &[(&bytes("received"), 11.0), (&bytes("sent"), 4.0)]).await;
    drop((client, app));
    let over = [(kind, -1.0), ("connections", -1.0), (r#"stream_duration_seconds_count{kind="websocket"}"#, 1.0)];
    now.moves(&proxy, &over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drain_shows_while_it_lasts() {
    let application = Application::listen().await;
    let setup = Setup::in_front_of(&application.url()).await;
    let proxy = setup.set("COGNITO_AUTH_DRAIN_DELAY", "60s").start().await;
    let start = Scrape::of(&proxy).await;
    assert_eq!(start.0["draining"], 0.0);
    proxy.stop();
    start.moves(&proxy, &[("draining", 1.0)]).await;
}

/// What a client can choose, everywhere it can: tokens with odd contents included.
fn odd_tokens(proxy: &Proxy) -> Vec<Tokens> {
    let mut drafts = vec![Draft::of(&proxy.issuer, &User::new("marker\"} 1", "marker@example.com"))];
    for member in ["signer", "client", "iss", "kid", "alg"] {
        let mut draft = Draft::of(&proxy.issuer, &staff());
        draft.header[member] = "marker\"} 1\n".into();
        drafts.push(draft);
    }
    drafts.iter().map(|draft| draft.signed(&proxy.issuer)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_client_sends_becomes_a_label() {
    let door = Door::new().await;
    let odd = [("X-Request-Id", "marker"), ("User-Agent", "marker"), ("Cookie", "marker=marker")];
    for line in
        ["MARKER /", "GET /marker?marker=marker", "GET /.auth/marker", "OPTIONS /.auth/health", "GET http://marker/"]
    {
        door.proxy.send(line, &odd).await;
    }
    let mut wire = Wire::connect(door.proxy.address).await;
    wire.send("GET / HTTP/1.1\r\nHost: marker.example\r\nMarker: marker\r\n\r\n").await;
    wire.answer().await;
    for tokens in odd_tokens(&door.proxy) {
        let mut fields = tokens.fields().to_vec();
        fields.extend(odd);
        door.proxy.send("GET /marker", &fields).await;
    }
    let text = door.proxy.ask_admin("/metrics").await.text();
    assert!(!text.to_lowercase().contains("marker"), "{text}");
    let refusals =
        Scrape::parse(&text).0.iter().filter(|(name, _)| name.contains("\"deny\"")).map(|(_, n)| n).sum::<f64>();
    assert!(refusals >= 10.0, "they were counted: {refusals}");
    crate::metrics_table::assert_is_documented(&text);
}
