//! Where browsers are sent: after a refusal, and after signing out.

use std::collections::BTreeSet;

use crate::config::{
    CognitoLogout, Logout, PathPrefix, RedirectUrl, RefusedNavigation, Rejection, RejectionMode, Relogin, ValueError,
    findings::Findings, raw, split_port,
};

/// `known` is what the proxy answers without a user: the reserved prefix and the public paths.
pub(super) fn rejection(
    raw: &raw::Rejection,
    known: Option<(&PathPrefix, &BTreeSet<String>)>,
    findings: &mut Findings,
) -> Option<Rejection> {
    let target = findings.optional("rejection.redirect_url", raw.redirect_url.as_ref(), RedirectUrl::parse);
    let modes =
        [("auto", RejectionMode::Auto), ("redirect", RejectionMode::Redirect), ("status", RejectionMode::Status)];
    let mode = findings.choice("rejection.mode", &raw.mode, &modes);
    let relogin = findings.choice("rejection.relogin", &raw.relogin, &[("on", Relogin::On), ("off", Relogin::Off)]);
    let (target, mode) = (target?, mode?);
    if let (Some(url), Some((reserved, public))) = (&target, known)
        && mode != RejectionMode::Status
        && leads_back(url, reserved, public)
    {
        findings.warn(
            "rejection.redirect_url is a path that itself needs a user, so a refused browser meets the built-in page there; \
             add it to authoriser.public_paths",
        );
    }
    Some(Rejection { redirect: navigation(target), mode, relogin: relogin? })
}

fn leads_back(url: &RedirectUrl, reserved: &PathPrefix, public: &BTreeSet<String>) -> bool {
    let (authority, path) = url.parts();
    authority.is_none() && !public.contains(&path) && reserved.strip(&path).is_none()
}

pub(super) fn logout(raw: &raw::Logout, findings: &mut Findings) -> Option<Logout> {
    let domain = findings.optional("logout.cognito_domain", raw.cognito_domain.as_ref(), cognito_domain);
    let landing = findings.optional("logout.redirect_url", raw.redirect_url.as_ref(), RedirectUrl::parse);
    let cookie_name = findings.parsed("logout.cookie_name", cookie_name(&raw.cookie_name));
    let (domain, landing) = (domain?, landing?);
    match (&domain, &landing) {
        (Some(_), None) => findings.require("logout.redirect_url", "with logout.cognito_domain"),
        (Some(_), Some(url)) if url.parts().0.is_none() => findings.refuse(
            "logout.redirect_url",
            ValueError {
                problem: "is a path, and Cognito takes only a whole URL",
                remedy: "write https://host/path, and list the same URL as a sign-out URL of the app client",
            },
        ),
        (Some(_) | None, _) => {}
    }
    let cognito = domain.map_or(CognitoLogout::Off, CognitoLogout::At);
    Some(Logout { cognito, landing: navigation(landing), cookie_name: cookie_name? })
}

fn navigation(target: Option<RedirectUrl>) -> RefusedNavigation {
    target.map_or(RefusedNavigation::BuiltInPage, RefusedNavigation::Redirect)
}

fn cognito_domain(text: &str) -> Result<String, ValueError> {
    let remedy = "write the host alone, like example.auth.eu-west-2.amazoncognito.com";
    if text.contains("://") {
        return Err(ValueError { problem: "is a URL", remedy });
    }
    match split_port(text) {
        Some((host, None)) if !host.starts_with('[') => Ok(host),
        Some(_) | None => Err(ValueError { problem: "is not a host name", remedy }),
    }
}

/// A cookie's name is a token (RFC 6265 §4.1.1).
fn cookie_name(text: &str) -> Result<String, ValueError> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        return Err(ValueError {
            problem: "is not the name of a cookie",
            remedy: "copy the session cookie name of the load balancer's authenticate action",
        });
    }
    Ok(text.to_owned())
}
