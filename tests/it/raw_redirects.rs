//! Nobody is sent anywhere but where the configuration says or to a path of this host, and nothing that comes back of a
//! request becomes a line of an answer (attack classes 6.15, 6.27).

use cognito_auth_proxy::dev::Tokens;
use url::Url;

use crate::support::{
    client::Wire,
    proxy::{Proxy, Setup, staff},
    strict::Strict,
};

/// What leads away from a host for some browser or library, or ends a line for some server.
const LEADS: [&str; 60] = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "/\\/evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\\\\evil.example",
    "/%5cevil.example",
    "/%5c%5cevil.example",
    "/%2fevil.example",
    "/%2f%2fevil.example",
    "/%2f/evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d/evil.example",
    "/%00/evil.example",
    "/%20/evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/./\\evil.example",
    "/a/../..//evil.example",
    "/a/..//evil.example",
    "/;//evil.example",
    "/;@evil.example",
    "/@evil.example",
    "/:80@evil.example",
    "/http://evil.example",
    "/https:evil.example",
    "/javascript:alert(1)",
    "/?//evil.example",
    "/?next=//evil.example",
    "/#//evil.example",
    "/a//evil.example",
    "/%e2%80%ae/evil.example",
    "/%0d%0aLocation:%20//evil.example",
    "/%0d%0aSet-Cookie:%20a=b",
    "/%0d%0a%0d%0a%3cscript%3e",
    "/%e5%98%8a%e5%98%8dSet-Cookie:%20a=b",
    "/\u{560a}\u{560d}Set-Cookie: a=b",
    "/\u{560a}\u{560d}X",
    "/\u{ff0f}evil.example",
    "/\u{2044}evil.example",
    "/\u{a0}/evil.example",
    "/\u{2028}/evil.example",
    "/\u{85}/evil.example",
    "/\u{7f}/evil.example",
    "/\t/evil.example",
    "/\u{b}/evil.example",
    "/\0/evil.example",
    "/\r/evil.example",
    "http:evil.example",
    "http:/evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    ".evil.example",
    "*",
];

const LANDING: &str = "https://app.example/bye?a=b&c";
const COGNITO: &str = "https://example.auth.eu-west-2.amazoncognito.com/logout\
                       ?client_id=exampleclient0123456789abc&logout_uri=https%3A%2F%2Fapp.example%2Fbye%3Fa%3Db%26c";
const REFUSED: &str = "https://login.example/401";

/// Names of the fields of our own answers.
const NAMES: [&str; 15] = [
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "location",
    "set-cookie",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-request-id",
];

struct Stage {
    app: Strict,
    proxy: Proxy,
    expired: Tokens,
}

impl Stage {
    async fn start() -> Self {
        let app = Strict::start().await;
        let proxy = Setup::in_front_of(&app.url())
            .await
            .set("COGNITO_AUTH_REDIRECT_URL", REFUSED)
            .set("COGNITO_AUTH_LOGOUT_REDIRECT_URL", LANDING)
            .set("COGNITO_AUTH_LOGOUT_COGNITO_DOMAIN", "example.auth.eu-west-2.amazoncognito.com")
            .set("COGNITO_AUTH_ACCEPT_REQUEST_ID", "true")
            .set("COGNITO_AUTH_ALLOWED_ORIGINS", "https://friend.example")
            .start()
            .await;
        let expired = proxy.issuer.tokens_at(&staff(), 1_500_000_000);
        Self { app, proxy, expired }
    }

    /// The head of the one answer to a request of these lines, by its fields. The application heard nothing of it.
    async fn ask(&self, line: &str, lines: &str) -> (u16, Vec<(String, String)>) {
        let mut wire = Wire::connect(self.proxy.address).await;
        wire.send(format!("{line} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n")).await;
        let answer = wire.answer().await;
        let when = format!("{line:?} {lines:?}");
        assert!(wire.closes().await, "one answer to {when}");
        assert_eq!(self.app.taken(&when).len(), 0, "{when}");
        for (name, value) in &answer.fields {
            assert!(NAMES.contains(&name.as_str()), "{name} in the answer to {when}");
            assert!(
                value.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
                "{name}: {value:?} in the answer to {when}"
            );
        }
        for once in ["location", "x-request-id", "access-control-allow-origin"] {
            answer.field(once);
        }
        (answer.status, answer.fields)
    }
}

