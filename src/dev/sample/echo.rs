//! A WebSocket (RFC 6455) that sends every message back, of a bounded size: what a proxy that tunnels badly would break.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use http_body_util::Either;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Answer, text};

/// The longest message that is sent back.
pub(super) const LARGEST_MESSAGE: usize = 1 << 20;

/// How long the peer has to take in our last word.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Why a request is not a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not ask for a WebSocket, or for one of another version.
    Upgrade,
    /// Its key is missing or is not 16 bytes.
    Key,
}

/// The value of `Sec-WebSocket-Accept` for a handshake (RFC 6455 §4.2.1).
pub(super) fn accept<B>(request: &Request<B>) -> Result<String, Refusal> {
    let fields = request.headers();
    let version = fields.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let upgrade = names(fields, &UPGRADE, "websocket") && names(fields, &CONNECTION, "upgrade");
    if request.version() != Version::HTTP_11 || !version || !upgrade {
        return Err(Refusal::Upgrade);
    }
    let key = fields.get(SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?.as_bytes();
    match BASE64_STANDARD.decode(key) {
        Ok(nonce) if nonce.len() == 16 => Ok(derive_accept_key(key)),
        Ok(_) | Err(_) => Err(Refusal::Key),
    }
}

/// Whether the list in the field has this word.
fn names(fields: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    fields
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// The answer to a handshake.
pub(super) fn answer(accepted: Result<String, Refusal>) -> Answer {
    match accepted {
        Ok(key) => {
            let mut answer = Response::new(Either::Left(Bytes::new().into()));
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            ask_to_upgrade(answer.headers_mut());
            if let Ok(key) = HeaderValue::try_from(key) {
                answer.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, key);
            }
            answer
        }
        Err(Refusal::Key) => text(StatusCode::BAD_REQUEST, "the key of the handshake is not 16 bytes\n".to_owned()),
        Err(Refusal::Upgrade) => {
            let mut answer = text(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket of version 13\n".to_owned());
            // RFC 9110 §15.5.22 and RFC 6455 §4.4: the refusal says what would be accepted.
            ask_to_upgrade(answer.headers_mut());
            answer.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            answer
        }
    }
}

fn ask_to_upgrade(fields: &mut HeaderMap) {
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Sends back what comes in, until the peer closes, fails or `stop`. Pings are answered by the library, in between.
pub(super) async fn converse(upgrade: OnUpgrade, stop: CancellationToken) {
    let stream = match stop.run_until_cancelled(upgrade).await {
        Some(Ok(stream)) => TokioIo::new(stream),
        Some(Err(problem)) => return debug!(error = %problem, "no WebSocket came of a handshake"),
        None => return,
    };
    let limits = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE))
        .read_buffer_size(16 * 1024);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits)).await;
    let last_word = match stop.run_until_cancelled(echo(&mut socket)).await {
        Some(Ok(())) => return,
        Some(Err(Error::Capacity(_))) => close(CloseCode::Size, "a message is 1 MiB at most"),
        Some(Err(problem)) => return debug!(error = %problem, "a WebSocket of the sample application ended"),
        None => close(CloseCode::Away, "the application stops"),
    };
    // A peer that takes in nothing any more has had its time; there is nobody to tell otherwise.
    let _ = timeout(LAST_WORD, socket.close(Some(last_word))).await;
}

async fn echo<S>(socket: &mut WebSocketStream<S>) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
    Ok(())
}

const fn close(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
}
