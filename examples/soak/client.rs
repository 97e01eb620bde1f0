//! One connection to the proxy, and how an answer on it is judged.

use std::convert::Infallible;

use bytes::Bytes;
use cognito_auth_proxy::dev::Tokens;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinSet};

use super::{World, application::Epoch, census::Fate, city::Dice};

/// What a request carries.
pub(crate) type Content = BoxBody<Bytes, Infallible>;

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("no connection")]
    Connect(#[from] std::io::Error),
    #[error("no answer")]
    Exchange(#[from] hyper::Error),
}

/// A connection of either version; its driver ends with it.
pub(crate) struct Connection {
    sender: Sender,
    _driver: JoinSet<()>,
}

enum Sender {
    Http1(http1::SendRequest<Content>),
    Http2(http2::SendRequest<Content>),
}

impl Connection {
    pub(crate) async fn http_1(world: &World) -> Result<Self, Broken> {
        let stream = TcpStream::connect(world.proxy.address).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async { drop(connection.await) });
        Ok(Self { sender: Sender::Http1(sender), _driver: driver })
    }

    pub(crate) async fn http_2(world: &World) -> Result<Self, Broken> {
        let stream = TcpStream::connect(world.proxy.address).await?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async { drop(connection.await) });
        Ok(Self { sender: Sender::Http2(sender), _driver: driver })
    }

    /// Another hand on the same connection, where it takes more than one request at a time.
    pub(crate) fn shared(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self { sender: Sender::Http2(sender.clone()), _driver: JoinSet::new() }),
        }
    }

    /// One request with this credential.
    pub(crate) async fn send(
        &mut self,
        line: &str,
        tokens: Option<&Tokens>,
        body: Content,
    ) -> Result<Response<Incoming>, Broken> {
        let (method, path) = line.split_once(' ').expect("method and path");
        let mut request = Request::builder().method(method).header("accept", "application/json");
        for (name, value) in tokens.iter().flat_map(|tokens| tokens.fields()) {
            request = request.header(name, value);
        }
        Ok(match &mut self.sender {
            Sender::Http1(sender) => {
                let request = request.uri(path).header("host", "app.example").body(body).expect("a request");
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                let request = request.uri(format!("http://app.example{path}")).body(body).expect("a request");
                sender.ready().await?;
                sender.send_request(request).await?
            }
        })
    }
}

/// Nothing.
pub(crate) fn nothing() -> Content {
    Full::default().boxed()
}

/// Bytes of a stated length.
pub(crate) fn whole(length: usize) -> Content {
    Full::from(vec![b'u'; length]).boxed()
}

/// As many bytes in pieces of no stated length.
pub(crate) fn in_pieces(length: usize) -> Content {
    let pieces = (0..length.div_ceil(PIECE)).map(move |number| {
        let piece = vec![b'u'; PIECE.min(length - number * PIECE)];
        Ok(Frame::data(Bytes::from(piece)))
    });
    BodyExt::boxed(StreamBody::new(futures_util::stream::iter(pieces)))
}

const PIECE: usize = 10_000;

/// Says to whom an answer belongs, and how it was asked for.
pub(crate) struct Question<'a> {
    pub(crate) line: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) nonce: u64,
    pub(crate) tokens: &'a Tokens,
}

impl World {
    /// Asks, and counts what became of it; `false` where the connection is of no more use.
    pub(crate) async fn ask(&self, connection: &mut Connection, question: Question<'_>, body: Content) -> bool {
        let epoch = self.application.epoch();
        let line = question.line;
        match self.answered(connection, &question, body).await {
            Ok((200, text)) if text == super::application::echo(question.subject, question.nonce) => {
                self.census.count(Fate::Answered);
                true
            }
            Ok((502 | 504, text)) if self.restarted_since(epoch) && text.contains("upstream_") => {
                self.census.count(Fate::Restart);
                true
            }
            Ok((status, text)) => {
                let begin: String = text.chars().take(200).collect();
                self.census.fail(format!("{line} of {} was answered {status} {begin:?}", question.subject));
                true
            }
            Err(_) if self.restarted_since(epoch) => {
                self.census.count(Fate::Restart);
                false
            }
            Err(error) => {
                self.census.fail(format!("{line} of {} was not answered: {error:?}", question.subject));
                false
            }
        }
    }

    async fn answered(
        &self,
        connection: &mut Connection,
        question: &Question<'_>,
        body: Content,
    ) -> Result<(u16, String), Broken> {
        let response = connection.send(question.line, Some(question.tokens), body).await?;
        let status = response.status().as_u16();
        let text = response.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Whether a restart explains what happened since then.
    pub(crate) fn restarted_since(&self, epoch: Epoch) -> bool {
        !epoch.is_quiet() || self.application.epoch() != epoch
    }

    /// Rests for a while; `false` where the time is over.
    pub(crate) async fn rests(&self, dice: &mut Dice, (from, to): (u64, u64)) -> bool {
        let pause = dice.pause(std::time::Duration::from_millis(from), std::time::Duration::from_millis(to));
        self.over.run_until_cancelled(tokio::time::sleep(pause)).await.is_some()
    }
}
