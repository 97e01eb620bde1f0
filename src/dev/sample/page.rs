//! The page: who the user is, as verified, and every field the application received. All text in it is escaped.

use http::{HeaderMap, HeaderName, HeaderValue};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};

use super::statement::Statement;

const STYLE: &str = "
:root { color-scheme: light dark; --good: #0a6b2d; --bad: #a3160e; --line: #8886 }
@media (prefers-color-scheme: dark) { :root { --good: #7fe0a0; --bad: #ff9a91 } }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 56rem; padding: 1rem }
.good { color: var(--good); font-weight: 600 }
.bad { color: var(--bad); font-weight: 600 }
table { border-collapse: collapse; table-layout: fixed; width: 100% }
th, td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; padding: .4rem .5rem .4rem 0; \
text-align: left; vertical-align: top }
th { font-weight: 600; width: 34% }
td { font-family: ui-monospace, monospace; font-size: .9rem }
caption { padding: .3rem 0; text-align: left }
button, input { font: inherit; margin: .3rem .3rem .3rem 0; max-width: 100%; min-height: 2.75rem }
";

/// The page about one request.
pub(super) fn render(header: &HeaderName, statement: &Statement, fields: &HeaderMap) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Sample application" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "Sample application" }
                    section aria-labelledby="who" {
                        h2 id="who" { "Who you are" }
                        (who(header, statement))
                    }
                    section aria-labelledby="fields" {
                        h2 id="fields" { "What the application received" }
                        (received(header, fields))
                    }
                    section aria-labelledby="more" {
                        h2 id="more" { "More to try" }
                        p { a href="/clock" { "A clock" } " that sends the time every second, for as long as you look." }
                        form method="post" action="/upload" enctype="multipart/form-data" {
                            label for="file" { "A file, whose bytes are counted and not kept" }
                            br;
                            input id="file" name="file" type="file" required;
                            button { "Upload" }
                        }
                    }
                }
            }
        }
    }
}

fn who(header: &HeaderName, statement: &Statement) -> Markup {
    html! {
        @match statement {
            Statement::Absent => p { "Nobody: there is no " code { (header) } ". This request came in on a public path." },
            Statement::Refused(refusal) => {
                p class="bad" role="alert" { "Not believed: " code { (header) } " is there, but " (refusal) "." }
            }
            Statement::Unverifiable => {
                p { code { (header) } " is not verifiable with a public key: it is signed with a shared secret (HS256), \
                    which this application was not given." }
            }
            Statement::Verified(claims) => {
                p { "Hello, " strong { (display_name(claims)) } ". "
                    span class="good" { "The signature of " code { (header) } " is verified." } }
                table {
                    caption { "Claims" }
                    @for (name, value) in claims {
                        tr { th scope="row" { (name) } td { (claim(value)) } }
                    }
                }
            }
        }
    }
}

fn received(header: &HeaderName, fields: &HeaderMap) -> Markup {
    html! {
        table {
            caption { (fields.len()) " header fields" }
            @for (name, value) in fields {
                tr {
                    th scope="row" { (name) }
                    td { @if name == header { (shortened(value)) } @else { (lossy(value)) } }
                }
            }
        }
    }
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

/// A statement works for whoever has it, and pages end in screenshots.
fn shortened(value: &HeaderValue) -> String {
    let start: String = lossy(value).chars().take(16).collect();
    format!("{start}… ({} bytes)", value.len())
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
