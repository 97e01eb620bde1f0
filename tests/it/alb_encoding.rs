//! The form of the load balancer's token: base64 with its padding, three segments, JSON that says everything once.

use serde_json::{Value, json};

use crate::support::{
    door::{Door, refuses_data, with_data},
    draft::{alb_of_bytes, texts},
};

#[tokio::test(flavor = "multi_thread")]
async fn padding_of_every_length_is_accepted_on_header_and_payload() {
    let door = Door::new().await;
    let mut seen = std::collections::BTreeSet::new();
    for header_length in 0..3 {
        for payload_length in 0..3 {
            let draft = door.draft().but(|draft| {
                draft.header["filler"] = json!("h".repeat(header_length));
                draft.payload["name"] = json!("n".repeat(5 + payload_length));
            });
            let tokens = door.sign(&draft);
            let padding: Vec<usize> = tokens.data.split('.').map(|segment| segment.matches('=').count()).collect();
            let app = door.admits(&format!("padded {padding:?}"), &tokens.fields()).await;
            assert_eq!(app.claims()["name"], "n".repeat(5 + payload_length));
            seen.insert((padding[0], padding[1]));
        }
    }
    assert_eq!(seen.len(), 9, "every combination was tried: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_padding_was_stripped_is_not_what_was_signed() {
    let door = Door::new().await;
    for segment in 0..2 {
        let mut draft = door.draft();
        let token = loop {
            let token = door.sign(&draft).data;
            if token.split('.').nth(segment).unwrap().ends_with('=') {
                break token;
            }
            let part = if segment == 0 { &mut draft.header } else { &mut draft.payload };
            part["filler"] = json!(format!("{}x", part["filler"].as_str().unwrap_or_default()));
        };
        let mut segments: Vec<&str> = token.split('.').collect();
        segments[segment] = segments[segment].trim_end_matches('=');
        refuses_data(&door, &format!("segment {segment}"), &segments.join("."), "bad_signature").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_base64_alphabet_is_refused_even_where_it_was_signed() {
    let door = Door::new().await;
    let draft = door.draft().but(|draft| {
        draft.header["filler"] = json!("~~~???");
        draft.payload["name"] = json!("~~~???");
    });
    let standard = |text: &str| text.replace('-', "+").replace('_', "/");
    let data = door.sign(&draft).data;
    let segments: Vec<&str> = data.split('.').collect();
    for index in 0..2 {
        let mut bent: Vec<String> = segments.iter().map(|segment| (*segment).to_owned()).collect();
        bent[index] = standard(segments[index]);
        assert_ne!(bent[index], segments[index]);
        let signature = door.proxy.issuer.alb_signature(bent[..2].join(".").as_bytes());
        bent[2] = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE, signature);
        refuses_data(&door, &format!("segment {index}"), &bent.join("."), "malformed_token").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_may_stand_around_or_beyond_three_segments() {
    let door = Door::new().await;
    let tokens = door.sign(&door.draft());
    let data = &tokens.data;
    let unpadded = data.trim_end_matches('=');
    for (bent, code) in [
        (format!("{data}AAAA"), "malformed_token"),
        (format!("{data}."), "malformed_token"),
        (format!("{data}.AAAA"), "malformed_token"),
        (format!("{data},{data}"), "malformed_token"),
        (format!("{data}=="), "malformed_token"),
        (format!("\"{data}\""), "malformed_token"),
        (format!("Bearer {data}"), "malformed_token"),
        (data.replacen('.', "%2e", 1), "malformed_token"),
        (data.rsplit_once('.').unwrap().0.to_owned(), "malformed_token"),
        (format!("{}.", data.rsplit_once('.').unwrap().0), "malformed_token"),
        (String::new(), "malformed_token"),
        (format!("{}AAAAAA", &unpadded[..unpadded.len() - 2]), "bad_signature"),
    ] {
        door.refuses(&bent, &with_data(&tokens, &bent), (401, code)).await;
    }
    door.admits("untouched", &tokens.fields()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn header_and_payload_are_one_json_object_of_utf_8_without_doubled_members() {
    let door = Door::new().await;
    let issuer = &door.proxy.issuer;
    let (header, payload) = texts(&door.draft());
    let doubled = |text: &str, member: &str| {
        let value = serde_json::from_str::<Value>(text).unwrap()[member].to_string();
        format!(r#"{{"{member}":{value},{}"#, &text[1..])
    };
    let mut bent: Vec<(String, Vec<u8>, Vec<u8>)> = Vec::new();
    for member in ["alg", "kid", "signer", "client", "iss", "exp"] {
        bent.push((format!("header {member} twice"), doubled(&header, member).into(), payload.clone().into()));
    }
    for member in ["sub", "exp", "iss", "email", "email_verified", "username"] {
        bent.push((format!("payload {member} twice"), header.clone().into(), doubled(&payload, member).into()));
    }
    let broken = |text: &str| {
        text.replacen("example", "ex\u{1}mple", 1)
            .into_bytes()
            .into_iter()
            .map(|b| if b == 1 { 0xff } else { b })
            .collect::<Vec<u8>>()
    };
    bent.push(("header not UTF-8".to_owned(), broken(&header), payload.clone().into()));
    bent.push(("payload not UTF-8".to_owned(), header.clone().into(), broken(&payload)));
    let deep = |key: &str| format!(r#"{{"{key}":{}1{},{}"#, "[".repeat(4000), "]".repeat(4000), &payload[1..]);
    for key in ["name", "email_verified", "exp"] {
        bent.push((format!("{key} nested deep"), header.clone().into(), deep(key).into()));
    }
    for text in ["null", "[]", "\"x\"", "{", "{}{}", "1"] {
        bent.push((format!("header {text}"), text.into(), payload.clone().into()));
        bent.push((format!("payload {text}"), header.clone().into(), text.into()));
    }
    bent.push(("bytes after the payload".to_owned(), header.clone().into(), format!("{payload}\0").into()));
    bent.push(("a byte order mark".to_owned(), header.clone().into(), format!("\u{feff}{payload}").into()));
    for (what, header, payload) in bent {
        refuses_data(&door, &what, &alb_of_bytes(issuer, &header, &payload), "malformed_token").await;
    }
    let tokens = door.sign(&door.draft());
    // What no check reads may be of any depth: it is passed over without recursion.
    let skipped = alb_of_bytes(issuer, header.as_bytes(), deep("unread").as_bytes());
    door.admits("nested deep where nobody reads", &with_data(&tokens, &skipped)).await;
    door.admits("unbent", &with_data(&tokens, &alb_of_bytes(issuer, header.as_bytes(), payload.as_bytes()))).await;
}
