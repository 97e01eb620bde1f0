//! What the recording application answers, and what a WebSocket handshake is made of.

use super::upstream::Seen;

/// The fields of a WebSocket handshake beside `Host`.
pub(crate) const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// 200 and `hello`, without the text where the request is `HEAD`.
pub(crate) fn hello(seen: &Seen) -> Vec<u8> {
    let text = if seen.line.starts_with("HEAD ") { "" } else { "hello" };
    format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{text}").into_bytes()
}

/// 404 without content: no upgrade either.
pub(crate) fn not_found(_: &Seen) -> Vec<u8> {
    b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()
}

/// 206 with every field of the request as a field of the answer, as Gradio does for `Range`.
pub(crate) fn echo(seen: &Seen) -> Vec<u8> {
    let mut head = String::from("HTTP/1.1 206 Partial Content\r\n");
    for (name, value) in &seen.fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("set-cookie: mine=1\r\netag: \"e\"\r\ncontent-length: 5\r\n\r\nhello");
    head.into_bytes()
}

/// The fields of both, in order.
pub(crate) fn with<'a>(first: &[(&'a str, &'a str)], then: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    first.iter().chain(then).copied().collect()
}
