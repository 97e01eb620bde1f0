//! Tokens signed by the right keys, so that nothing but the reading of what they say can refuse them: doubled members,
//! odd numbers, odd text, depth and length, in all four parts (attack classes 6.10, 6.14, 6.15, 6.18, 6.29).

use cognito_auth_proxy::dev::Tokens;
use serde_json::{Value, json};

use crate::support::{
    door::Door,
    draft::{access_of_bytes, alb_of_bytes, now},
};

/// The parts of both tokens.
const PARTS: [Part; 4] = [Part::Header, Part::Payload, Part::AccessHeader, Part::AccessPayload];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Payload,
    AccessHeader,
    AccessPayload,
}

impl Part {
    /// The members somebody reads.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Header => &["alg", "kid", "signer", "client", "iss", "exp"],
            Self::Payload => {
                &["sub", "exp", "iss", "email", "email_verified", "username", "name", "given_name", "family_name"]
            }
            Self::AccessHeader => &["alg", "kid"],
            Self::AccessPayload => &["sub", "exp", "iss", "token_use", "client_id", "username", "cognito:groups"],
        }
    }
}

/// Bytes of the four parts.
#[derive(Clone)]
struct Bytes([Vec<u8>; 4]);

impl Bytes {
    fn of(door: &Door) -> Self {
        let draft = door.draft().but(|draft| {
            for name in ["name", "given_name", "family_name"] {
                draft.payload[name] = json!("Ann");
            }
        });
        let parts = [draft.header, draft.payload, draft.access_header, draft.access_payload];
        Self(parts.map(|part| part.to_string().into_bytes()))
    }

    fn text(&self, part: Part) -> String {
        String::from_utf8(self.0[part as usize].clone()).unwrap()
    }

    fn member(&self, part: Part, member: &str) -> Value {
        serde_json::from_str::<Value>(&self.text(part)).unwrap()[member].clone()
    }

    fn with(&self, part: Part, bytes: impl Into<Vec<u8>>) -> Self {
        let mut bent = self.clone();
        bent.0[part as usize] = bytes.into();
        bent
    }

    /// With the value of a member written as this text.
    fn with_member(&self, part: Part, member: &str, written: &str) -> Self {
        let mut value: Value = serde_json::from_str(&self.text(part)).unwrap();
        value[member] = json!("@@@");
        self.with(part, value.to_string().replace("\"@@@\"", written))
    }

    /// With more written in front of the members, or behind them.
    fn with_more(&self, part: Part, front: &str, back: &str) -> Self {
        let text = self.text(part);
        self.with(part, format!("{{{front}{}{back}}}", &text[1..text.len() - 1]))
    }

    /// Signed with the right keys. The subject is not said in plain text: it may hold what a field cannot.
    fn signed(&self, door: &Door) -> Tokens {
        let (issuer, [header, payload, access_header, access_payload]) = (&door.proxy.issuer, &self.0);
        Tokens {
            data: alb_of_bytes(issuer, header, payload),
            access_token: access_of_bytes(issuer, access_header, access_payload),
            identity: String::new(),
        }
    }
}

