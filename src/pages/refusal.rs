//! A refusal in words: what happened, what the reader can do about it, and what their administrator needs to know.

use http::StatusCode;
use maud::{Markup, html};

use super::page;
use crate::rejection::CROSS_SITE;

/// What the page of a refusal is made of.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The status of the answer.
    pub status: StatusCode,
    /// The stable name of the reason; with the request id it finds the log line.
    pub code: &'a str,
    /// The request's name.
    pub request_id: &'a str,
    /// The path that signs out.
    pub sign_out: &'a str,
}

impl Refusal<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        let words = Words::of(self.status, self.code);
        page(
            words.title,
            &html! {
                div class="words" {
                    h1 { (words.title) }
                    p { (words.advice) }
                    (self.ways_out(words.way_out))
                    p { small { "Code " code { (self.code) } ", request " code { (self.request_id) } "." } }
                }
            },
        )
    }

    /// An empty address is that of the page itself, so nothing of the request is repeated.
    fn ways_out(&self, way_out: WayOut) -> Markup {
        html! {
            @match way_out {
                WayOut::None => {}
                WayOut::OtherAccount => p class="actions" { a class="quiet" href=(self.sign_out) { "Sign out" } },
                WayOut::SignInAgain => p class="actions" {
                    a class="button" href="" { "Sign in again" }
                    a class="quiet" href=(self.sign_out) { "Sign out" }
                },
                WayOut::Start => p class="actions" { a class="button" href="/" { "Open the application" } },
                WayOut::TryAgain => p class="actions" { a class="button" href="" { "Try again" } },
            }
        }
    }
}

/// What a reader can do.
#[derive(Debug, Clone, Copy)]
enum WayOut {
    /// Nothing on this page.
    None,
    /// End a session whose user may not come in: the load balancer would go on sending it.
    OtherAccount,
    /// Ask again, which starts a login where no session is left; where a broken one is left, end it.
    SignInAgain,
    /// Begin at the application's own first page.
    Start,
    /// Ask again.
    TryAgain,
}

struct Words {
    title: &'static str,
    advice: &'static str,
    way_out: WayOut,
}

impl Words {
    fn of(status: StatusCode, code: &str) -> Self {
        let (title, advice, way_out) = match status.as_u16() {
            401 => (
                "Please sign in",
                "You are not signed in, or your sign-in has expired. If signing in again leads back to this page, \
                 sign out first: that ends what is left of the old sign-in. If that does not help either, tell the \
                 application's owner the code below.",
                WayOut::SignInAgain,
            ),
            403 if code == CROSS_SITE => (
                "Sent from another site",
                "Another site sent this request for you, so nothing was done. If it was your wish, do it in the \
                 application itself.",
                WayOut::Start,
            ),
            403 => (
                "No access",
                "You are signed in, but this application is not open to you. Ask its owner for access, or sign out \
                 and come back with another account.",
                WayOut::OtherAccount,
            ),
            404 => ("Not found", "There is nothing at this address.", WayOut::None),
            408 => ("Too slow", "What you sent did not arrive. Go back and send it again.", WayOut::None),
            413 => ("Too large", "What you sent is more than can be taken here.", WayOut::None),
            502 => (
                "Application not reachable",
                "The application behind this address does not answer. Try again soon.",
                WayOut::TryAgain,
            ),
            503 => (
                "Not available",
                "The service cannot answer at the moment. Try again in a few seconds.",
                WayOut::TryAgain,
            ),
            504 => ("No answer", "The application took too long to answer.", WayOut::TryAgain),
            _ => ("Request refused", "The request could not be handled.", WayOut::None),
        };
        Self { title, advice, way_out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        Refusal { status, code, request_id: "r-1", sign_out: "/.own/logout" }.page()
    }

    #[test]
    fn what_comes_from_a_request_is_escaped() {
        let request_id = "<script>alert(1)</script>";
        let refusal = Refusal { status: StatusCode::FORBIDDEN, code: "not_allowed", request_id, sign_out: "/\"<b>" };
        let page = refusal.page();
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
        assert!(page.contains("href=\"/&quot;&lt;b&gt;\""));
    }

    #[test]
    fn every_refusal_names_its_code_and_request() {
        for status in [400, 401, 403, 404, 405, 408, 413, 414, 431, 500, 502, 503, 504] {
            let page = refusal(status, "the_code");
            assert!(page.contains("<code>the_code</code>") && page.contains("<code>r-1</code>"), "{page}");
        }
    }

    #[test]
    fn only_a_user_with_a_session_that_does_not_serve_is_offered_to_end_it() {
        let offers = |page: String| page.contains("<a class=\"quiet\" href=\"/.own/logout\">Sign out</a>");
        assert!(offers(refusal(401, "token_expired")) && offers(refusal(403, "not_allowed")));
        for status in [400, 404, 405, 502, 503, 504] {
            assert!(!offers(refusal(status, "a_code")), "{status}");
        }
        assert!(!offers(refusal(403, CROSS_SITE)), "whoever was sent by another site is signed in well");
    }
}
