//! The admin listener: what the platform asks, apart from the application's traffic.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;

use crate::{
    endpoints::{Endpoints, for_method, json},
    ingress::{Connection, Received},
    rejection::{Rejection, problem},
    server::Answer,
};

/// Answers the admin listener.
#[derive(Debug)]
pub struct Admin {
    endpoints: Arc<Endpoints>,
}

impl Admin {
    /// Shares the endpoints with the gateway.
    #[must_use]
    pub const fn new(endpoints: Arc<Endpoints>) -> Self {
        Self { endpoints }
    }

    async fn respond(&self, method: &Method, path: &str) -> Result<Response<Bytes>, Rejection> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD" });
        }
        match path {
            "/health" => Ok(self.endpoints.health()),
            "/ready" => self.endpoints.ready().await,
            "/jwks.json" => Ok(self.endpoints.jwks()),
            _ => Err(Rejection::NotFound),
        }
    }
}

impl Answer for Admin {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Received>, _connection: Connection) -> Response<Full<Bytes>> {
        let response = match self.respond(request.method(), request.uri().path()).await {
            Ok(response) => response,
            Err(rejection) => refusal(&rejection),
        };
        for_method(request.method(), response).map(Full::new)
    }
}

/// No redirects and no pages here: only machines ask.
fn refusal(rejection: &Rejection) -> Response<Bytes> {
    let text = problem(rejection.status(), rejection.code(), None);
    let mut response = json(rejection.status(), Bytes::from(text));
    let fields: &mut HeaderMap = response.headers_mut();
    fields.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(allow) = rejection.allow() {
        fields.insert(http::header::ALLOW, HeaderValue::from_static(allow));
    }
    if rejection.status() == StatusCode::SERVICE_UNAVAILABLE {
        fields.insert(http::header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