async fn refuses(door: &Door, what: &str, bytes: &Bytes, code: &str) {
    let tokens = bytes.signed(door);
    door.refuses(what, &tokens.fields()[..2], (if code == "too_large" { 431 } else { 401 }, code)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stands_twice_is_refused_in_every_part() {
    let door = Door::new().await;
    let good = Bytes::of(&door);
    door.admits("once", &good.signed(&door).fields()[..2]).await;
    let mut cases = 0;
    for part in PARTS {
        for member in part.members() {
            let same = good.member(part, member).to_string();
            // Its last letter written as an escape: another spelling of the same name.
            let (start, last) = member.split_at(member.len() - 1);
            let escaped = format!("{start}\\u{:04x}", last.as_bytes()[0]);
            for name in [(*member).to_owned(), escaped] {
                for value in [same.as_str(), "\"forged\"", "null", "[\"admins\"]", "9007199254740992"] {
                    let more = format!("\"{name}\":{value}");
                    for bent in
                        [good.with_more(part, &format!("{more},"), ""), good.with_more(part, "", &format!(",{more}"))]
                    {
                        refuses(&door, &format!("{part:?} with {more}"), &bent, "malformed_token").await;
                        cases += 1;
                    }
                }
            }
        }
    }
    assert_eq!(cases, 480, "tokens");
}

/// What is no number of seconds since 1970, or no JSON.
const NO_DATES: [&str; 32] = [
    "1e300",
    "1e308",
    "1e309",
    "1e400",
    "1e99999",
    "-1",
    "-1e5",
    "-1e400",
    "-9223372036854775808",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
    "1e19",
    "true",
    "false",
    "null",
    "{}",
    "[]",
    "\"\"",
    "\"never\"",
    "NaN",
    "Infinity",
    "-Infinity",
    "0x7fffffff",
    "01795000000",
    "+1795000000",
    "1795000000.",
    ".5e10",
    "1795000000e",
    "1_795_000_000",
    "1795000000 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_is_a_plain_number_that_is_sane() {
    let door = Door::new().await;
    let good = Bytes::of(&door);
    let later = now() + 60;
    let (text, list) = (format!("\"{later}\""), format!("[{later}]"));
    let parts = [Part::Header, Part::Payload, Part::AccessPayload];
    let mut cases = 0;
    for part in parts {
        for written in NO_DATES.into_iter().chain([text.as_str(), list.as_str()]) {
            let bent = good.with_member(part, "exp", written);
            refuses(&door, &format!("{part:?} {written}"), &bent, "malformed_token").await;
            cases += 1;
        }
        for written in ["0", "-0", "-0.0", "0.5", "1e-400", "1", "1.5e9", "1500000000.999"] {
            let bent = good.with_member(part, "exp", written);
            refuses(&door, &format!("{part:?} {written}"), &bent, "token_expired").await;
            cases += 1;
        }
        // The last one that is exact: nothing overflows, and nobody is remembered for ever.
        for written in ["9007199254740992", "9.007199254740992e15", &format!("{later}.9"), &format!("{later}0e-1")] {
            let bent = good.with_member(part, "exp", written);
            door.admits(&format!("{part:?} {written}"), &bent.signed(&door).fields()[..2]).await;
            cases += 1;
        }
    }
    let all = parts.iter().fold(good, |bytes, part| bytes.with_member(*part, "exp", "9007199254740992"));
    for again in 0..2 {
        door.admits(&format!("{again}"), &all.signed(&door).fields()[..2]).await;
    }
    assert_eq!(cases, 138, "tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_and_length_cost_nothing_and_pass_nothing() {
    const DEEP: usize = 10_000;
    let door = Door::new().await;
    let good = Bytes::of(&door);
    let mut cases = 0;
    for part in PARTS {
        for open in ["[", "{\"a\":", "[[{\"\":"] {
            let endless = open.repeat(DEEP / open.len());
            for member in part.members().iter().chain(&["unread"]) {
                let bent = good.with_more(part, &format!("\"{member}\":{endless},"), "");
                refuses(&door, &format!("{part:?} {member} {open}"), &bent, "malformed_token").await;
                cases += 1;
            }
            let bent = good.with(part, endless);
            refuses(&door, &format!("{part:?} {open}"), &bent, "malformed_token").await;
            cases += 1;
        }
        // Closed again they are longer than a field may be.
        let closed = format!("\"unread\":{}{},", "[".repeat(DEEP), "]".repeat(DEEP));
        refuses(&door, &format!("{part:?} closed"), &good.with_more(part, &closed, ""), "too_large").await;
        cases += 1;
        let long = format!("\"unread\":\"{}\",", "x".repeat(16 * 1024));
        refuses(&door, &format!("{part:?} long"), &good.with_more(part, &long, ""), "too_large").await;
        cases += 1;
    }
    assert_eq!(cases, 104, "tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_json_in_utf_8_is_refused_wherever_it_stands() {
    let door = Door::new().await;
    let good = Bytes::of(&door);
    let mut cases = 0;
    for part in PARTS {
        let text = good.text(part);
        let mut bent: Vec<(String, Vec<u8>)> = Vec::new();
        for bytes in [&[0xff_u8][..], &[0xc0, 0xaf], &[0xed, 0xa0, 0x80], &[0xf5, 0x80, 0x80, 0x80], &[0xe2, 0x82]] {
            for (front, back) in [("\"unread\":\"", "\","), ("\"", "\":1,"), ("", "")] {
                let written = [b"{", front.as_bytes(), bytes, back.as_bytes(), &text.as_bytes()[1..]].concat();
                bent.push((format!("{bytes:x?} in {front}{back}"), written));
            }
        }
        for more in [
            "\"name\":\"\\ud800\"",
            "\"sub\":\"\\udc00\"",
            "\"iss\":\"\\ud83d\\u0041\"",
            "\"kid\":\"\\ud800\\ud800\"",
            "\"alg\":\"\\u12\"",
            "\"a\":\"\\x41\"",
            "\"a\":'b'",
            "a:1",
            "\"a\":1,,\"b\":2",
            "\"a\"",
            "\"a\":",
            "\"a\":\"\n\"",
            "\"a\":\"\0\"",
            "/**/\"a\":1",
            "\"a\":undefined",
        ] {
            // Where the member is read, it stands twice besides; where not, it is not JSON.
            let known = part.members().iter().any(|member| more.starts_with(&format!("\"{member}\"")));
            if known || !more.contains("\\u") {
                bent.push((more.to_owned(), format!("{{{more},{}", &text[1..]).into_bytes()));
            }
        }
        for (front, back) in [
            ("\u{feff}", ""),
            ("", "\0"),
            ("", "}"),
            ("", "{}"),
            ("", ",1"),
            ("[", "]"),
            ("\"", "\""),
            ("x", ""),
            ("", "x"),
        ] {
            bent.push((format!("{front}…{back}"), format!("{front}{text}{back}").into_bytes()));
        }
        for whole in ["", " ", "null", "true", "1", "\"x\"", "[]", "{}", "{", "}", "[[]]", "\0"] {
            bent.push((whole.to_owned(), whole.as_bytes().to_vec()));
        }
        for (what, bytes) in bent {
            refuses(&door, &format!("{part:?} {what:?}"), &good.with(part, bytes), "malformed_token").await;
            cases += 1;
        }
    }
    assert_eq!(cases, 194, "tokens");
}

/// Text that ends a field, a line, a page or a list for somebody.
const ODD: [&str; 20] = [
    "a\r\nX-Auth-User: forged",
    "a\nb",
    "a\rb",
    "a\0b",
    "\0",
    "\u{7f}\u{1b}[2J",
    "\u{1f600}",
    "\u{2028}\u{2029}",
    "\u{202e}nimda",
    "\u{feff}",
    "\u{fffd}",
    "a,b",
    "a|b",
    "a;b=c",
    "a\"b\\",
    "<script>alert(1)</script>",
    "\u{e9}\u{fc}\u{df}",
    "\u{10ffff}",
    "a\u{85}b",
    " a ",
];

#[tokio::test(flavor = "multi_thread")]
async fn odd_text_in_any_claim_stays_in_its_claim() {
    let door = Door::new().await;
    let good = Bytes::of(&door);
    let mut cases = 0;
    for odd in ODD {
        let written = json!(odd).to_string();
        for claim in ["email", "username", "name", "given_name", "family_name"] {
            let bent = good.with_member(Part::Payload, claim, &written);
            let seen = door.admits(&format!("{claim} {odd:?}"), &bent.signed(&door).fields()[..2]).await;
            let told = if claim == "username" { None } else { Some(odd) };
            assert!(told.is_none() || seen.claims()[claim].as_str() == told, "{claim} {odd:?}: {}", seen.claims());
            assert!(!seen.fields.iter().any(|(_, value)| value.contains("forged")), "{claim} {odd:?}");
            cases += 1;
        }
        let user = good.with_member(Part::AccessPayload, "username", &written).with_member(
            Part::Payload,
            "username",
            &written,
        );
        let user = user.with_member(Part::Payload, "sub", &written).with_member(Part::AccessPayload, "sub", &written);
        let groups = json!(["staff", odd]).to_string();
        let user = user.with_member(Part::AccessPayload, "cognito:groups", &groups);
        let claims = door.admits(&format!("sub {odd:?}"), &user.signed(&door).fields()[..2]).await.claims();
        assert_eq!((&claims["sub"], &claims["username"]), (&json!(odd), &json!(odd)));
        assert_eq!(claims["groups"], json!(["staff", odd]));
        // Alone, none of them is the group that is admitted.
        let alone =
            user.with_member(Part::AccessPayload, "cognito:groups", &json!([odd, format!("staff{odd}")]).to_string());
        door.refuses(odd, &alone.signed(&door).fields()[..2], (403, "not_allowed")).await;
        cases += 2;
    }
    assert!(door.upstream.unasked().is_empty(), "each was one request");
    assert_eq!(cases, 140, "tokens");
}
