//! Whatever a path may mean to somebody: without a user the exact bytes of a public path pass and nothing else does;
//! with a user the application gets byte for byte what was sent, or nothing (attack classes 6.1, 6.6–6.9, 6.23).

use std::collections::BTreeSet;

use crate::support::{
    client::Wire,
    h2::{Frames, HEADERS},
    proxy::{Proxy, Setup},
    strict::Strict,
};

const PUBLIC: [&str; 3] = ["/open/door", "/logo.png", "/"];

/// What some server takes for a slash, a dot, the end of a path, or nothing.
const PIECES: [&str; 64] = [
    "/",
    "//",
    "/.",
    "/./",
    "/..",
    "/../",
    "/x/..",
    "/x/../",
    "/..;/",
    "/.;/",
    ".",
    "..",
    "...",
    ";",
    ";x=y",
    ";/",
    ";/..",
    "\\",
    "\\..",
    "..\\",
    "%2e",
    "%2E",
    "%2e%2e",
    "%2e%2e/",
    "/%2e%2e",
    "%252e%252e/",
    "%25252e",
    "%2f",
    "%2F",
    "%252f",
    "%25252f",
    "%5c",
    "%255c",
    "%00",
    "%2500",
    "%09",
    "%0a",
    "%0d%0a",
    "%20",
    "%2520",
    "%c0%ae",
    "%c0%af",
    "%e0%80%af",
    "%f0%80%80%af",
    "%uff0e",
    "%u002e",
    "%u2215",
    "%ef%bc%8f",
    "\u{ff0f}",
    "\u{2215}",
    "\u{e9}",
    "%",
    "%2",
    "%zz",
    "%23",
    "%3f",
    "%3b",
    ",",
    "~",
    "*",
    "@evil.example",
    ":80",
    "&x=y",
    "=",
];

/// Whole targets, by what they try.
const WHOLE: [&str; 96] = [
    // A query or fragment that looks public.
    "/admin?/open/door",
    "/admin?x=/open/door",
    "/admin?x=/../open/door",
    "/admin#/open/door",
    "/admin#",
    "/admin?#/open/door",
    "/admin%23/open/door",
    "/admin%3f/open/door",
    "/admin;/open/door",
    "/open/door?/../admin",
    "/open/door?x#y",
    "/open/door#/../admin",
    "/open/door#",
    "/open/door?",
    "/?/open/door",
    "/#/open/door",
    "/?",
    "/#",
    // Beyond a public path and back.
    "/open/door/../../admin",
    "/open/door/..%2f..%2fadmin",
    "/open/door/%2e%2e/%2e%2e/admin",
    "/open/door/..;/..;/admin",
    "/open/door\\..\\..\\admin",
    "/open/door%5c..%5c..%5cadmin",
    "/open/door%2f..%2f..%2fadmin",
    "/admin/../open/door",
    "/admin/..%2fopen/door",
    "/admin/%2e%2e/open/door",
    "/admin/..;/open/door",
    "/admin%2f..%2fopen%2fdoor",
    "/x/..//open/door",
    "/../open/door",
    "/../../open/door",
    "/..\\open/door",
    "/./open/./door/.",
    "/.//open/door",
    "/%2e/open/door",
    "/open/x/../door",
    // Case, and other letters for the same.
    "/OPEN/DOOR",
    "/Open/door",
    "/open/door%c2%a0",
    "/o\u{440}en/door",
    "/open/doo\u{280}",
    "/\u{2044}open/door",
    "/LOGO.PNG",
    "/logo.png.",
    "/logo.png ",
    "/logo.png%20",
    "/logo.png/",
    "/logo.png/x",
    "/logo.png;.css",
    "/logo.png%00.css",
    "/logo.pn",
    "/logoXpng",
    "/logo.pngx",
    "/admin.png",
    "/admin/logo.png",
    "/admin/;/logo.png",
    "/admin/x.css",
    "/admin/%2e%2e/logo.png",
    // Other places.
    "http://app.example/open/door",
    "http://app.example/admin",
    "http://app.example",
    "http://app.example?x",
    "http://APP.EXAMPLE/open/door",
    "https://app.example/open/door",
    "http://evil.example/open/door",
    "http://app.example:80/open/door",
    "http://app.example./open/door",
    "http://app.example\\@evil.example/open/door",
    "http://user@app.example/open/door",
    "http:///open/door",
    "http:/open/door",
    "http://app.example//open/door",
    "http://app.example/open/door#x",
    "//app.example/open/door",
    "///open/door",
    "//evil.example/",
    "app.example/open/door",
    "open/door",
    "*",
    "",
    "?",
    "#",
    "\\open\\door",
    // What frameworks need.
    "/gradio_api/file=/a/b%2Fc",
    "/gradio_api/file=/tmp/gradio/x%20y%252e.png?v=1",
    "/proxy=http://x/y",
    "/proxy=https://x.hf.space/a%2Fb?c=d",
    "/gradio_api/queue/data?session_hash=a%2Fb",
    "/_stcore/stream",
    "/a//b",
    "/a/./b/../c",
    "/~user/%7Euser",
    "/%C3%BC/\u{fc}",
    "/a;b=c/d",
];

