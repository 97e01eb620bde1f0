//! The values of labels that are not named elsewhere: [`crate::access::Decision`] and [`crate::rejection::Reason`] are.

use http::StatusCode;

use super::label::closed_set;

closed_set! {
    /// A limit that stopped somebody.
    pub enum Limit = "limit" {
        /// A client sent nothing of an announced content for too long.
        BodyIdle => "body_idle",
        /// Content was longer than allowed.
        BodySize => "body_size",
        /// There were too many connections.
        Connections => "connections",
        /// An HTTP/2 connection sent too many frames that carry no request.
        ControlFrames => "control_frames",
        /// A TLS handshake did not come to its end in time.
        HandshakeTimeout => "handshake_timeout",
        /// A request's head did not come in time.
        HeadTimeout => "head_timeout",
        /// A client took nothing of what was written to it for too long.
        WriteTimeout => "write_timeout",
    }
}

closed_set! {
    /// What was read again.
    pub enum Reloaded = "what" {
        /// The certificate of the main listener, and its key.
        Certificate => "certificate",
        /// The policy.
        Policy => "policy",
        /// The keys that sign our statement.
        SigningKeys => "signing_keys",
    }
}

closed_set! {
    /// What came of reading it.
    pub enum ReloadOutcome = "outcome" {
        /// It is in force.
        Applied => "applied",
        /// It was not taken, or could not be read: the last good one stays in force.
        Refused => "refused",
    }
}

closed_set! {
    /// What goes on after its request was answered.
    pub enum StreamKind = "kind" {
        /// An answer that is no event stream.
        Download => "download",
        /// `text/event-stream`.
        EventStream => "event_stream",
        /// A WebSocket.
        Websocket => "websocket",
    }
}

closed_set! {
    /// Why the proxy ended a stream.
    pub enum EndReason = "reason" {
        /// It had lived for `limits.max_stream_age`.
        Age => "age",
        /// The process ends.
        Drain => "drain",
        /// The access token it began with expired.
        Expired => "expired",
        /// Nothing passed for `limits.stream_idle_timeout`.
        Idle => "idle",
        /// The policy no longer admits its user as it did.
        Revoked => "revoked",
    }
}

closed_set! {
    /// The first digit of an answer's status.
    pub enum StatusClass = "status" {
        /// Protocols were changed.
        Informational => "1xx",
        /// It was done.
        Success => "2xx",
        /// Elsewhere.
        Redirection => "3xx",
        /// The client's fault, or its user's.
        ClientError => "4xx",
        /// Ours, the application's or that of a key endpoint.
        ServerError => "5xx",
    }
}

impl StatusClass {
    /// The class of this status. What is beyond all of them, an application's 999, is an error of a server.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            ..200 => Self::Informational,
            200..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }
}

closed_set! {
    /// What carries content.
    pub enum Carrier = "carrier" {
        /// The content of requests and their answers.
        Http => "http",
        /// WebSockets.
        Websocket => "websocket",
    }
}

closed_set! {
    /// Who publishes keys.
    pub enum KeySource = "source" {
        /// The load balancers of a region.
        Alb => "alb",
        /// A user pool.
        Pool => "pool",
    }
}

closed_set! {
    /// What came of asking for a key.
    pub enum FetchOutcome = "outcome" {
        /// It came.
        Fetched => "fetched",
        /// No answer, or none that can be used.
        Unavailable => "unavailable",
        /// The source says that there is no such key.
        Unknown => "unknown",
    }
}

closed_set! {
    /// What is remembered of those who were verified lately.
    pub enum Memory = "memory" {
        /// Access tokens by themselves.
        AccessToken => "access_token",
        /// Whole credentials.
        Credential => "credential",
    }
}

closed_set! {
    /// What came of looking there.
    pub enum Lookup = "outcome" {
        /// It was remembered.
        Hit => "hit",
        /// It had to be verified.
        Miss => "miss",
    }
}
