//! What goes on after its request was answered obeys the policy, its age, its silence and the process: WebSockets get a
//! close frame, event streams end whole, and of a download no part looks like the whole.

use std::{fs, path::PathBuf};

use cognito_auth_proxy::dev::{Tokens, User};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::support::{
    answers::with,
    application::Application,
    client::{Wire, request},
    draft::now,
    eventually,
    proxy::{Proxy, Setup, staff},
    websocket::{Socket, handshake},
};

const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const CHUNKS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ntransfer-encoding: chunked\r\n\r\n";
const STAFF: &str = r#"{"allowed_groups": ["staff"]}"#;
const STAFF_AND_ADMINS: &str = r#"{"allowed_groups": ["staff"], "admin_groups": ["admins"]}"#;
const NOBODY_WE_KNOW: &str = r#"{"allowed_groups": ["strangers"]}"#;

/// A proxy whose policy is a file, in front of an application the test plays.
struct House {
    application: Application,
    proxy: Proxy,
    policy: PathBuf,
    _directory: TempDir,
}

impl House {
    async fn new(policy: &str, settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.json");
        fs::write(&path, policy).unwrap();
        let application = Application::listen().await;
        let mut setup = Setup::in_front_of(&application.url())
            .await
            .set("COGNITO_AUTH_ALLOWED_GROUPS", "")
            .set("COGNITO_AUTH_PUBLIC_PATHS", "/public")
            .set("COGNITO_AUTH_CONFIG_PATH", path.to_str().unwrap());
        for (name, value) in settings {
            setup = setup.set(name, value);
        }
        Self { application, proxy: setup.start().await, policy: path, _directory: directory }
    }

    /// Puts another policy in force.
    fn rule(&self, policy: &str) {
        fs::write(&self.policy, policy).unwrap();
    }

    /// Both ends of a WebSocket of this user.
    async fn socket(&self, tokens: &Tokens) -> (Socket, Socket) {
        let mut client = Wire::connect(self.proxy.address).await;
        client.send(handshake("/ws", &tokens.fields())).await;
        let mut app = self.application.accept().await;
        let seen = app.request().await;
        let app = Socket::server(app, &seen, &[]).await;
        assert_eq!(client.head().await.status, 101);
        (Socket::client(client).await, app)
    }

    /// Both ends of an answer that has begun: `head`, and the chunk `first`.
    async fn answer(&self, path: &str, tokens: &Tokens, head: &str, first: &str) -> (Wire, Wire) {
        let mut client = Wire::connect(self.proxy.address).await;
        client.send(request(&format!("GET {path}"), &with(&tokens.fields(), &[("Accept", "*/*")]))).await;
        let mut app = self.application.accept().await;
        app.request().await;
        app.send(head).await;
        app.send_chunk(first).await;
        assert_eq!(client.head().await.status, 200);
        assert_eq!(client.chunk().await.unwrap(), first.as_bytes());
        (client, app)
    }

    async fn counts(&self, kind: &str, reason: &str, times: u32) {
        let line = format!("cognito_auth_proxy_streams_ended_total{{kind=\"{kind}\",reason=\"{reason}\"}} {times}");
        let counted = async || self.proxy.ask_admin("/metrics").await.text().lines().any(|found| found == line);
        eventually(&line, counted).await;
    }
}

fn tokens(house: &House, sub: &str, groups: &[&str]) -> Tokens {
    house.proxy.issuer.tokens(&User::new(sub, "bob@example.com").in_groups(groups))
}

