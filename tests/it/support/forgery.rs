//! What a client forges, and that nothing of it was seen.

use super::upstream::Seen;

/// Names whose exact form means something; any other spelling does not.
pub(crate) const CREDENTIALS: [&str; 3] = ["x-amzn-oidc-data", "x-amzn-oidc-accesstoken", "x-amzn-oidc-identity"];

/// A value that must not be found anywhere.
pub(crate) const FORGED: &str = "forged@evil.example";

pub(crate) fn other_spellings(name: &str) -> [String; 4] {
    let mut odd = name.to_ascii_uppercase();
    odd = odd.replacen('-', "_", 1).replacen('-', ".", 1);
    [name.replace('-', "_"), name.replace('-', "."), odd, name.replace('-', "~")]
}

pub(crate) fn assert_nothing_forged(seen: &Seen, when: &str) {
    let left: Vec<_> = seen.fields.iter().filter(|(_, value)| value.contains("evil")).collect();
    assert!(left.is_empty(), "{when}: {left:?}");
}
