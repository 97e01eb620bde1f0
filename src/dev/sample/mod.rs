//! A tiny application to put behind the proxy: it shows what an application sees, and believes only what it verified.

mod clock;
mod page;
mod statement;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonwebtoken::jwk::JwkSet;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, warn};

use self::{clock::Clock, statement::Statement};

/// Serves the sample application on `listener` until `stop`, its connections on `tasks`. `jwks` verifies what the proxy
/// states in `header`. Stopping ends open connections at once: they come from the proxy, which drains first.
pub async fn serve(
    listener: TcpListener,
    SampleApp { jwks, header, .. }: SampleApp,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let keys: JwkSet = match serde_json::from_slice(&jwks) {
        Ok(keys) => keys,
        Err(problem) => {
            error!(error = %problem, "sample application not started, the key set cannot be read");
            return;
        }
    };
    let sample = Arc::new(Sample { keys, header });
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(connection(stream, Arc::clone(&sample), stop.clone()));
            }
            Err(problem) => {
                warn!(error = %problem, "sample application could not accept a connection");
                // Out of file descriptors: trying again at once would only burn the processor.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, sample: Arc<Sample>, stop: CancellationToken) {
    let service = service_fn(move |request| {
        let sample = Arc::clone(&sample);
        async move { sample.answer(request).await }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    if let Some(Err(problem)) = stop.run_until_cancelled(connection).await {
        debug!(error = %problem, "connection of the sample application ended");
    }
}

struct Sample {
    keys: JwkSet,
    header: HeaderName,
}

type Answer = Response<Either<Full<Bytes>, Clock>>;

impl Sample {
    /// Answers one request. The only error is that of reading its body.
    async fn answer<B>(&self, request: Request<B>) -> Result<Answer, B::Error>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        Ok(match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/") => self.page(request.headers()),
            (&Method::GET, "/clock") => answer(StatusCode::OK, "text/event-stream", Either::Right(Clock::start())),
            (&Method::POST, "/upload") => text(StatusCode::OK, format!("{} bytes received\n", size(request).await?)),
            _ => text(StatusCode::NOT_FOUND, "there is nothing here\n".to_owned()),
        })
    }

    fn page(&self, fields: &http::HeaderMap) -> Answer {
        let statement = Statement::read(fields.get_all(&self.header), &self.keys);
        let html = page::render(&self.header, &statement, fields).into_string();
        let mut answer = answer(StatusCode::OK, "text/html; charset=utf-8", Either::Left(html.into()));
        answer.headers_mut().insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
            ),
        );
        answer
    }
}

async fn size<B: Body<Data = Bytes> + Unpin>(request: Request<B>) -> Result<u64, B::Error> {
    let mut body = request.into_body();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        size += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(size)
}

fn text(status: StatusCode, text: String) -> Answer {
    answer(status, "text/plain; charset=utf-8", Either::Left(text.into()))
}

fn answer(status: StatusCode, kind: &'static str, body: Either<Full<Bytes>, Clock>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// x
#[derive(Debug)]
pub struct SampleApp {
    /// x
    pub jwks: Bytes,
    /// x
    pub header: HeaderName,
    /// x
    pub links: SampleLinks,
}
/// x
#[derive(Debug)]
pub struct SampleLinks {
    /// x
    pub switcher: String,
    /// x
    pub sign_out: String,
}