fn close(code: CloseCode, reason: &str) -> Option<Message> {
    Some(Message::Close(Some(CloseFrame { code, reason: reason.into() })))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_whose_user_is_no_longer_admitted_is_closed_with_1008() {
    let house = House::new(STAFF, &[]).await;
    let (mut client, mut app) = house.socket(&house.proxy.tokens()).await;
    client.send("before").await;
    assert_eq!(app.next().await, Some("before".into()));
    house.rule(NOBODY_WE_KNOW);
    assert_eq!(client.next().await, close(CloseCode::Policy, "no longer allowed"));
    assert_eq!(client.next().await, None);
    assert_eq!(app.next().await, close(CloseCode::Policy, "no longer allowed"));
    assert_eq!(app.next().await, None);
    house.counts("websocket", "revoked", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_whose_user_is_no_longer_admitted_ends_whole() {
    let house = House::new(STAFF, &[]).await;
    let (mut client, mut app) = house.answer("/events", &house.proxy.tokens(), EVENTS, "data: 1\n\n").await;
    house.rule(NOBODY_WE_KNOW);
    assert_eq!(client.chunk().await, None, "its last chunk");
    assert!(app.closes().await, "the application learns of it");
    house.counts("event_stream", "revoked", 1).await;
    // Connecting again, as an EventSource does, is a request like any other.
    let refused = house.proxy.send_signed_in("GET /events", &[("Accept", "text/event-stream")]).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "not_allowed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_whose_user_is_no_longer_admitted_breaks_and_does_not_look_whole() {
    let house = House::new(STAFF, &[]).await;
    let (mut client, mut app) = house.answer("/export", &house.proxy.tokens(), CHUNKS, "a,b\n").await;
    house.rule(NOBODY_WE_KNOW);
    assert!(client.closes().await, "without a last chunk");
    assert!(app.closes().await);
    house.counts("download", "revoked", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_more_passes_to_a_user_who_is_no_longer_admitted_however_busy_the_stream_is() {
    let house = House::new(STAFF, &[]).await;
    let (mut client, mut app) = house.answer("/events", &house.proxy.tokens(), EVENTS, "data: 0\n\n").await;
    house.rule(NOBODY_WE_KNOW);
    let mut received = 0_u32;
    loop {
        // One event for one received: there is always one on its way.
        app.send_chunk("data: x\n\n").await;
        if client.chunk().await.is_none() {
            break;
        }
        received += 1;
    }
    assert!(received > 0, "the file is read again only after a while");
    house.counts("event_stream", "revoked", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_users_who_are_still_admitted_go_on_when_the_policy_changes() {
    let house = House::new(STAFF_AND_ADMINS, &[]).await;
    let (mut staff_client, mut staff_app) = house.socket(&house.proxy.tokens()).await;
    let admin = tokens(&house, "0f1e2d3c-0000-4000-8000-00000000000d", &["admins", "staff"]);
    let (mut admin_client, _admin_app) = house.socket(&admin).await;
    let (mut public_client, mut public_app) =
        house.answer("/public", &house.proxy.tokens(), EVENTS, "data: 1\n\n").await;
    // No admins any more: what the application was told of this one is no longer so.
    house.rule(STAFF);
    assert_eq!(admin_client.next().await, close(CloseCode::Policy, "no longer allowed"));
    staff_client.send("still here").await;
    assert_eq!(staff_app.next().await, Some("still here".into()));
    house.rule(NOBODY_WE_KNOW);
    assert_eq!(staff_client.next().await, close(CloseCode::Policy, "no longer allowed"));
    // A public path needs no user, so no policy ends it.
    public_app.send_chunk("data: 2\n\n").await;
    assert_eq!(public_client.chunk().await.unwrap(), b"data: 2\n\n");
    house.counts("websocket", "revoked", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_lives_longer_than_its_age() {
    let house = House::new(STAFF, &[("COGNITO_AUTH_MAX_STREAM_AGE", "300ms")]).await;
    let tokens = house.proxy.tokens();
    let (mut client, _app) = house.socket(&tokens).await;
    assert_eq!(client.next().await, close(CloseCode::Policy, "open for too long"));
    let (mut events, _app) = house.answer("/events", &tokens, EVENTS, "data: 1\n\n").await;
    assert_eq!(events.chunk().await, None);
    let (mut public, _app) = house.answer("/public", &tokens, EVENTS, "data: 1\n\n").await;
    assert_eq!(public.chunk().await, None);
    house.counts("websocket", "age", 1).await;
    house.counts("event_stream", "age", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_access_token_where_so_configured() {
    let house = House::new(STAFF, &[("COGNITO_AUTH_END_STREAMS_AT_EXPIRY", "true")]).await;
    let issuer = &house.proxy.issuer;
    let payload = issuer.access_payload(&staff(), now());
    let mut payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
    payload["exp"] = (now() + 2).into();
    let access_token = issuer.sign_access(&issuer.access_header(), &payload.to_string());
    let short = Tokens { access_token, ..house.proxy.tokens() };
    let (mut client, _app) = house.socket(&short).await;
    let (mut events, _app) = house.answer("/events", &short, EVENTS, "data: 1\n\n").await;
    let (mut others, mut others_app) = house.socket(&house.proxy.tokens()).await;
    assert_eq!(client.next().await, close(CloseCode::Policy, "the session has expired"));
    assert_eq!(events.chunk().await, None);
    others_app.send("a later token").await;
    assert_eq!(others.next().await, Some("a later token".into()));
    house.counts("websocket", "expired", 1).await;
    house.counts("event_stream", "expired", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_on_which_nothing_passes_ends() {
    let house = House::new(STAFF, &[("COGNITO_AUTH_STREAM_IDLE_TIMEOUT", "300ms")]).await;
    let tokens = house.proxy.tokens();
    let (mut client, _app) = house.socket(&tokens).await;
    assert_eq!(client.next().await, close(CloseCode::Away, "idle for too long"));
    let (mut events, _app) = house.answer("/events", &tokens, EVENTS, "data: 1\n\n").await;
    assert_eq!(events.chunk().await, None);
    house.counts("websocket", "idle", 1).await;
    house.counts("event_stream", "idle", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_frame_does_not_break_into_another_frame() {
    let house = House::new(STAFF, &[]).await;
    let mut client = Wire::connect(house.proxy.address).await;
    client.send(handshake("/ws", &house.proxy.tokens().fields())).await;
    let mut app = house.application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    assert_eq!(client.head().await.status, 101);
    // The first three bytes of a text frame of five, and after it half of another.
    app.send(b"\x81\x05ab").await;
    assert_eq!(client.exactly(4).await, b"\x81\x05ab");
    house.rule(NOBODY_WE_KNOW);
    house.counts("websocket", "revoked", 1).await;
    app.send(b"cde\x81\x05fg").await;
    assert_eq!(client.exactly(3).await, b"cde");
    assert_eq!(client.exactly(4).await, [0x88, 19, 0x03, 0xf0]);
    assert_eq!(client.exactly(17).await, b"no longer allowed");
    assert!(client.closes().await);
    // The application is told as a client tells it: masked.
    assert_eq!(app.exactly(8).await, [0x88, 0x80 | 19, 0, 0, 0, 0, 0x03, 0xf0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_finish_a_frame_is_cut_off() {
    let house = House::new(STAFF, &[]).await;
    let mut client = Wire::connect(house.proxy.address).await;
    client.send(handshake("/ws", &house.proxy.tokens().fields())).await;
    let mut app = house.application.accept().await;
    app.request().await;
    app.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
    assert_eq!(client.head().await.status, 101);
    app.send(b"\x81\x05ab").await;
    client.send(b"\x81\x85").await;
    assert_eq!(client.exactly(4).await, b"\x81\x05ab");
    assert_eq!(app.exactly(2).await, b"\x81\x85");
    house.rule(NOBODY_WE_KNOW);
    assert!(client.closes().await && app.closes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_whose_one_end_has_hung_up_does_not_stay() {
    let house = House::new(STAFF, &[("COGNITO_AUTH_DRAIN_DEADLINE", "1h")]).await;
    let (client, mut app) = house.socket(&house.proxy.tokens()).await;
    drop(client);
    assert_eq!(app.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_of_the_process_websockets_are_told_and_event_streams_end_whole() {
    let mut house = House::new(STAFF, &[("COGNITO_AUTH_DRAIN_DEADLINE", "0s")]).await;
    let tokens = house.proxy.tokens();
    let (mut client, mut app) = house.socket(&tokens).await;
    let (mut events, _app) = house.answer("/events", &tokens, EVENTS, "data: 1\n\n").await;
    house.proxy.stop();
    assert_eq!(client.next().await, close(CloseCode::Away, "the proxy restarts"));
    assert_eq!(app.next().await, close(CloseCode::Away, "the proxy restarts"));
    assert_eq!(events.chunk().await, None);
    drop((client, app));
    house.proxy.stopped().await;
}
