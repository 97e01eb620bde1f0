//! Requests as a load balancer sends them for a browser.

use std::fmt::Write as _;

use cognito_auth_proxy::dev::Tokens;

/// What a request has beside its tokens.
const FIELDS: [(&str, &str); 9] = [
    ("Host", "app.example.com"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "443"),
    ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.9"),
    ("accept-encoding", "gzip, deflate, br"),
];

/// A request of a signed-in user. `line` is method and path; `further` fields end in CRLF each.
pub(crate) fn signed_in(line: &str, tokens: &Tokens, further: &str) -> String {
    let mut text = unsigned(line);
    for (name, value) in tokens.fields() {
        let _always = write!(text, "{name}: {value}\r\n");
    }
    text + further + "\r\n"
}

/// A request up to where its tokens stand.
pub(crate) fn unsigned(line: &str) -> String {
    let mut text = format!("{line} HTTP/1.1\r\n");
    for (name, value) in FIELDS {
        let _always = write!(text, "{name}: {value}\r\n");
    }
    text
}
