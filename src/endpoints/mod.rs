//! What the proxy answers itself, under the reserved prefix.

mod logout;
mod relogin;

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};

pub use logout::Logout;
pub use relogin::Relogins;

use crate::{authoriser::Authorised, pages, readiness::Readiness, rejection::Rejection, upstream::assertion::Asserter};

/// The endpoints that need no user.
#[derive(Debug)]
pub struct Endpoints {
    readiness: Arc<Readiness>,
    asserter: Arc<Asserter>,
}

impl Endpoints {
    /// Shares both with the rest of the program.
    #[must_use]
    pub const fn new(readiness: Arc<Readiness>, asserter: Arc<Asserter>) -> Self {
        Self { readiness, asserter }
    }

    /// The process serves.
    #[must_use]
    pub fn health(&self) -> Response<Bytes> {
        json(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#))
    }

    /// The process should get requests.
    pub async fn ready(&self) -> Result<Response<Bytes>, Rejection> {
        self.readiness.check().await?;
        Ok(json(StatusCode::OK, Bytes::from_static(br#"{"status":"ready"}"#)))
    }

    /// The public keys of the assertion.
    #[must_use]
    pub fn jwks(&self) -> Response<Bytes> {
        let mut response = json(StatusCode::OK, self.asserter.jwks());
        // A verifier may keep them for a while; an unknown `kid` sends it here again.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        response
    }

    /// The identity as the application sees it.
    pub fn me(authorised: &Authorised) -> Result<Response<Bytes>, Rejection> {
        let claims = Asserter::identity(authorised).map_err(crate::upstream::UpstreamError::from)?;
        Ok(json(StatusCode::OK, Bytes::from(claims)))
    }
}

/// A JSON answer that is not stored.
#[must_use]
pub fn json(status: StatusCode, text: Bytes) -> Response<Bytes> {
    own(status, "application/json", text)
}

/// A page of ours.
fn html(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = own(status, "text/html; charset=utf-8", Bytes::from(text));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, pages::security_policy());
    response
}

/// A text of ours.
pub fn own(status: StatusCode, kind: &'static str, text: Bytes) -> Response<Bytes> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Without content where the method asks for the head only.
#[must_use]
pub fn for_method(method: &Method, mut response: Response<Bytes>) -> Response<Bytes> {
    if method == Method::HEAD {
        let length = response.body().len();
        response.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
        *response.body_mut() = Bytes::new();
    }
    response
}
