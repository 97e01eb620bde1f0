//! The `[limits]` section: how much of everything one client, and all of them, may use.

use std::time::Duration;

use crate::config::PathPrefix;

/// What requests, connections and streams may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The head of a request.
    pub heads: HeadLimits,
    /// The content of a request.
    pub bodies: BodyLimits,
    /// Connections of clients.
    pub connections: ConnectionLimits,
    /// Credentials that were verified lately, with what was made of them, in bytes.
    pub credential_cache: u64,
    /// What goes on after its request was answered: WebSockets, event streams, downloads.
    pub streams: StreamLimits,
}

/// Sizes of a request's head. Beyond them it is refused before it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// The most fields.
    pub fields: usize,
    /// The longest single field, name or value, in bytes.
    pub field_size: usize,
    /// All fields together, in bytes.
    pub fields_size: usize,
    /// Path and query, in bytes.
    pub target_size: usize,
}

/// Sizes and times of a request's content.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    /// On every path but those of uploads.
    pub size: SizeLimit,
    /// On the paths of uploads.
    pub upload_size: SizeLimit,
    /// At and under these paths is an upload: those of the framework's preset, and those configured.
    pub upload_paths: Vec<PathPrefix>,
    /// How long nothing of a content that was announced may come.
    pub idle_timeout: Duration,
}

/// The most bytes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeLimit {
    /// So many.
    Bytes(u64),
    /// Any number: the application decides.
    Off,
}

/// Numbers and times of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The most at a time.
    pub connections: usize,
    /// The most requests at a time on one HTTP/2 connection.
    pub concurrent_requests: u32,
    /// The most HTTP/2 frames a minute on one connection that ask for work and carry no request.
    pub control_frames: u32,
    /// How long the head of a request may take from its first byte to its last.
    pub head_timeout: Duration,
    /// How long a client may take nothing of what is written to it.
    pub write_timeout: Duration,
}

/// The end of what goes on after its request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// The longest life of a stream.
    pub age: Duration,
    /// How long nothing may pass on it, in either direction.
    pub idle: IdleLimit,
    /// Whether it ends with the access token.
    pub expiry: StreamExpiry,
}

/// How long nothing may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleLimit {
    /// So long.
    After(Duration),
    /// For ever.
    Off,
}

/// What the expiry of the access token means for a stream that began with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamExpiry {
    /// The stream ends with it.
    Ends,
    /// Nothing: the token counts at the beginning.
    Ignored,
}
