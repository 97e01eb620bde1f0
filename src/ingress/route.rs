//! Where a request goes: to us, to the application without a user, or to the application with one.

use std::collections::BTreeSet;

use http::Method;

use super::spelling::could_mean;
use crate::config::PathPrefix;

/// Proof that the route table lets a path through without any user. Made only by [`Routes::classify`].
///
/// ```compile_fail,E0624
/// cognito_auth_proxy::ingress::PublicRoute::assertion();
/// ```
#[derive(Debug)]
#[must_use]
pub struct PublicRoute(());

impl PublicRoute {
    /// The one constructor: who calls it has found the path in the table.
    const fn assertion() -> Self {
        Self(())
    }
}

/// Where a request goes.
#[derive(Debug)]
pub enum Route {
    /// The proxy answers it.
    Own(Endpoint),
    /// It needs a user.
    Protected,
    /// It needs none.
    Public(PublicRoute),
}

/// What the proxy answers itself, under the reserved prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `/health`.
    Health,
    /// `/jwks.json`.
    Jwks,
    /// `/logout`.
    Logout,
    /// `/me`.
    Me,
    /// Anything else, so that nothing under the prefix reaches the application.
    Unknown,
    /// `/ready`.
    Ready,
}

/// The table of routes.
#[derive(Debug)]
pub struct Routes {
    reserved: PathPrefix,
    public: BTreeSet<String>,
}

impl Routes {
    /// `public` holds canonical paths; only a request for exactly these bytes matches, so a path that some server might
    /// read in two ways is never public.
    #[must_use]
    pub const fn new(reserved: PathPrefix, public: BTreeSet<String>) -> Self {
        Self { reserved, public }
    }

    /// Judges a path as it stands in the request line, without its query: the bytes judged are the bytes forwarded.
    #[must_use]
    pub fn classify(&self, path: &str) -> Route {
        if let Some(rest) = self.reserved.strip(path) {
            return Route::Own(Endpoint::named(rest));
        }
        if could_mean(path, &self.reserved) {
            return Route::Own(Endpoint::Unknown);
        }
        if self.public.contains(path) { Route::Public(PublicRoute::assertion()) } else { Route::Protected }
    }
}

impl Endpoint {
    fn named(rest: &str) -> Self {
        match rest {
            "/health" => Self::Health,
            "/jwks.json" => Self::Jwks,
            "/logout" => Self::Logout,
            "/me" => Self::Me,
            "/ready" => Self::Ready,
            _ => Self::Unknown,
        }
    }

    /// The methods it answers, as `Allow` lists them.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        match self {
            Self::Health | Self::Jwks | Self::Me | Self::Ready | Self::Unknown => "GET, HEAD",
            Self::Logout => "GET, HEAD, POST",
        }
    }

    /// Whether it answers `method`. What is not there is 404 for every method.
    #[must_use]
    pub fn allows(self, method: &Method) -> bool {
        self == Self::Unknown || self.allow().split(", ").any(|allowed| method == allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        let public = ["/", "/logo.png", "/open/door"].map(str::to_owned).into();
        Routes::new(PathPrefix::parse("/.auth").unwrap(), public)
    }

    #[test]
    fn only_the_exact_bytes_of_a_public_path_are_public() {
        for path in ["/", "/logo.png", "/open/door"] {
            assert!(matches!(routes().classify(path), Route::Public(_)), "{path}");
        }
        for path in [
            "/admin",
            "/logo.png/",
            "//logo.png",
            "/LOGO.png",
            "/logo%2epng",
            "/open/../admin",
            "/open/%2e%2e/admin",
            "/open/door;x=y",
            "/open/door/",
            "/open/./door",
            "/open%2fdoor",
            "/open\\door",
            "/open/door%00",
            "/open//door",
            "/open/door%23",
            "/open/door%3f",
            "/gradio_api/file=/a/b%2Fc",
        ] {
            assert!(matches!(routes().classify(path), Route::Protected), "{path}");
        }
    }

    #[test]
    fn what_could_mean_the_reserved_prefix_never_reaches_the_application() {
        assert!(matches!(routes().classify("/.auth/me"), Route::Own(Endpoint::Me)));
        for path in [
            "/.auth",
            "/.auth/",
            "/.auth/x",
            "/.auth/me/",
            "/%2eauth/me",
            "/%252eauth/me",
            "/a/../.auth/me",
            "//.auth/me",
            "/./.auth/me",
            "/.auth;x/me",
            "/.auth%2fme",
            "/a/%2e%2e/.auth/me",
            "/\\.auth/me",
            "/.%61uth/me",
            "/a/..;/.auth/me",
            "/%25252eauth/me",
            "/%2eauth/../x",
            "/%2eauth//../me",
            "/.auth%2f..%2fx",
            "/x/%2e%2e/.auth%5c..",
            // One segment to take away to who splits at slashes alone, two to who decodes or turns backslashes first.
            "/a\\b/../.auth/me",
            "/%2fx%2fy/../.auth/me",
            "/x%2f../.aut%68/me/../me",
            "/;a\\b/.auth/me",
            // The end of a path to who parses it as a URL, or as a C string, once more.
            "/.auth%3fx",
            "/.auth%23x",
            "/.auth%00x",
        ] {
            assert!(matches!(routes().classify(path), Route::Own(Endpoint::Unknown)), "{path}");
        }
        for path in ["/.authx", "/x/.auth/me", "/.aut", "/.auth%78", "/a%20b/.auth/me", "/x/.auth/a;b/../%2e"] {
            assert!(matches!(routes().classify(path), Route::Protected), "{path}");
        }
    }

    #[test]
    fn endless_encoding_costs_a_few_passes_and_reaches_nobody() {
        let path = format!("/%{}2e", "25".repeat(20_000));
        assert!(matches!(routes().classify(&path), Route::Own(Endpoint::Unknown)));
    }

    #[test]
    fn every_endpoint_has_its_path_and_its_methods() {
        for (path, endpoint, allow) in [
            ("/.auth/health", Endpoint::Health, "GET, HEAD"),
            ("/.auth/jwks.json", Endpoint::Jwks, "GET, HEAD"),
            ("/.auth/logout", Endpoint::Logout, "GET, HEAD, POST"),
            ("/.auth/me", Endpoint::Me, "GET, HEAD"),
            ("/.auth/ready", Endpoint::Ready, "GET, HEAD"),
        ] {
            assert!(matches!(routes().classify(path), Route::Own(found) if found == endpoint), "{path}");
            assert_eq!(endpoint.allow(), allow, "{path}");
            for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS] {
                assert_eq!(endpoint.allows(&method), allow.contains(method.as_str()), "{method} {path}");
            }
        }
        assert!(Endpoint::Unknown.allows(&Method::PUT), "404 for every method");
    }
}
