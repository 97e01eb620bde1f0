//! The two pages of signing out: the question where another site asks for it, and the word that it is done.

use maud::html;

use super::page;

/// The question before a sign-out that another site may have asked for.
#[must_use]
pub fn confirm_logout(action: &str) -> String {
    page(
        "Sign out?",
        &html! {
            div class="words" {
                h1 { "Sign out?" }
                p { "Another page sent you here. Do you want to sign out?" }
                div class="actions" {
                    form method="post" action=(action) { button { "Sign out" } }
                    a class="quiet" href="/" { "Stay signed in" }
                }
            }
        },
    )
}

/// After signing out, where no landing page is configured.
#[must_use]
pub fn signed_out() -> String {
    page(
        "Signed out",
        &html! {
            div class="words" {
                h1 { "Signed out" }
                p { "You can close this page." }
                p class="actions" { a class="quiet" href="/" { "Sign in again" } }
            }
        },
    )
}
