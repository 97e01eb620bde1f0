//! Requests that are no plain HTTP/1.1 ones: other versions, heads that somebody would mend, changes of protocol. Each
//! is read in one way or refused, and what stands behind is judged for itself (attack classes 6.20, 6.21, 6.23, 6.25).

use crate::raw_stage::{
    End::{self, GoesOn, Refused},
    FRONTS, Front, LAST, SMUGGLED, Stage,
};

/// What stands behind the fields that all requests have, by method and version.
const MESSAGES: [(&str, &str, &str, End); 61] = [
    ("GET", "HTTP/1.1", "\r\n", GoesOn("")),
    ("HEAD", "HTTP/1.1", "Content-Length: 5\r\n\r\nhello", GoesOn("hello")),
    ("GET", "HTTP/1.1", "Content-Length: 5\r\n\r\nhello", GoesOn("hello")),
    // Read to its end and not sent on: hyper writes no body of unknown length for this method.
    ("GET", "HTTP/1.1", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", GoesOn("")),
    ("OPTIONS", "HTTP/1.1", "Content-Length: 5\r\n\r\nhello", GoesOn("hello")),
    ("OPTIONS", "HTTP/1.1", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", GoesOn("hello")),
    ("DELETE", "HTTP/1.1", "Content-Length: 5\r\n\r\nhello", GoesOn("hello")),
    ("get", "HTTP/1.1", "Content-Length: 5\r\n\r\nhello", GoesOn("hello")),
    ("Get", "HTTP/1.1", "\r\n", GoesOn("")),
    ("FOO", "HTTP/1.1", "Content-Length: 5\r\n\r\nhello", GoesOn("hello")),
    ("M-SEARCH", "HTTP/1.1", "\r\n", GoesOn("")),
    ("PRI", "HTTP/1.1", "\r\n", GoesOn("")),
    ("POST", "HTTP/1.1", "\r\n", GoesOn("")),
    ("POST", "HTTP/1.1", "Content-Length: 0\r\n\r\n", GoesOn("")),
    ("TRACE", "HTTP/1.1", "\r\n", Refused(405)),
    ("trace", "HTTP/1.1", "\r\n", GoesOn("")),
    ("CONNECT", "HTTP/1.1", "\r\n", Refused(405)),
    ("G\u{e9}T", "HTTP/1.1", "\r\n", Refused(400)),
    ("G\0T", "HTTP/1.1", "\r\n", Refused(400)),
    ("G:T", "HTTP/1.1", "\r\n", Refused(400)),
    ("", "HTTP/1.1", "\r\n", Refused(400)),
    (" GET", "HTTP/1.1", "\r\n", Refused(400)),
    ("\tGET", "HTTP/1.1", "\r\n", Refused(400)),
    ("\0GET", "HTTP/1.1", "\r\n", Refused(400)),
    ("GET ", "HTTP/1.1", "\r\n", Refused(400)),
    ("GET", " HTTP/1.1", "\r\n", Refused(400)),
    ("GET", "HTTP/1.1 ", "\r\n", Refused(400)),
    ("GET", "HTTP/1.1\t", "\r\n", Refused(400)),
    ("GET", "HTTP/1.1\u{b}", "\r\n", Refused(400)),
    ("GET", "HTTP/1.1;x", "\r\n", Refused(400)),
    ("GET", "HTTP/1.10", "\r\n", Refused(400)),
    ("GET", "HTTP/01.1", "\r\n", Refused(400)),
    ("GET", "HTTP/1.2", "\r\n", Refused(400)),
    ("GET", "HTTP/2.0", "\r\n", Refused(400)),
    ("GET", "HTTP/3", "\r\n", Refused(400)),
    ("GET", "HTTP/0.9", "\r\n", Refused(400)),
    ("GET", "HTTP/11", "\r\n", Refused(400)),
    ("GET", "HTTP/1,1", "\r\n", Refused(400)),
    ("GET", "http/1.1", "\r\n", Refused(400)),
    ("GET", "ICY/1.1", "\r\n", Refused(400)),
    ("GET", "HTTP/1.1\r", "\r\n", Refused(400)),
    ("\r\nGET", "HTTP/1.1", "\r\n", GoesOn("")),
    ("\n\r\n\nGET", "HTTP/1.1", "\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "X-A: 1\r\n\n", GoesOn("")),
    ("GET", "HTTP/1.1", "X-A: 1\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "X-A: 1\r\r\n\r\n", Refused(400)),
    ("GET", "HTTP/1.1", "X-A\r\n\r\n", Refused(400)),
    ("GET", "HTTP/1.1", "GET /smuggled HTTP/1.1\r\n\r\n", Refused(400)),
    ("GET", "HTTP/1.1", "X-A: 1\r\nGET /smuggled HTTP/1.1\r\nX: 1\r\n\r\n", Refused(400)),
    ("GET", "HTTP/1.0", "\r\n", End::Last("")),
    ("GET", "HTTP/1.0", "Connection: keep-alive\r\n\r\n", GoesOn("")),
    ("POST", "HTTP/1.0", "Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", GoesOn("hello")),
    ("POST", "HTTP/1.0", "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("POST", "HTTP/1.0", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", Refused(400)),
    ("POST", "HTTP/1.0", "Connection: keep-alive\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello", Refused(400)),
    ("GET", "HTTP/1.0", "Connection: Upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: close\r\n\r\n", End::Last("")),
    ("GET", "HTTP/1.1", "Connection: close, keep-alive\r\n\r\n", End::Last("")),
    ("GET", "HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n\r\n", End::Last("")),
    ("GET", "HTTP/1.1", "Host: app.example\r\n\r\n", Refused(400)),
    ("GET", "HTTP/1.1", "host: evil.example\r\n\r\n", Refused(400)),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_read_in_one_way_or_refused() {
    let stage = Stage::start().await;
    for (method, version, own, end) in MESSAGES {
        stage.expect((method, version), own, end).await;
    }
    assert_eq!(MESSAGES.len() * FRONTS.len(), 183, "messages");
}

/// What asks for another protocol, with what stands behind it as its first bytes.
const UPGRADES: [(&str, &str, &str, End); 22] = [
    (
        "GET",
        "HTTP/1.1",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        GoesOn(""),
    ),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: connect-udp\r\nCapsule-Protocol: ?1\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Upgrade: websocket\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: keep-alive\r\nUpgrade: websocket\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n", GoesOn("")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 777\r\n\r\n", GoesOn("")),
    ("HEAD", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", GoesOn("")),
    (
        "POST",
        "HTTP/1.1",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
        GoesOn("hello"),
    ),
    ("POST", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello", GoesOn("hello")),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello", Refused(400)),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 00\r\n\r\n", Refused(400)),
    (
        "GET",
        "HTTP/1.1",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "GET",
        "HTTP/1.1",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "GET",
        "HTTP/1.1",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    (
        "GET",
        "HTTP/1.1",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Refused(400),
    ),
    ("GET", "HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n", GoesOn("")),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_protocol_that_nobody_agreed_to_opens_nothing() {
    let stage = Stage::start().await;
    for (method, version, own, end) in UPGRADES {
        stage.expect((method, version), own, end).await;
    }
    assert_eq!(UPGRADES.len() * FRONTS.len(), 66, "messages");
}

/// Whole requests of a member of `staff`, whose credential stands for `{own}`, and the statuses until the end.
const WHOLE: [(&str, &[u16]); 23] = [
    ("CONNECT app.example:443 HTTP/1.1\r\nHost: app.example:443\r\n{own}\r\n", &[405]),
    ("CONNECT app.example:443 HTTP/1.1\r\nHost: app.example:443\r\n{own}Content-Length: 5\r\n\r\nhello", &[405]),
    ("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("CONNECT http://app.example/ HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[405]),
    ("GET http://evil.example/page HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET http://app.example/page HTTP/1.1\r\nHost: evil.example\r\n{own}\r\n", &[400]),
    ("GET http://app.example/page HTTP/1.1\r\n{own}\r\n", &[400]),
    ("GET http://app.example/page HTTP/1.0\r\n{own}\r\n", &[400]),
    ("GET https://app.example:443/page HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET http://user@app.example/page HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET ftp://app.example/page HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET http:/page HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET app.example/page HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET * HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("OPTIONS * HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET ?page HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET \\page HTTP/1.1\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET /page HTTP/1.1\r\nHost: app.example#x\r\n{own}\r\n", &[400]),
    ("GET /page HTTP/1.1\r\nHost: app.example\\@evil.example\r\n{own}\r\n", &[400]),
    ("GET /page HTTP/1.1\r\nHost: [::1\r\n{own}\r\n", &[400]),
    ("GET /page\r\nHost: app.example\r\n{own}\r\n", &[400]),
    ("GET /page\r\n", &[400]),
    ("PRI * HTTP/2.0\r\nHost: app.example\r\n{own}\r\n", &[400]),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_target_or_host_that_is_not_one_place_is_refused_and_ends_the_connection() {
    let stage = Stage::start().await;
    for (whole, statuses) in WHOLE {
        let bytes = whole.replace("{own}", &(stage.credential.clone() + "Accept: application/json\r\n"));
        let outcome = stage.tries(bytes.as_bytes(), Front::SignedIn, whole).await;
        assert_eq!((outcome.statuses.as_slice(), outcome.seen), (statuses, None), "{whole:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_inside_of_a_body_stays_inside() {
    let stage = Stage::start().await;
    let length = SMUGGLED.len() + LAST.len();
    for method in ["GET", "POST", "OPTIONS", "HEAD", "FOO"] {
        for front in FRONTS {
            let (first, seen) = match front {
                Front::Anonymous => (401, None),
                Front::Public | Front::SignedIn => (200, Some(format!("{SMUGGLED}{LAST}"))),
            };
            // As long as the two requests that follow.
            let bytes = stage.head(front, method, "HTTP/1.1")
                + &format!("Content-Length: {length}\r\nConnection: close\r\n\r\n");
            let outcome = stage.tries(bytes.as_bytes(), front, method).await;
            assert_eq!((outcome.statuses, outcome.seen), (vec![first], seen.clone()), "{method} {front:?}");
            // The same in a chunk, and behind its end the two once more.
            let inside = format!("{length:x}\r\n{SMUGGLED}{LAST}\r\n0\r\n\r\n");
            let bytes = stage.head(front, method, "HTTP/1.1") + "Transfer-Encoding: chunked\r\n\r\n" + &inside;
            let outcome = stage.tries(bytes.as_bytes(), front, method).await;
            // hyper sends no body of unknown length on with these two.
            let seen = if ["GET", "HEAD"].contains(&method) { seen.map(|_| String::new()) } else { seen };
            assert_eq!((outcome.statuses, outcome.seen), (vec![first, 401, 200], seen), "{method} {front:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_no_request_and_swallows_the_next_ones() {
    let stage = Stage::start().await;
    for own in [
        "Content-Length: 9223372036854775807\r\n\r\nhello",
        "Content-Length: 100000\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nFFFFF\r\nhello\r\n0\r\n\r\n",
    ] {
        for front in FRONTS {
            let bytes = stage.head(front, "POST", "HTTP/1.1") + own;
            let outcome = stage.tries_and_leaves(bytes.as_bytes(), front, own).await;
            let seen = if front == Front::Anonymous { None } else { Some("") };
            assert_eq!(outcome.seen.as_deref(), seen, "{own:?} {front:?}: {:?}", outcome.statuses);
        }
    }
}
