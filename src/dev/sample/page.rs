//! The page: who the user is, as verified, what to try, and every field the application received. All text is escaped.

use http::{HeaderMap, HeaderName, HeaderValue};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::statement::Statement;
use crate::pages;

/// Where a user of the sample application can go to be somebody else.
#[derive(Debug, Clone)]
pub struct SampleLinks {
    /// Where another user signs in.
    pub switcher: String,
    /// Where this one signs out.
    pub sign_out: String,
}

/// The page about one request.
pub(super) fn render(header: &HeaderName, links: &SampleLinks, statement: &Statement, fields: &HeaderMap) -> String {
    pages::page(
        "Sample application",
        &html! {
            header {
                h1 { "Sample application" }
                nav aria-label="Account" {
                    a class="quiet" href=(links.switcher) { "Sign in as somebody else" }
                    a class="quiet" href=(links.sign_out) { "Sign out" }
                }
            }
            section aria-labelledby="who" {
                div class="card" {
                    h2 id="who" { "Who you are" }
                    (who(header, statement))
                }
            }
            div class="cards" { (clock()) (echo()) (upload()) }
            section aria-labelledby="fields" {
                div class="card" {
                    h2 id="fields" { "What the application received" }
                    (received(header, fields))
                }
            }
            script src="/sample.js" defer {}
        },
    )
}

/// After an upload by a browser without script.
pub(super) fn uploaded(outcome: &str) -> String {
    pages::page(
        "Uploaded",
        &html! {
            div class="words" {
                h1 { "Uploaded" }
                p { (outcome) ". A form without script sends some bytes around the file; they are counted too." }
                p class="actions" { a class="button" href="/" { "Back" } }
            }
        },
    )
}

fn clock() -> Markup {
    html! {
        section class="card" aria-labelledby="clock-title" {
            h2 id="clock-title" { "Clock" }
            p class="soft" { "Server-sent events: the time, every second, for as long as you look." }
            p id="clock-time" class="live" data-live hidden { "--:--:--" }
            p data-live hidden { span id="clock-state" role="status" { "Connecting" } }
            p { a href="/clock" { "See the events themselves" } }
        }
    }
}

fn echo() -> Markup {
    html! {
        section class="card" aria-labelledby="echo-title" {
            h2 id="echo-title" { "Echo" }
            p class="soft" { "A WebSocket that sends back what you send." }
            noscript { p { "It needs JavaScript, which your browser does not run here." } }
            form id="echo" data-live hidden {
                label class="field" { "Text" input id="echo-text" maxlength="1000" autocomplete="off" required; }
                button { "Send" }
            }
            p data-live hidden { span id="echo-state" role="status" { "Connecting" } }
            div role="log" aria-label="What came back" data-live hidden { ol id="echo-log" {} }
        }
    }
}

fn upload() -> Markup {
    html! {
        section class="card" aria-labelledby="upload-title" {
            h2 id="upload-title" { "Upload" }
            p class="soft" { "The bytes of a file are counted and not kept." }
            form id="upload" method="post" action="/upload" enctype="multipart/form-data" {
                label class="field" { "File" input id="file" name="file" type="file" required; }
                button { "Upload" }
            }
            progress id="upload-progress" aria-label="Sent" max="1" value="0" hidden {}
            p data-live hidden { span id="upload-state" role="status" {} }
        }
    }
}

fn who(header: &HeaderName, statement: &Statement) -> Markup {
    html! {
        @match statement {
            Statement::Absent => p { "Nobody: there is no " code { (header) } ". This request came in on a public path." },
            Statement::Refused(refusal) => {
                p class="notice bad" role="alert" { "Not believed: " code { (header) } " is there, but " (refusal) "." }
            }
            Statement::Unverifiable => {
                p { code { (header) } " is not verifiable with a public key: it is signed with a shared secret (HS256), \
                    which this application was not given." }
            }
            Statement::Verified(claims) => {
                p { "Hello, " strong { (display_name(claims)) } ". "
                    span class="good" { "The signature of " code { (header) } " is verified." } }
                (claims_table("What it says of you", claims.iter().filter(|(name, _)| is_of_the_user(name))))
                details {
                    summary { "What else it says" }
                    (claims_table("Of the statement itself", claims.iter().filter(|(name, _)| !is_of_the_user(name))))
                }
            }
        }
    }
}

fn received(header: &HeaderName, fields: &HeaderMap) -> Markup {
    html! {
        table {
            caption { (fields.len()) " header fields" }
            // What everything depends on comes first.
            @for (name, value) in fields.iter().filter(|(name, _)| *name == header).chain(
                fields.iter().filter(|(name, _)| *name != header)
            ) {
                tr {
                    th scope="row" { (name) }
                    td { @if name == header || is_token(value) { (shortened(value)) } @else { (lossy(value)) } }
                }
            }
        }
    }
}

fn claims_table<'a>(caption: &str, claims: impl Iterator<Item = (&'a String, &'a Value)>) -> Markup {
    html! {
        table {
            caption { (caption) }
            @for (name, value) in claims {
                tr { th scope="row" { (name) } td { (claim(value)) } }
            }
        }
    }
}

/// Whether a claim tells a reader who they are, to the application.
fn is_of_the_user(claim: &str) -> bool {
    matches!(claim, "email" | "email_verified" | "groups" | "is_admin" | "name" | "sub")
}

/// The best name a person would recognise.
fn display_name(claims: &Map<String, Value>) -> &str {
    ["name", "email", "username", "sub"]
        .into_iter()
        .filter_map(|claim| claims.get(claim)?.as_str())
        .find(|text| !text.trim().is_empty())
        .unwrap_or("somebody without a name")
}

fn claim(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Whether it looks like a token: `eyJ` is how `{"` begins in base64.
fn is_token(value: &HeaderValue) -> bool {
    value.as_bytes().windows(3).any(|bytes| bytes == b"eyJ")
}

/// A statement works for whoever has it, and pages end in screenshots.
fn shortened(value: &HeaderValue) -> String {
    let start: String = lossy(value).chars().take(16).collect();
    format!("{start}… ({} bytes)", value.len())
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
