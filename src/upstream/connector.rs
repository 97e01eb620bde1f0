//! Opens connections to the application.

use std::{io, time::Duration};

use hyper::{
    client::conn::http1,
    rt::{Read, Write},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{UpstreamError, hearing::Hearing, pool::Connection};
use crate::{
    alarm::Alarm,
    config::{self, UpstreamAddress},
};

/// The most fields an answer may have.
const MAX_ANSWER_FIELDS: usize = 256;

/// Opens connections to one address.
#[derive(Debug)]
pub(super) struct Connector {
    address: UpstreamAddress,
    timeout: Duration,
    tasks: TaskTracker,
}

impl Connector {
    /// The drivers of its connections run on `tasks`.
    pub(super) fn new(upstream: &config::Upstream, tasks: TaskTracker) -> Self {
        Self { address: upstream.address.clone(), timeout: upstream.connect_timeout, tasks }
    }

    /// Opens a connection that is ready for a request.
    pub(super) async fn connect(&self) -> Result<Connection, UpstreamError> {
        let opening = async {
            match &self.address {
                UpstreamAddress::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.trim_matches(['[', ']']), *port)).await;
                    let stream = stream.map_err(UpstreamError::Connect)?;
                    stream.set_nodelay(true).map_err(UpstreamError::Connect)?;
                    self.drive(TokioIo::new(Hearing::new(stream))).await
                }
                UpstreamAddress::Unix(path) => {
                    let stream = UnixStream::connect(path).await.map_err(UpstreamError::Connect)?;
                    self.drive(TokioIo::new(Hearing::new(stream))).await
                }
            }
        };
        timeout(self.timeout, opening).await.map_err(|_| UpstreamError::ConnectTimeout)?
    }

    /// Whether the application accepts connections.
    pub(super) async fn probe(&self) -> io::Result<()> {
        let opening = async {
            match &self.address {
                UpstreamAddress::Tcp { host, port } => {
                    TcpStream::connect((host.trim_matches(['[', ']']), *port)).await.map(drop)
                }
                UpstreamAddress::Unix(path) => UnixStream::connect(path).await.map(drop),
            }
        };
        timeout(self.timeout, opening).await?
    }

    async fn drive<T>(&self, stream: T) -> Result<Connection, UpstreamError>
    where
        T: Read + Write + Unpin + Send + 'static,
    {
        let (connection, driver) = http1::Builder::new()
            .max_headers(MAX_ANSWER_FIELDS)
            .handshake(stream)
            .await
            .map_err(UpstreamError::Exchange)?;
        self.tasks.spawn(async move {
            // How it ends is told to whoever waits for an answer on it.
            let _ended = driver.with_upgrades().await;
        });
        Ok(Connection { requests: connection, alarm: Alarm::default() })
    }
}
