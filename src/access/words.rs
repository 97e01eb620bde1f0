//! The words of the log. They are stable: people search for them.

use crate::metrics::{EndReason, closed_set};

closed_set! {
    /// What was decided on a request.
    pub enum Decision = "decision" {
        /// Forwarded for a user.
        Allow => "allow",
        /// Refused.
        Deny => "deny",
        /// Answered by the proxy itself.
        Own => "own",
        /// Forwarded without a user.
        Public => "public",
        /// Nothing yet: the client left before.
        Undecided => "undecided",
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client went away before the end.
    Aborted,
    /// The proxy ended a stream.
    ByUs(EndReason),
    /// The whole answer was handed to the connection.
    Complete,
    /// The application broke off in the middle of its answer.
    UpstreamFailed,
}

impl End {
    /// The name in the log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::ByUs(reason) => reason.name(),
            Self::Complete => "complete",
            Self::UpstreamFailed => "upstream_failed",
        }
    }
}
