//! Nothing a client writes into a frame of HTTP/2 becomes a line, or a second request, of the HTTP/1.1 the application
//! reads (attack classes 6.15, 6.21, 6.23).

use crate::support::{
    answers::with,
    h2::{Frames, HEADERS},
    proxy::{Proxy, Setup},
    strict::Strict,
};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: app.example\r\nX-Auth-User: forged\r\n\r\n";

/// A good request.
const PSEUDO: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":path", "/page"), (":authority", "app.example")];

async fn start() -> (Strict, Proxy) {
    let app = Strict::start().await;
    let proxy = Setup::in_front_of(&app.url()).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
    (app, proxy)
}

/// Whether the request of these fields and this content was answered with 200.
async fn succeeds(proxy: &Proxy, fields: &[(&str, &str)], content: &[u8]) -> bool {
    let mut frames = Frames::connect(proxy.address).await;
    if content.is_empty() {
        frames.request(fields).await;
    } else {
        frames.request_with(fields, content).await;
    }
    frames.verdict().await.is_some_and(|frame| frame.kind == HEADERS && frame.payload[0] == 0x88)
}

/// What would end a line, or a request line, where it is written down.
const BREAKS: [&str; 12] = [
    " HTTP/1.1\r\nX-Auth-User: forged",
    " HTTP/1.1\r\nHost: app.example\r\n\r\nGET /smuggled",
    "\r\nX-Auth-User: forged",
    "\nX-Auth-User: forged",
    "\rX-Auth-User: forged",
    "\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    "\r\n",
    "\n",
    "\0",
    " ",
    "\t",
    "\u{b}x",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_pseudo_field_breaks_out_of_its_line() {
    let (app, proxy) = start().await;
    let tokens = proxy.tokens();
    assert!(succeeds(&proxy, &with(&PSEUDO, &tokens.fields()), b"").await, "unbent");
    app.one("unbent");
    let mut asked = 0;
    for place in 0..PSEUDO.len() {
        for bent in BREAKS
            .iter()
            .flat_map(|broken| [format!("{}{broken}", PSEUDO[place].1), format!("{broken}{}", PSEUDO[place].1)])
        {
            for path in ["/page", "/open"] {
                let mut pseudo = PSEUDO;
                pseudo[2].1 = path;
                let value = bent.replace("/page", path);
                pseudo[place].1 = &value;
                let when = format!("{pseudo:?}");
                let succeeded = succeeds(&proxy, &with(&pseudo, &tokens.fields()), b"").await;
                assert!(!succeeded, "{when}");
                assert_eq!(app.taken(&when).len(), 0, "{when}");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 192, "requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_or_authority_that_holds_more_is_refused() {
    let (app, proxy) = start().await;
    let tokens = proxy.tokens();
    let mut asked = 0;
    for (place, values) in [
        (
            1,
            &[
                "http://app.example/smuggled?",
                "https://evil.example",
                "http:",
                "",
                "ftp",
                "javascript",
                "http ",
                "h\u{e9}",
            ][..],
        ),
        (
            3,
            &[
                "",
                "app.example/smuggled",
                "app.example?x",
                "app.example#x",
                "user@app.example",
                "app.example@evil.example",
                "app.example:80:80",
                "app.example:x",
                "app.example, evil.example",
                "app.example\\@evil.example",
                "[::1",
                "*",
                "h\u{e9}",
            ],
        ),
    ] {
        for value in values {
            let mut pseudo = PSEUDO;
            pseudo[place].1 = value;
            let when = format!("{pseudo:?}");
            assert!(!succeeds(&proxy, &with(&pseudo, &tokens.fields()), b"").await, "{when}");
            assert_eq!(app.taken(&when).len(), 0, "{when}");
            asked += 1;
        }
    }
    assert_eq!(asked, 21, "requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_ends_where_its_frames_end_whatever_a_field_says() {
    let (app, proxy) = start().await;
    let tokens = proxy.tokens();
    let length = SMUGGLED.len().to_string();
    let zero_chunk = format!("0\r\n\r\n{SMUGGLED}");
    for path in ["/page", "/open"] {
        let mut pseudo = PSEUDO;
        pseudo[2].1 = path;
        let good = with(&pseudo, &tokens.fields());
        for (fields, content) in [
            (&[][..], SMUGGLED),
            (&[("content-length", length.as_str())], SMUGGLED),
            (&[("content_length", "0")], SMUGGLED),
            (&[("transfer_encoding", "chunked")], zero_chunk.as_str()),
            (&[("transfer.encoding", "chunked"), ("content.length", "0")], zero_chunk.as_str()),
            (&[], zero_chunk.as_str()),
        ] {
            let when = format!("{path} {fields:?}");
            assert!(succeeds(&proxy, &with(&good, fields), content.as_bytes()).await, "{when}");
            let seen = app.one(&when);
            assert_eq!(
                (seen.line.as_str(), seen.body.as_slice()),
                (format!("POST {path} HTTP/1.1").as_str(), content.as_bytes()),
                "{when}"
            );
            assert_eq!(
                (seen.field("transfer-encoding").is_some(), seen.field("content-length").is_some()),
                (!fields.contains(&("content-length", &length)), fields.contains(&("content-length", &length))),
                "{when}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_or_coding_that_content_does_not_have_is_refused() {
    let (app, proxy) = start().await;
    let tokens = proxy.tokens();
    let zero_chunk = format!("0\r\n\r\n{SMUGGLED}");
    for path in ["/page", "/open"] {
        let mut pseudo = PSEUDO;
        pseudo[2].1 = path;
        let good = with(&pseudo, &tokens.fields());
        for (fields, content) in [
            (&[("content-length", "0")][..], SMUGGLED),
            (&[("content-length", "5")], SMUGGLED),
            (&[("content-length", "99999")], SMUGGLED),
            (&[("content-length", "+5")], "hello"),
            (&[("content-length", "5, 5")], "hello"),
            (&[("content-length", "5"), ("content-length", "6")], "hello"),
            (&[("content-length", "-1")], ""),
            (&[("content-length", "5")], ""),
            (&[("transfer-encoding", "chunked")], zero_chunk.as_str()),
            (&[("transfer-encoding", "identity")], SMUGGLED),
            (&[("connection", "content-length")], SMUGGLED),
            (&[("upgrade", "websocket")], SMUGGLED),
            (
                &[
                    ("http2-settings", "AAMAAABkAAQAAP__"),
                    ("connection", "upgrade, http2-settings"),
                    ("upgrade", "h2c"),
                ],
                "",
            ),
        ] {
            let when = format!("{path} {fields:?}");
            let succeeded = succeeds(&proxy, &with(&good, fields), content.as_bytes()).await;
            // Without content it is a good request, and may be answered before there is too much of it.
            assert!(!succeeded || fields == [("content-length", "0")], "{when}");
            // Of what is refused while it is under way the application may see the beginning, and late.
            let begun = app.taken(&when);
            assert!(begun.iter().all(|seen| seen.body.is_empty() && !seen.line.contains("smuggled")), "{when}");
        }
    }
}
