//! The admin listener: what the platform asks, apart from the application's traffic.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;

use crate::{
    endpoints::{Endpoints, for_method, json, own},
    ingress::{Connection, Received},
    metrics::{Form, Metrics},
    rejection::{Rejection, problem},
    server::Answer,
};

/// Answers the admin listener.
#[derive(Debug)]
pub struct Admin {
    endpoints: Arc<Endpoints>,
    metrics: Arc<Metrics>,
}

impl Admin {
    /// Shares the endpoints with the gateway, and shows what is counted.
    #[must_use]
    pub const fn new(endpoints: Arc<Endpoints>, metrics: Arc<Metrics>) -> Self {
        Self { endpoints, metrics }
    }

    async fn respond(&self, request: &Request<Received>) -> Result<Response<Bytes>, Rejection> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD" });
        }
        match request.uri().path() {
            "/health" => Ok(self.endpoints.health()),
            "/jwks.json" => Ok(self.endpoints.jwks()),
            "/metrics" => Ok(self.metrics(request.headers())),
            "/ready" => self.endpoints.ready().await,
            _ => Err(Rejection::NotFound),
        }
    }

    fn metrics(&self, fields: &HeaderMap) -> Response<Bytes> {
        let accept = fields.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let form = Form::wanted_by(&accept.collect::<Vec<_>>().join(","));
        own(StatusCode::OK, form.media_type(), Bytes::from(form.of(self.metrics.render())))
    }
}

impl Answer for Admin {
    type Body = Full<Bytes>;

    async fn answer(self: Arc<Self>, request: Request<Received>, _connection: Connection) -> Response<Full<Bytes>> {
        let response = match self.respond(&request).await {
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
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(allow) = rejection.allow() {
        fields.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if rejection.status() == StatusCode::SERVICE_UNAVAILABLE {
        fields.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
