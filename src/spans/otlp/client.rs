//! How batches travel: one POST, limited in time, no redirects, its answer limited in size.

use std::{future::Future, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError, ResponseBodyTooLarge};
use reqwest::redirect;

use crate::config::CollectorUrl;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);
const TIMEOUT: Duration = Duration::from_secs(3);

/// The longest answer, in bytes. It says how many spans were not taken, and why.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Sends to one collector.
#[derive(Debug)]
pub(super) struct Client(reqwest::Client);

impl Client {
    /// A client for `collector`: the proxy of the environment is used, except for one on this machine.
    pub(super) fn of(collector: &CollectorUrl) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .referer(false);
        let client = if collector.is_plain_http() { client.no_proxy() } else { client };
        client.build().map(Self)
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await? {
            if chunk.len() > LONGEST_ANSWER - body.len() {
                return Err(Box::new(ResponseBodyTooLarge::new()));
            }
            body.extend_from_slice(&chunk);
        }
        *response.body_mut() = body.freeze();
        Ok(response)
    }
}

impl HttpClient for Client {
    // The trait is one of `async_trait`; this is what it makes of `async fn`.
    fn send_bytes<'client, 'sent>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'client: 'sent,
        Self: 'sent,
    {
        Box::pin(self.send(request))
    }
}
