//! The pages the proxy shows itself: plain HTML in one layout, without script, every value escaped.

mod refusal;
mod security_policy;
mod sign_out;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use refusal::Refusal;
pub use security_policy::{form_security_policy, script_security_policy, security_policy};
pub use sign_out::{confirm_logout, signed_out};

/// The one stylesheet. It stands in every page, so that no page needs a second request that might be refused.
const STYLE: &str = include_str!("style.css");

/// A whole document: `content` in its `main`, the stylesheet in its head. Answer it with [`security_policy`] or one of
/// its variants, or a browser may load what we never wrote.
///
/// What the stylesheet has beside plain elements:
///
/// | class | for |
/// | --- | --- |
/// | `words` | a page of a few sentences: a narrow column |
/// | `cards` > `card` | a grid of forms or sections of one kind; a button at a card's end stands at its foot |
/// | `notice` | a box around something to notice, also with `good` or `bad` |
/// | `good`, `bad` | text in the colour of success or failure; the words have to say it too |
/// | `soft` | text of less weight, as in `small` and `caption` |
/// | `field` | a label and its input below, in either nesting |
/// | `choice` | a label around a radio button or checkbox and a `span`, which may hold a `small` description |
/// | `actions` | a row of buttons and links |
/// | `button` | a link that looks like a button |
/// | `quiet` | a secondary link or button |
/// | `live` | a value that changes, in large figures |
///
/// A `header` puts a heading and a `nav` at the two ends of one line. In a table each row is a `th scope="row"` and its
/// `td`; on a phone they stand below each other.
#[must_use]
pub fn page(title: &str, content: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                // Without one a browser asks for /favicon.ico, which is the application's and may be refused.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stylesheet_cannot_end_its_element_and_loads_nothing() {
        for foreign in ["<", "url(", "@import", "\r", "\0"] {
            assert!(!STYLE.contains(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_title_is_escaped() {
        let page = page("</title><script>", &html! { p { "<b>" } });
        assert!(page.contains("<title>&lt;/title&gt;&lt;script&gt;</title>") && page.contains("<p>&lt;b&gt;</p>"));
    }
}