fn location(fields: &[(String, String)]) -> Option<&str> {
    fields.iter().find(|(name, _)| name == "location").map(|(_, value)| value.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_leads_where_the_configuration_says_whatever_the_request_says() {
    let stage = Stage::start().await;
    let mut asked = 0;
    for lead in LEADS.iter().filter(|lead| lead.bytes().all(|byte| byte > 0x20 && byte != 0x7f)) {
        for name in ["rd", "redirect", "redirect_uri", "next", "return_to", "logout_uri", "client_id", "url", "state"] {
            let lead = lead.replace('#', "%23");
            let (status, fields) =
                stage.ask(&format!("GET /.auth/logout?{name}={lead}"), "Host: app.example\r\n").await;
            assert_eq!((status, location(&fields)), (303, Some(COGNITO)), "{name}={lead}");
            asked += 1;
        }
        for field in ["Referer", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Original-URL", "X-Redirect", "Cookie"] {
            let lines = format!("Host: app.example\r\n{field}: {lead}\r\n");
            let (status, fields) = stage.ask("POST /.auth/logout", &lines).await;
            assert_eq!((status, location(&fields)), (303, Some(COGNITO)), "{lines:?}");
            let (status, fields) = stage.ask("GET /page", &lines).await;
            assert_eq!((status, location(&fields)), (302, Some(REFUSED)), "{lines:?}");
            asked += 2;
        }
    }
    for host in ["evil.example", "evil.example:443", "app.example.evil.example", "EVIL.EXAMPLE.", "[::1]"] {
        let (status, fields) = stage.ask("GET /.auth/logout", &format!("Host: {host}\r\n")).await;
        assert_eq!((status, location(&fields)), (303, Some(COGNITO)), "{host}");
        let (status, fields) = stage.ask("GET /page", &format!("Host: {host}\r\n")).await;
        assert_eq!((status, location(&fields)), (302, Some(REFUSED)), "{host}");
        asked += 2;
    }
    assert_eq!(asked, 1144, "requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sign_in_returns_to_a_path_of_this_host_or_nowhere() {
    let stage = Stage::start().await;
    let credential: String =
        stage.expired.fields().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let lines = format!("Host: app.example\r\nCookie: AWSELBAuthSessionCookie-0=x\r\n{credential}");
    let page = Url::parse("https://app.example/a/b").unwrap();
    let (mut asked, mut returned) = (0, 0);
    let absolute = LEADS.iter().map(|lead| format!("http://app.example{lead}"));
    let deeper = LEADS.iter().map(|lead| format!("/a{lead}"));
    for target in LEADS.iter().map(|lead| (*lead).to_owned()).chain(absolute).chain(deeper) {
        let (status, fields) = stage.ask(&format!("GET {target}"), &lines).await;
        asked += 1;
        let Some(location) = location(&fields) else {
            assert!([400, 401, 404].contains(&status), "{target:?} {status}");
            continue;
        };
        assert_eq!(status, 302, "{target:?}");
        // A page the browser is refused is elsewhere only where the configuration says so.
        if location != REFUSED {
            assert!(
                location.starts_with('/') && !location.starts_with("//") && !location.contains('\\'),
                "{target:?} {location}"
            );
            let reached = page.join(location).unwrap();
            assert_eq!((reached.scheme(), reached.host_str()), ("https", Some("app.example")), "{target:?} {location}");
            returned += 1;
        }
    }
    assert_eq!((asked, returned), (180, 102), "requests, and returns to a path");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_comes_back_of_a_request_begins_a_line_of_its_answer() {
    let stage = Stage::start().await;
    let mut asked = 0;
    let values = [
        "a%0d%0aX-Forged: 1",
        "a\\r\\nX-Forged: 1",
        "a\u{560d}\u{560a}X-Forged: 1",
        "a\u{85}X-Forged: 1",
        "a\u{2028}X-Forged: 1",
        "a\tX-Forged: 1",
        "a X-Forged: 1",
        "a,b",
        "a;b",
        "a\"b",
        "<b>",
        "",
        "\u{e9}",
        "../../x",
        "${jndi:x}",
        "{{7*7}}",
        "%n%s",
    ];
    for value in values {
        for (line, own) in [
            ("GET /page", ""),
            ("GET /page", "Accept: application/json\r\n"),
            ("GET /.auth/health", ""),
            ("GET /.auth/nothing", ""),
            ("GET /.auth/logout", ""),
        ] {
            for name in [
                "X-Request-Id",
                "Origin",
                "Access-Control-Request-Method",
                "Access-Control-Request-Headers",
                "X-Amzn-Trace-Id",
                "Range",
                "If-None-Match",
            ] {
                let (_, fields) = stage.ask(line, &format!("Host: app.example\r\n{own}{name}: {value}\r\n")).await;
                let made = fields.iter().find(|(name, _)| name == "x-request-id").unwrap();
                assert!(
                    made.1.len() == 32 && made.1.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{name}: {value:?} {made:?}"
                );
                let allowed = fields.iter().any(|(name, _)| name == "access-control-allow-origin");
                assert!(!allowed, "{name}: {value:?}");
                asked += 1;
            }
        }
    }
    let long = "a".repeat(129);
    for value in [&long, &long[..128]] {
        let (_, fields) = stage.ask("GET /page", &format!("Host: app.example\r\nX-Request-Id: {value}\r\n")).await;
        assert_eq!(fields.iter().any(|(_, given)| given == value), value.len() == 128);
        asked += 1;
    }
    assert_eq!(asked, 597, "requests");
}
