//! The `[logging]` section: what is logged, and how.

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Logging {
    /// Line format.
    pub format: LogFormat,
    /// Filter in `tracing`'s notation, `info` or `info,cognito_auth_proxy=debug`.
    pub level: String,
    /// Whether allowed requests get their access line. Refusals always do.
    pub access: AccessLog,
    /// Whether e-mail addresses appear.
    pub emails: LoggedEmails,
    /// Whether decisions get their line when they are made.
    pub audit: AuditLog,
    /// Whether CloudWatch finds figures in it.
    pub emf: Emf,
}

/// Figures for CloudWatch, in lines of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emf {
    /// Under this namespace.
    Namespace(String),
    /// None.
    Off,
}

/// Line format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Which requests get an access line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// Every request.
    All,
    /// Only refused ones.
    Refusals,
}

/// Whether e-mail addresses are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedEmails {
    /// Only the subject is.
    Hidden,
    /// They are.
    Shown,
}

/// Whether every decision on a request gets a line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditLog {
    /// The line of the request, which comes when it has ended, tells it.
    Off,
    /// When it is made.
    Decisions,
}
