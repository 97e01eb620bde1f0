//! Which pages may use a session: a corpus of what stands in `Origin`, `Host` and `Sec-Fetch-Site` (attack class 6.30).

use crate::support::{
    client::{Answer, Wire},
    proxy::{Proxy, Setup},
    strict::Strict,
};

/// Not `https://app.example`, however alike.
const FOREIGN: [&str; 72] = [
    "null",
    "NULL",
    "",
    "undefined",
    "*",
    "/",
    "https://",
    "https",
    "https://evil.example",
    "https://app.example.evil.example",
    "https://app.example.evil.com",
    "https://evil.com#app.example",
    "https://evil.com/app.example",
    "https://evil.com/https://app.example",
    "https://evil.com?app.example",
    "https://evil.com\\app.example",
    "https://evil.com;app.example",
    "https://evil.com:app.example",
    "https://app.example#",
    "https://app.example/",
    "https://app.example?",
    "https://app.example\\",
    "https://app.example\\.evil.com",
    "https://app.example:",
    "https://app.example:443:443",
    "https://app.example:+443",
    "https://app.example:-1",
    "https://app.example:99999",
    "https://app.example:443x",
    "https://app.example:8443",
    "https://app.example:80",
    "http://app.example:443",
    "https://user@app.example",
    "https://@app.example",
    "https://app.example@evil.com",
    "https://app.example:443@evil.com",
    "https://app.example.",
    "https://app.example..",
    "https://.app.example",
    "https://www.app.example",
    "https://example",
    "https://xapp.example",
    "https://appxexample",
    "https://app.examplex",
    "https://app%2eexample",
    "https://app.example%00",
    "https://app.example%20.evil.com",
    "https://app.example,https://evil.com",
    "https://app.example, https://app.example",
    "https://app.example https://evil.com",
    "https:app.example",
    "https:/app.example",
    "https:///app.example",
    "//app.example",
    "app.example",
    "app.example:443",
    "HTTPS://app.example",
    "ftp://app.example",
    "file://",
    "file://app.example",
    "wss://app.example",
    "chrome-extension://app.example",
    "blob:https://app.example",
    "data:text/html,x",
    "javascript://app.example",
    "https://\u{430}pp.example",
    "https://xn--pp-8cd.example",
    "https://\u{ff41}pp.example",
    "https://app.example\u{a0}",
    "https://app\t.example",
    "https://[::1]",
    "https://127.0.0.1",
];

/// Lines of a request that only a page of ours should be able to send.
const UNSAFE: [&str; 9] = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "FOO", "PROPFIND", "LINK"];

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

struct Stage {
    app: Strict,
    proxy: Proxy,
    credential: String,
    asked: usize,
}

impl Stage {
    async fn start() -> Self {
        let app = Strict::start().await;
        let setup = Setup::in_front_of(&app.url()).await;
        let proxy = setup.set("COGNITO_AUTH_ALLOWED_ORIGINS", "https://friend.example").start().await;
        let tokens = proxy.tokens();
        let credential = tokens.fields().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Self { app, proxy, credential, asked: 0 }
    }

    async fn ask(&mut self, method: &str, host: &str, own: &str) -> Answer {
        let head = format!("{method} /page HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n");
        let mut wire = Wire::connect(self.proxy.address).await;
        wire.send(head + &self.credential + own + "\r\n").await;
        self.asked += 1;
        if method == "HEAD" { wire.head().await } else { wire.answer().await }
    }

    async fn refuses(&mut self, method: &str, host: &str, own: &str) {
        let answer = self.ask(method, host, own).await;
        assert_eq!(answer.status, 403, "{method} {host} {own:?}");
        assert!(method == "HEAD" || answer.code() == "cross_site", "{method} {host} {own:?}");
        assert_eq!(answer.field("access-control-allow-origin"), None, "{method} {host} {own:?}");
        assert_eq!(self.app.taken(own).len(), 0, "{method} {host} {own:?}");
    }

