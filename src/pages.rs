//! The few pages the proxy shows itself. Plain HTML, no script, every value escaped.

use http::StatusCode;
use maud::{DOCTYPE, Markup, html};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;margin:0;display:grid;min-height:100vh;place-items:center}\
main{max-width:34rem;padding:1.5rem}\
h1{font-size:1.5rem;margin:0 0 .5rem}\
small{opacity:.75}\
a,button{font:inherit}\
button{padding:.5rem 1rem}";

/// What a page's own security policy allows: its style, and its form back to this host.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The same for a page whose form is answered with redirects to `targets`: browsers apply `form-action` to these too.
#[must_use]
pub fn form_security_policy(targets: &str) -> String {
    CONTENT_SECURITY_POLICY.replace("form-action 'self'", &format!("form-action 'self' {targets}"))
}

/// A refusal in words. `code` and `request_id` let the reader's administrator find the log line.
#[must_use]
pub fn refusal(status: StatusCode, code: &str, request_id: &str) -> String {
    let (title, advice) = words(status);
    page(
        title,
        &html! {
            h1 { (title) }
            p { (advice) }
            p { small { "Code " code { (code) } ", request " code { (request_id) } "." } }
        },
    )
}

/// The question before a sign-out that another site may have asked for.
#[must_use]
pub fn confirm_logout(action: &str) -> String {
    page(
        "Sign out?",
        &html! {
            h1 { "Sign out?" }
            p { "Another page sent you here. Do you want to sign out?" }
            form method="post" action=(action) { button type="submit" { "Sign out" } }
        },
    )
}

/// After signing out, where no landing page is configured.
#[must_use]
pub fn signed_out() -> String {
    page(
        "Signed out",
        &html! {
            h1 { "Signed out" }
            p { "You can close this page, or " a href="/" { "sign in again" } "." }
        },
    )
}

pub(crate) fn page(title: &str, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    }
    .into_string()
}

fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        401 => {
            ("Please sign in", "You are not signed in, or your sign-in has expired. Reload the page to sign in again.")
        }
        403 => ("No access", "You are signed in, but this application is not open to you. Ask its owner for access."),
        404 => ("Not found", "There is nothing at this address."),
        502 => ("Application not reachable", "The application behind this address does not answer. Try again soon."),
        503 => ("Not available", "The service cannot answer at the moment. Try again in a few seconds."),
        504 => ("No answer", "The application took too long to answer."),
        _ => ("Request refused", "The request could not be handled."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_a_request_is_escaped() {
        let page = refusal(StatusCode::FORBIDDEN, "not_allowed", "<script>alert(1)</script>");
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
    }
}