/// What might reach the reserved prefix.
const RESERVED: [&str; 40] = [
    "/.auth",
    "/.auth/",
    "/.auth?",
    "/.auth#",
    "/.auth/me/",
    "/.auth/me/x",
    "/.auth/ME",
    "/.auth/../.auth/me",
    "/.auth//me",
    "/%2eauth/me",
    "/%2Eauth/me",
    "/%252eauth/me",
    "/%25252eauth/me",
    "/%2525252eauth/me",
    "/.%61uth/me",
    "/.auth%2fme",
    "/.auth%2Fme",
    "/.auth%5cme",
    "/.auth;x=y/me",
    "/.auth/me;x=y",
    "//.auth/me",
    "/./.auth/me",
    "/a/../.auth/me",
    "/a/%2e%2e/.auth/me",
    "/a/..%2f.auth/me",
    "/a/..;/.auth/me",
    "/a/b/../../.auth/me",
    "/../.auth/me",
    "/%2f.auth/me",
    "/\\.auth/me",
    "/.auth\\me",
    "/a\\..\\.auth\\me",
    "/%5c.auth/me",
    "/%255c.auth/me",
    "/.auth%00/me",
    "/.auth/me%00",
    "/;/.auth/me",
    "/%3b/.auth/me",
    "/a/%2e%2e%2f.auth%2fme",
    "http://app.example/.auth/nothing",
];

fn corpus() -> Vec<Vec<u8>> {
    let mut all: BTreeSet<Vec<u8>> = WHOLE.iter().chain(&RESERVED).map(|whole| whole.as_bytes().to_vec()).collect();
    for public in &PUBLIC[..2] {
        for piece in PIECES {
            for place in [0, 1, public.rfind(['/', '.']).unwrap(), public.len()] {
                let mut target = (*public).to_owned();
                target.insert_str(place, piece);
                // Without a slash in front it is another form of target, and `WHOLE` has those.
                all.insert(if target.starts_with('/') {
                    target.into_bytes()
                } else {
                    format!("/{target}").into_bytes()
                });
            }
        }
        // Each byte written in each other way.
        for (place, byte) in public.bytes().enumerate() {
            for written in [
                format!("%{byte:02x}"),
                format!("%{byte:02X}"),
                format!("%25{byte:02x}"),
                format!("%2525{byte:02x}"),
                format!("%u{byte:04x}"),
                format!("%c0%{:02x}", byte | 0x80),
            ] {
                all.insert([&public.as_bytes()[..place], written.as_bytes(), &public.as_bytes()[place + 1..]].concat());
            }
        }
        for byte in [0x00, 0x01, 0x09, 0x0b, 0x20, 0x7f, 0x80, 0xa0, 0xc0, 0xfe, 0xff] {
            all.insert([public.as_bytes(), &[byte]].concat());
            all.insert([b"/".as_slice(), &[byte], public.as_bytes()].concat());
        }
    }
    all.into_iter().collect()
}

/// A target without the scheme and host that are this one's.
fn local(target: &[u8]) -> &[u8] {
    let own = [b"http://app.example".as_slice(), b"https://app.example"];
    let named = own.iter().find(|own| target.get(..own.len()).is_some_and(|start| start.eq_ignore_ascii_case(own)));
    named.map_or(target, |own| &target[own.len()..])
}

/// The path of a target as its sender wrote it.
fn written_path(target: &[u8]) -> Vec<u8> {
    local(target).iter().copied().take_while(|byte| !b"?#".contains(byte)).collect()
}

/// What the application is to get of a target: all but the fragment, which is no part of a request.
fn expected_line(target: &[u8]) -> String {
    let mut target = local(target).split(|byte| *byte == b'#').next().unwrap().to_vec();
    if !target.starts_with(b"/") {
        target.insert(0, b'/');
    }
    format!("GET {} HTTP/1.1", String::from_utf8_lossy(&target))
}

