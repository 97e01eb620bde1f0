//! How batches travel: one POST, limited in time, no redirects, its answer limited in size.

use std::{future::Future, pin::Pin};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError, ResponseBodyTooLarge};

use crate::{config::Collector, outgoing};

/// The longest answer, in bytes. It says how many spans were not taken, and why.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Sends to one collector.
#[derive(Debug)]
pub(super) struct Client(reqwest::Client);

impl Client {
    /// A client for `collector`.
    pub(super) fn of(collector: &Collector) -> Result<Self, reqwest::Error> {
        outgoing::client_for(collector.url.as_url(), &collector.authorities)?.build().map(Self)
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
