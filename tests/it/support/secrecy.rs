//! What may be in no output of any run: tokens, private keys, in the spellings in which they slip out.

/// Panics where `output` holds a token or a private key, whoever they belong to.
pub(crate) fn assert_tells_nothing(what: &str, output: &str) {
    if let Some(found) = tells(output) {
        panic!("{what} tells a secret: {found}…");
    }
}

/// The beginning of a token or key in `text`. Every header and payload of a JSON token begins with `{"`, in base64 `eyJ`.
pub(crate) fn tells(text: &str) -> Option<&str> {
    let token = text.match_indices("eyJ").find(|(place, _)| {
        let run = text[*place..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        run.count() >= 20
    });
    // The same as `{:?}` of bytes, in decimal and hexadecimal.
    let spelt = ["101, 121, 74, ", "65, 79, 4a, ", "65794a", "PRIVATE KEY-----"]
        .iter()
        .find_map(|spelling| text.find(spelling));
    token.map(|(place, _)| place).or(spelt).map(|place| text[place..].get(..14).unwrap_or("at its end"))
}

#[test]
fn a_token_is_seen_in_each_of_its_spellings() {
    for told in [
        "token eyJhbGciOiJFUzI1NiIsImtpZCI6 and on",
        "value: [101, 121, 74, 104]",
        "-----BEGIN EC PRIVATE KEY-----",
        "b\"65794a68\"",
    ] {
        assert!(tells(told).is_some(), "{told}");
    }
    for harmless in ["", "keyJoined", "eyJ", "they said eyJhbG."] {
        assert_eq!(tells(harmless), None);
    }
}
