//! The body of a request on its way to the application: frames pass as they come, trailers do not.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;

use super::{
    Received,
    upload::{Limited, Progress},
};
use crate::metrics::Limit;

/// Why a request's content did not come whole. The application gets a broken request, never a shorter one.
#[derive(Debug, Error)]
pub enum BodyError {
    /// It ended before its end, or is not framed as HTTP.
    #[error("the content of the request broke off")]
    Broken(#[source] hyper::Error),
    /// The client sent none of it for `limits.body_idle_timeout`.
    #[error("the content of the request did not come in time")]
    Idle,
    /// It is longer than its path may take.
    #[error("the content of the request is too long")]
    TooLarge,
}

impl BodyError {
    /// The limit that stopped it.
    #[must_use]
    pub const fn limit(&self) -> Option<Limit> {
        match self {
            Self::Broken(_) => None,
            Self::Idle => Some(Limit::BodyIdle),
            Self::TooLarge => Some(Limit::BodySize),
        }
    }
}

/// A request body. Trailers end here: a server behind us may merge them into the header section, where an identity
/// would count (attack class 6.22).
#[derive(Debug, Default)]
pub enum RequestBody {
    /// No content.
    #[default]
    Empty,
    /// Streamed from the client within the limits of its path.
    Limited(Box<Limited<Received>>),
    /// Streamed from the client.
    Received(Received),
}

impl RequestBody {
    /// How far it has come, where it takes time to come.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        match self {
            Self::Empty | Self::Received(_) => None,
            Self::Limited(body) => Some(body.progress().clone()),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = match &mut *self {
            Self::Empty => return Poll::Ready(None),
            Self::Limited(body) => {
                let polled = Pin::new(body.as_mut()).poll_frame(context);
                if let Poll::Ready(Some(Err(BodyError::Idle))) = &polled {
                    body.inner_mut().leave_rest();
                }
                polled
            }
            Self::Received(body) => Pin::new(body).poll_frame(context).map_err(BodyError::Broken),
        };
        if matches!(&polled, Poll::Ready(Some(Ok(frame))) if frame.is_trailers()) {
            return Poll::Ready(None);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Limited(body) => body.is_end_stream(),
            Self::Received(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Limited(body) => body.size_hint(),
            Self::Received(body) => body.size_hint(),
        }
    }
}