async fn start() -> (Strict, Proxy) {
    let app = Strict::start().await;
    let setup = Setup::in_front_of(&app.url()).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open/door,/logo.png");
    let proxy = setup.start().await;
    (app, proxy)
}

/// The status of one request with these fields.
async fn ask(proxy: &Proxy, target: &[u8], fields: &[(&str, &str)]) -> u16 {
    let own: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let rest = format!(" HTTP/1.1\r\nHost: app.example\r\nAccept: application/json\r\n{own}\r\n");
    let mut wire = Wire::connect(proxy.address).await;
    wire.send([b"GET ", target, rest.as_bytes()].concat()).await;
    let answer = wire.answer().await;
    assert!(!answer.text().contains("aud"), "nothing of ours is told: {}", answer.text());
    answer.status
}

/// How many targets had which end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    public: usize,
    passed: usize,
    unauthorised: usize,
    ours: usize,
    refused: usize,
}

impl Counted {
    fn count(&mut self, status: u16) {
        match status {
            200 => self.passed += 1,
            401 => self.unauthorised += 1,
            404 => self.ours += 1,
            400 => self.refused += 1,
            other => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_user_the_exact_bytes_of_a_public_path_pass_and_nothing_else() {
    let (app, proxy) = start().await;
    let mut counted = Counted::default();
    for target in corpus() {
        let when = String::from_utf8_lossy(&target).into_owned();
        let status = ask(&proxy, &target, &[("X-Auth-User", "forged")]).await;
        let path = written_path(&target);
        if PUBLIC[..2].iter().any(|public| public.as_bytes() == path) && status == 200 {
            let seen = app.one(&when);
            assert_eq!(
                (seen.line, seen.fields.iter().any(|(_, value)| value == "forged")),
                (expected_line(&target), false)
            );
            counted.public += 1;
        } else {
            assert_eq!(app.taken(&when).len(), 0, "{when}: {status}");
            counted.count(status);
        }
    }
    assert_eq!(counted, Counted { public: 9, passed: 0, unauthorised: 654, ours: 40, refused: 71 });
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_user_a_target_goes_on_byte_for_byte_or_not_at_all() {
    let (app, proxy) = start().await;
    let tokens = proxy.tokens();
    let mut counted = Counted::default();
    for target in corpus() {
        let when = String::from_utf8_lossy(&target).into_owned();
        let status = ask(&proxy, &target, &tokens.fields()).await;
        if status == 200 {
            let seen = app.one(&when);
            assert_eq!(seen.line, expected_line(&target));
            let public = PUBLIC[..2].iter().any(|public| public.as_bytes() == written_path(&target));
            assert_eq!(seen.field("x-auth-user").is_none(), public, "{when}");
        } else {
            assert_eq!(app.taken(&when).len(), 0, "{when}: {status}");
        }
        counted.count(status);
    }
    assert_eq!(counted, Counted { public: 0, passed: 663, unauthorised: 0, ours: 40, refused: 71 });
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_a_path_means_the_same() {
    let (app, proxy) = start().await;
    let tokens = proxy.tokens();
    let (mut asked, mut passed) = (0, 0);
    for target in corpus().into_iter().filter_map(|target| String::from_utf8(target).ok()) {
        for fields in [&[][..], &tokens.fields()] {
            let pseudo =
                [(":method", "GET"), (":scheme", "http"), (":path", target.as_str()), (":authority", "app.example")];
            let mut frames = Frames::connect(proxy.address).await;
            frames.request(&crate::support::answers::with(&pseudo, fields)).await;
            let verdict = frames.verdict().await;
            let public = PUBLIC[..2].iter().any(|public| public.as_bytes() == written_path(target.as_bytes()));
            if verdict.is_some_and(|frame| frame.kind == HEADERS && frame.payload[0] == 0x88) {
                let seen = app.one(&target);
                assert_eq!(seen.line, expected_line(target.as_bytes()));
                assert_eq!(seen.field("x-auth-user").is_none(), public, "{target}");
                assert!(public || !fields.is_empty(), "{target}");
                passed += 1;
            } else {
                assert_eq!(app.taken(&target).len(), 0, "{target}");
            }
            asked += 1;
        }
    }
    assert_eq!((asked, passed), (1508, 662));
}
