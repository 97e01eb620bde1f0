//! What a browser may do with a page of ours: use the stylesheet as we wrote it, and next to nothing else.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;

use super::STYLE;

/// The source expression for the inlined stylesheet: its exact bytes, so no other style a page might be made to hold.
static STYLE_SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()))));

/// The `Content-Security-Policy` of a page: no script, no connection, no frame around it, forms back to this host.
#[must_use]
pub fn security_policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy("'self'", ""));
    POLICY.clone()
}

/// The same for a page whose form is answered with redirects to `targets`: browsers apply `form-action` to these too.
#[must_use]
pub fn form_security_policy(targets: &str) -> HeaderValue {
    policy(format!("'self' {targets}").trim_end(), "")
}

/// The same for a page of an application with a script of its own, in a file: it may run, and talk to this host.
#[must_use]
pub fn script_security_policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> =
        LazyLock::new(|| policy("'self'", "script-src 'self'; connect-src 'self'; "));
    POLICY.clone()
}

/// `img-src data:` is the empty icon's, which browsers count among images.
fn policy(form_action: &str, more: &str) -> HeaderValue {
    let style = STYLE_SOURCE.as_str();
    let text = format!(
        "default-src 'none'; {more}style-src {style}; img-src data:; form-action {form_action}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    // What no field can hold allows nothing.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; form-action 'none'"))
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;
    use crate::pages::page;

    #[test]
    fn the_hash_is_that_of_the_style_as_it_stands_in_the_page() {
        let page = page("A page", &html! { p { "with words" } });
        let (_, rest) = page.split_once("<style>").unwrap();
        let (style, rest) = rest.split_once("</style>").unwrap();
        assert!(!rest.contains("<style") && !page.contains("style="), "there is no other");
        let hash = BASE64_STANDARD.encode(digest(&SHA256, style.as_bytes()));
        for policy in [security_policy(), form_security_policy("https://a.example"), script_security_policy()] {
            let policy = policy.to_str().unwrap().to_owned();
            assert!(policy.contains(&format!("; style-src 'sha256-{hash}'; ")), "{policy}");
        }
    }

    #[test]
    fn a_page_may_do_nothing_it_does_not_need() {
        for policy in [security_policy(), form_security_policy("https://a.example "), script_security_policy()] {
            let policy = policy.to_str().unwrap().to_owned();
            assert!(policy.starts_with("default-src 'none'; "), "{policy}");
            assert!(policy.ends_with("; base-uri 'none'; frame-ancestors 'none'"), "{policy}");
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        }
        assert!(!security_policy().to_str().unwrap().contains("script-src"));
        let form = form_security_policy("https://a.example ");
        assert!(form.to_str().unwrap().contains("; form-action 'self' https://a.example; "), "{form:?}");
        let script = script_security_policy();
        assert!(script.to_str().unwrap().contains("; script-src 'self'; connect-src 'self'; "), "{script:?}");
    }

    #[test]
    fn targets_no_field_can_hold_allow_nothing() {
        assert_eq!(form_security_policy("https://a.example\r\n"), form_security_policy("https://a.example"));
        assert_eq!(form_security_policy("a\nb"), "default-src 'none'; form-action 'none'");
    }
}
