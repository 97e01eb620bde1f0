//! A tiny application to put behind the proxy: it shows what an application sees, and believes only what it verified.

mod clock;
mod echo;
mod page;
mod statement;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

pub use page::SampleLinks;

use self::{clock::Clock, statement::Statement};
use crate::{pages, upstream::assertion::Asserter};

/// The live parts of the page, in a file of their own: the page's security policy runs no other script.
const SCRIPT: &str = include_str!("sample.js");

/// What the sample application is told.
#[derive(Debug, Clone)]
pub struct SampleApp {
    /// Who states things to it: the field they are in, and the keys that verify them.
    pub asserter: Arc<Asserter>,
    /// Where its page leads.
    pub links: SampleLinks,
}

/// Serves the sample application on `listener` until `stop`, its connections on `tasks`. Stopping ends open connections
/// at once: they come from the proxy, which drains first.
pub async fn serve(listener: TcpListener, app: SampleApp, tasks: TaskTracker, stop: CancellationToken) {
    let SampleApp { asserter, links } = app;
    let sample = Arc::new(Sample { asserter, links, tasks: tasks.clone(), stop: stop.clone() });
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(connection(stream, Arc::clone(&sample)));
            }
            Err(problem) => {
                warn!(error = %problem, "sample application could not accept a connection");
                // Out of file descriptors: trying again at once would only burn the processor.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, sample: Arc<Sample>) {
    let stop = sample.stop.clone();
    let service = service_fn(move |request| {
        let sample = Arc::clone(&sample);
        async move { sample.answer(request).await }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    if let Some(Err(problem)) = stop.run_until_cancelled(connection.with_upgrades()).await {
        debug!(error = %problem, "connection of the sample application ended");
    }
}

struct Sample {
    asserter: Arc<Asserter>,
    links: SampleLinks,
    tasks: TaskTracker,
    stop: CancellationToken,
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
            (&Method::GET, "/echo") => self.echo(request),
            // What a browser asks for beside an answer that is no page of ours and names no icon.
            (&Method::GET, "/favicon.ico") => text(StatusCode::NO_CONTENT, String::new()),
            (&Method::GET, "/sample.js") => {
                answer(StatusCode::OK, "text/javascript; charset=utf-8", Either::Left(SCRIPT.into()))
            }
            (&Method::POST, "/upload") => upload(request).await?,
            _ => text(StatusCode::NOT_FOUND, "there is nothing here\n".to_owned()),
        })
    }

    fn page(&self, fields: &HeaderMap) -> Answer {
        let header = self.asserter.header();
        // Keys are rotated while this runs, and the proxy's are at hand: nothing is fetched, so each page looks anew. An
        // application elsewhere keeps a copy, and asks again, with pauses, for a key that is not in it.
        let statement = Statement::read(fields.get_all(header), &self.asserter.jwks());
        html(page::render(header, &self.links, &statement, fields), pages::script_security_policy())
    }

    fn echo<B>(&self, mut request: Request<B>) -> Answer {
        let accepted = echo::accept(&request);
        if accepted.is_ok() {
            self.tasks.spawn(echo::converse(hyper::upgrade::on(&mut request), self.stop.clone()));
        }
        echo::answer(accepted)
    }
}

/// Counts an upload: a page for a form, a line for a program.
async fn upload<B: Body<Data = Bytes> + Unpin>(request: Request<B>) -> Result<Answer, B::Error> {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_form = accept.is_some_and(|accept| accept.contains("text/html"));
    let outcome = format!("{} bytes received", size(request).await?);
    Ok(if is_form {
        html(page::uploaded(&outcome), pages::security_policy())
    } else {
        text(StatusCode::OK, outcome + "\n")
    })
}

async fn size<B: Body<Data = Bytes> + Unpin>(request: Request<B>) -> Result<u64, B::Error> {
    let mut body = request.into_body();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        size += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(size)
}

fn html(page: String, policy: HeaderValue) -> Answer {
    let mut answer = answer(StatusCode::OK, "text/html; charset=utf-8", Either::Left(page.into()));
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    answer
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
