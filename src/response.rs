//! The body of every answer we give: our own few bytes, or the application's stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    access::Record,
    metrics::{EndReason, StreamKind},
    upstream::{AnswerBody, AnswerError},
};

/// What an answer holds.
#[derive(Debug)]
pub enum Content {
    /// The application's stream.
    Answer(Box<AnswerBody>),
    /// Our own text; empty once sent.
    Own(Bytes),
}

/// Content together with the record of its request, which is written when the content has gone.
#[derive(Debug)]
pub struct RecordedBody {
    content: Content,
    record: Record,
}

impl RecordedBody {
    /// Joins the two.
    #[must_use]
    pub fn new(content: Content, mut record: Record) -> Self {
        if let Content::Answer(body) = &content
            && body.kind() != StreamKind::Download
        {
            record.goes_on();
        }
        if content.is_end() {
            record.complete();
        }
        Self { content, record }
    }
}

impl Content {
    /// Why the proxy ended it before its end, if it did.
    const fn end_reason(&self) -> Option<EndReason> {
        match self {
            Self::Answer(body) => body.end_reason(),
            Self::Own(_) => None,
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Self::Answer(body) => body.is_end_stream(),
            Self::Own(text) => text.is_empty(),
        }
    }
}

impl Body for RecordedBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        let polled = match &mut self.content {
            Content::Answer(body) => Pin::new(body.as_mut()).poll_frame(context),
            Content::Own(text) if text.is_empty() => Poll::Ready(None),
            Content::Own(text) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.record.sent(u64::try_from(bytes).unwrap_or(u64::MAX));
            }
            Poll::Ready(Some(Err(AnswerError::Broken(_)))) => self.record.upstream_failed(),
            Poll::Ready(Some(Err(AnswerError::Ended(reason)))) => self.record.ended(*reason),
            Poll::Ready(None) => match self.content.end_reason() {
                Some(reason) => self.record.ended(reason),
                None => self.record.complete(),
            },
            Poll::Pending => {}
        }
        if matches!(polled, Poll::Ready(Some(Ok(_)))) && self.content.is_end() {
            self.record.complete();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Answer(body) => body.size_hint(),
            Content::Own(text) => SizeHint::with_exact(u64::try_from(text.len()).unwrap_or(u64::MAX)),
        }
    }
}
