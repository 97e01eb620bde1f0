//! `X-Amzn-Trace-Id`: the name an AWS load balancer gave the request, and writes into its own log.
//!
//! Anybody may have sent one: the load balancer keeps a client's `Root` and adds its own `Self`. So it is a key to search
//! by and never a reason for anything, and only what has the form of one is logged.

use http::{HeaderMap, HeaderName, HeaderValue};

static AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// `Self`, `Root`, `Parent` and `Sampled`, one each.
const LONGEST: usize = 115;

/// The well-formed parts of it. All of it, which is the text in the load balancer's log, where a client added none of its
/// own.
pub(super) fn trace_id(fields: &HeaderMap) -> Option<HeaderValue> {
    let mut values = fields.get_all(&AMZN_TRACE_ID).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let text = value.to_str().ok()?;
    if text.len() <= LONGEST && text.split(';').all(is_well_formed) {
        return Some(value.clone());
    }
    let parts: Vec<&str> = text.split(';').filter(|part| is_well_formed(part)).take(2).collect();
    if parts.is_empty() { None } else { HeaderValue::try_from(parts.join(";")).ok() }
}

fn is_well_formed(part: &str) -> bool {
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match part.split_once('=') {
        Some(("Root" | "Self", id)) => id
            .strip_prefix("1-")
            .and_then(|id| id.split_once('-'))
            .is_some_and(|(time, rest)| digits(time, 8) && digits(rest, 24)),
        Some(("Parent", id)) => digits(id, 16),
        Some(("Sampled", flag)) => matches!(flag, "0" | "1"),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(values: &[&str]) -> Option<String> {
        let values = values.iter().map(|value| (AMZN_TRACE_ID.clone(), HeaderValue::try_from(*value).unwrap()));
        trace_id(&values.collect()).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_a_load_balancer_writes_is_logged_as_it_is() {
        for sent in [
            "Root=1-67891233-abcdef012345678912345678",
            "Self=1-67891234-12456789abcdef012345678f;Root=1-67891233-abcdef012345678912345678",
            "Self=1-67891234-12456789abcdef012345678f;Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1",
        ] {
            assert_eq!(logged(&[sent]).as_deref(), Some(sent));
        }
    }

    #[test]
    fn what_a_client_adds_is_not() {
        let root = "Root=1-67891233-abcdef012345678912345678";
        for sent in [format!("{root};CalledFrom=secret"), format!("a;{root}"), format!("{root};Self=1-2-3")] {
            assert_eq!(logged(&[&sent]).as_deref(), Some(root), "{sent}");
        }
        assert_eq!(logged(&[&[root; 100].join(";")]), Some([root; 2].join(";")));
        for none in [
            "",
            "secret",
            "Root=secret",
            "Root=1-67891233-abcdef01234567891234567",
            "root=1-67891233-abcdef012345678912345678",
        ] {
            assert_eq!(logged(&[none]), None, "{none}");
        }
        assert_eq!(logged(&[root, root]), None, "whose it is is anybody's guess");
        assert_eq!(logged(&[]), None);
    }
}
