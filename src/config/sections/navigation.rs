//! The `[rejection]` and `[logout]` sections: where browsers are sent.

use crate::config::RedirectUrl;

/// How a refusal looks.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Where a refused page navigation is sent.
    pub redirect: RefusedNavigation,
    /// Who is redirected.
    pub mode: RejectionMode,
    /// Whether an expired access token leads to a new login.
    pub relogin: Relogin,
}

/// Where a refused page navigation is sent.
#[derive(Debug, Clone)]
pub enum RefusedNavigation {
    /// Nowhere: a built-in page with the refusal's status.
    BuiltInPage,
    /// To the configured 401 URL.
    Redirect(RedirectUrl),
}

/// Who is redirected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionMode {
    /// Page navigations; scripts get the status.
    Auto,
    /// Every refused request, as the Python library does.
    Redirect,
    /// Nobody.
    Status,
}

/// What happens on `token_expired` of a navigation that carries the load balancer's session cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relogin {
    /// It is refused as any other.
    Off,
    /// The session cookie is expired and the browser sent once to the same path.
    On,
}

/// Where signing out leads.
#[derive(Debug, Clone)]
pub struct Logout {
    /// Cognito's login domain, if its session is to end as well.
    pub cognito: CognitoLogout,
    /// Where the browser ends: the configured landing page, or a built-in one.
    pub landing: RefusedNavigation,
    /// Base name of the load balancer's session cookie.
    pub cookie_name: String,
}

/// Whether signing out ends Cognito's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CognitoLogout {
    /// At this host.
    At(String),
    /// Not at all.
    Off,
}