    async fn admits(&mut self, method: &str, host: &str, own: &str) {
        assert_eq!(self.ask(method, host, own).await.status, 200, "{method} {host} {own:?}");
        assert_eq!(self.app.one(own).claims()["email"], "ann@example.com", "{method} {host} {own:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_origin_but_the_own_one_changes_reads_or_opens_anything() {
    let mut stage = Stage::start().await;
    for origin in FOREIGN {
        let origin = format!("Origin: {origin}\r\n");
        for method in UNSAFE {
            stage.refuses(method, "app.example", &origin).await;
        }
        for friendlier in [
            "Sec-Fetch-Site: same-origin\r\n",
            "Sec-Fetch-Mode: navigate\r\n",
            "Referer: https://app.example/\r\n",
            "X-Requested-With: XMLHttpRequest\r\n",
        ] {
            stage.refuses("POST", "app.example", &format!("{origin}{friendlier}")).await;
            stage.refuses("GET", "app.example", &format!("{HANDSHAKE}{origin}{friendlier}")).await;
        }
        // What a script would read of the answer with the session's rights.
        for mode in [
            "",
            "Sec-Fetch-Mode: cors\r\n",
            "Sec-Fetch-Mode: no-cors\r\n",
            "Sec-Fetch-Mode: websocket\r\n",
            "Sec-Fetch-Mode: navigate, cors\r\n",
        ] {
            stage.refuses("GET", "app.example", &format!("{origin}{mode}")).await;
            stage.refuses("HEAD", "app.example", &format!("{origin}{mode}")).await;
        }
        // Two are none, in whatever order.
        for own in ["Origin: https://app.example\r\n", "Origin: https://friend.example\r\n"] {
            stage.refuses("POST", "app.example", &format!("{own}{origin}")).await;
            stage.refuses("POST", "app.example", &format!("{origin}{own}")).await;
        }
    }
    assert_eq!(stage.asked, 72 * 31, "requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_is_the_own_one_where_scheme_host_and_port_are() {
    let mut stage = Stage::start().await;
    for (host, more, origin) in [
        ("app.example", "", "https://app.example"),
        ("app.example", "", "http://app.example"),
        ("APP.Example", "", "https://app.example"),
        ("app.example", "", "https://APP.EXAMPLE"),
        ("app.example", "", "https://app.example:443"),
        ("app.example", "", "http://app.example:80"),
        ("app.example:443", "", "https://app.example"),
        ("app.example:80", "", "http://app.example"),
        ("app.example:8443", "", "https://app.example:8443"),
        ("app.example:8443", "X-Forwarded-Port: 8443\r\n", "https://app.example"),
        ("app.example:8443", "X-Forwarded-Port: 8443\r\n", "https://app.example:8443"),
        ("app.example.", "", "https://app.example."),
        ("[::1]", "", "http://[::1]"),
        ("[::1]:8080", "", "http://[::1]:8080"),
        ("[2001:DB8::1]", "", "https://[2001:db8::1]"),
        ("127.0.0.1:7860", "", "http://127.0.0.1:7860"),
        ("xn--bcher-kva.example", "", "https://xn--bcher-kva.example"),
        ("app.example", "", "https://friend.example"),
        ("app.example", "", "https://friend.example:443"),
    ] {
        let own = format!("{more}Origin: {origin}\r\n");
        for method in ["POST", "DELETE", "GET"] {
            stage.admits(method, host, &own).await;
            stage.admits(method, host, &format!("{own}Sec-Fetch-Site: cross-site\r\n")).await;
        }
        stage.admits("GET", host, &format!("{HANDSHAKE}{own}")).await;
    }
    for (host, more, origin) in [
        ("app.example:80", "", "https://app.example"),
        ("app.example:443", "", "http://app.example"),
        ("app.example:8443", "", "https://app.example"),
        ("app.example:8443", "X-Forwarded-Port: 443\r\n", "https://app.example"),
        ("app.example:8443", "X-Forwarded-Port: 8443\r\n", "https://app.example:9443"),
        ("app.example:8443", "X-Forwarded-Port: 8443, 443\r\n", "https://app.example"),
        ("app.example:8443", "X-Forwarded-Port: x\r\n", "https://app.example"),
        ("app.example", "X-Forwarded-Host: evil.example\r\n", "https://evil.example"),
        ("app.example", "X-Forwarded-Port: 8443\r\n", "https://app.example:8443"),
        ("app.example", "Forwarded: host=evil.example\r\n", "https://evil.example"),
        ("app.example.", "", "https://app.example"),
        ("[::1]", "", "http://[::2]"),
        ("[::1]", "", "http://[0:0:0:0:0:0:0:1]"),
        ("[::1]", "", "http://::1"),
        ("127.0.0.1", "", "http://127.1"),
        ("127.0.0.1", "", "http://2130706433"),
        ("127.0.0.1", "", "http://localhost"),
        ("xn--bcher-kva.example", "", "https://b\u{fc}cher.example"),
        ("app.example", "", "https://friend.example:444"),
        ("app.example", "", "http://friend.example"),
        ("app.example", "", "https://friend.example.evil.com"),
        ("friend.example", "", "https://app.example"),
    ] {
        let own = format!("{more}Origin: {origin}\r\n");
        for method in ["POST", "DELETE", "GET"] {
            stage.refuses(method, host, &own).await;
        }
        stage.refuses("GET", host, &format!("{HANDSHAKE}{own}")).await;
    }
    assert_eq!(stage.asked, 19 * 7 + 22 * 4, "requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_origin_the_browser_has_to_say_in_so_many_words_that_it_is_ours() {
    let mut stage = Stage::start().await;
    for site in [
        "cross-site",
        "same-site",
        "CROSS-SITE",
        "Same-Origin",
        "NONE",
        "",
        "none, cross-site",
        "same-origin, same-origin",
        "same-origin;x",
        "\"none\"",
        "none\u{e9}",
        "nonesuch",
        "?1",
    ] {
        let site = format!("Sec-Fetch-Site: {site}\r\n");
        for method in UNSAFE {
            stage.refuses(method, "app.example", &site).await;
        }
        for doubled in ["Sec-Fetch-Site: none\r\n", "Sec-Fetch-Site: same-origin\r\n"] {
            stage.refuses("POST", "app.example", &format!("{doubled}{site}")).await;
            stage.refuses("POST", "app.example", &format!("{site}{doubled}")).await;
        }
        stage.refuses("POST", "app.example", &format!("{site}Sec-Fetch-Mode: navigate\r\n")).await;
        stage.refuses("GET", "app.example", &format!("{HANDSHAKE}{site}")).await;
        stage.refuses("GET", "app.example", &format!("{HANDSHAKE}{site}Sec-Fetch-Mode: navigate\r\n")).await;
        stage.refuses("HEAD", "app.example", &format!("{HANDSHAKE}{site}")).await;
        // An image, a link: it changes nothing, and the page cannot read it.
        stage.admits("GET", "app.example", &site).await;
        stage
            .admits("GET", "app.example", &format!("{site}Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"))
            .await;
    }
    for site in ["", "Sec-Fetch-Site: none\r\n", "Sec-Fetch-Site: same-origin\r\n"] {
        stage.admits("POST", "app.example", site).await;
        stage.admits("GET", "app.example", &format!("{HANDSHAKE}{site}")).await;
    }
    assert_eq!(stage.asked, 13 * 19 + 6, "requests");
}
