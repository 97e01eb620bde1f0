//! What holds of every token text, whatever a stranger writes into it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "an oracle speaks by panicking"
)]

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    AlbVerifier, Clock, CognitoVerifier, TokenError,
    claims::{self, AccessPayload, AlbClaims},
    cognito,
    jws::{Jws, JwsError, Padding},
};
use crate::{
    authenticator::Profile,
    authoriser::Standing,
    config::{AlbArn, Authorities, ClientId, GroupsSource, KeysUrl, Verification},
    keys::{AlbKeys, Fetching},
    upstream::assertion::Asserter,
};

const NOW: u64 = 1_800_000_000;
const LEEWAY: u64 = 5;
const MOST_SECONDS: u64 = 1 << 53;
const SIGNER: &str = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/front/50dc6c495c0c9188";
const CLIENT: &str = "client";
const ISSUER: &str = "https://idp.example";
const GROUPS: &str = "cognito:groups";

/// A token is three segments that say one thing only, and nothing around them.
pub fn jws(text: &[u8]) {
    for padding in [Padding::Refused, Padding::Accepted] {
        match (Jws::parse(text, padding), naive_parts(text, padding)) {
            (Ok(jws), Some(parts)) => {
                assert_eq!([&jws.header, &jws.payload, &jws.signature], parts.each_ref());
                let dot = text.iter().rposition(|byte| *byte == b'.').unwrap();
                assert_eq!(jws.signing_input, &text[..dot], "what was signed is what came");
            }
            (Err(JwsError::Segments | JwsError::Encoding), None) => {}
            (ours, naive) => panic!("taken: {}, should be: {}, {padding:?}", ours.is_ok(), naive.is_some()),
        }
    }
}

/// The three parts by the letter of RFC 7515 §7.1 and RFC 4648 §5, bit by bit.
fn naive_parts(text: &[u8], padding: Padding) -> Option<[Vec<u8>; 3]> {
    let segments: Vec<&str> = std::str::from_utf8(text).ok()?.split('.').collect();
    let parts: Option<Vec<Vec<u8>>> = segments.into_iter().map(|segment| naive_base64url(segment, padding)).collect();
    parts?.try_into().ok()
}

fn naive_base64url(segment: &str, padding: Padding) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bare = match padding {
        Padding::Accepted if segment.len().is_multiple_of(4) => {
            segment.strip_suffix("==").or_else(|| segment.strip_suffix('=')).unwrap_or(segment)
        }
        Padding::Accepted | Padding::Refused => segment,
    };
    let mut bits = String::new();
    for character in bare.chars() {
        bits.push_str(&format!("{:06b}", ALPHABET.find(character)?));
    }
    let (whole, rest) = bits.split_at(bits.len() / 8 * 8);
    let one_spelling = !bare.is_empty() && rest.len() < 6 && !rest.contains('1');
    let bytes =
        whole.as_bytes().chunks(8).map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
    one_spelling.then(|| bytes.collect())
}

/// Claims that are taken say what the JSON says, once, in time, of our parties; and the application is told the same.
///
/// The first line is a header, the rest a payload. Whoever signed it, it must not matter: no signature is checked here.
pub fn claims(text: &[u8]) {
    let (header, payload) = text.split_at(text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len()));
    let payload = payload.strip_prefix(b"\n").unwrap_or_default();
    let token = [header, payload, b"signature"].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
    let Ok(jws) = Jws::parse(token.as_bytes(), Padding::Refused) else {
        assert!(header.is_empty() || payload.is_empty());
        return;
    };
    assert_eq!((jws.header.as_slice(), jws.payload.as_slice()), (header, payload));
    if let Ok((id, taken)) = ALB.check(&jws, NOW) {
        let header = Members::of(header);
        assert_eq!((header.text("alg").as_deref(), header.raw("crit")), (Some("ES256"), None));
        assert_eq!(header.text("kid").as_deref(), Some(id.as_str()));
        assert_eq!(header.text("signer").as_deref(), Some(SIGNER));
        assert_eq!(header.text("client").as_deref(), Some(CLIENT));
        assert_eq!(header.text("iss").as_deref(), Some(ISSUER));
        check_alb(&taken, &Members::of(payload), header.seconds("exp"));
    }
    if let Ok((payload_taken, groups)) = taken_access(&jws) {
        let (header, payload) = (Members::of(header), Members::of(payload));
        assert_eq!((header.text("alg").as_deref(), header.raw("crit")), (Some("RS256"), None));
        assert!((1..=128).contains(&header.text("kid").unwrap().len()));
        assert_eq!(payload.text("sub"), Some(payload_taken.sub.0));
        assert_ne!(payload.text("sub").as_deref(), Some(""));
        assert_eq!(payload.text("token_use").as_deref(), Some("access"));
        assert_eq!(payload.text("client_id").as_deref(), Some(CLIENT));
        assert_eq!(payload.text("iss").as_deref(), Some(ISSUER));
        assert_eq!(payload.text("username"), payload_taken.username);
        assert_eq!(payload.groups(), groups);
        let expires_at = payload_taken.exp.seconds();
        assert!(expires_at <= MOST_SECONDS && expires_at + LEEWAY > NOW);
        assert!(payload.seconds("exp").abs_diff(expires_at) <= 1);
    }
}

fn check_alb(taken: &AlbClaims, payload: &Members<'_>, header_expires: u64) {
    assert_eq!((payload.text("sub").as_ref(), payload.text("iss").as_deref()), (Some(&taken.subject), Some(ISSUER)));
    assert!(!taken.subject.is_empty() && taken.client == CLIENT);
    let expected = header_expires.min(payload.seconds("exp"));
    assert!(expected.abs_diff(taken.expires_at) <= 1, "a fraction may be rounded, nothing more");
    assert!(taken.expires_at + LEEWAY > NOW);
    assert!(header_expires.max(payload.seconds("exp")) <= MOST_SECONDS, "no number beyond what JSON holds exactly");
    for (name, value) in [
        ("email", &taken.email),
        ("username", &taken.username),
        ("name", &taken.name),
        ("given_name", &taken.given_name),
        ("family_name", &taken.family_name),
    ] {
        assert_eq!(payload.text(name), *value, "{name}");
    }
    let verified = payload.raw("email_verified").filter(|raw| *raw != "null");
    let yes = verified
        .is_some_and(|raw| raw == "true" || serde_json::from_str::<String>(raw).is_ok_and(|text| text == "true"));
    assert_eq!(taken.email_verified, verified.map(|_| yes));
    assert_eq!(taken.groups, payload.groups());
    application_is_told(taken);
}

/// The application reads the same text, whatever is in it, and no byte of it could end a line on the way.
fn application_is_told(taken: &AlbClaims) {
    let profile = Profile {
        subject: taken.subject.clone(),
        client: taken.client.clone(),
        email: taken.email.clone(),
        email_address: None,
        email_verified: taken.email_verified,
        username: taken.username.clone(),
        name: taken.name.clone(),
        given_name: taken.given_name.clone(),
        family_name: taken.family_name.clone(),
        groups: taken.groups.clone(),
        expires_at: taken.expires_at,
        session_expires_at: taken.expires_at,
    };
    let json = Asserter::person(&profile, Standing::Member).unwrap();
    assert!(json.iter().all(|byte| *byte >= b' '), "a control character is escaped");
    let told: Value = serde_json::from_slice(&json).unwrap();
    let text = |name: &str| told.get(name).map(|value| value.as_str().unwrap().to_owned());
    assert_eq!(text("sub").as_ref(), Some(&taken.subject));
    assert_eq!(
        (text("email"), text("username"), text("name")),
        (taken.email.clone(), taken.username.clone(), taken.name.clone())
    );
    assert_eq!((text("given_name"), text("family_name")), (taken.given_name.clone(), taken.family_name.clone()));
    assert_eq!(told.get("email_verified").map(|value| value.as_bool().unwrap()), taken.email_verified);
    assert_eq!((&told["groups"], &told["is_admin"]), (&Value::from(taken.groups.clone()), &Value::Bool(false)));
}

/// Every check of an access token but the signature.
fn taken_access(jws: &Jws<'_>) -> Result<(AccessPayload, Vec<String>), TokenError> {
    cognito::check_header(&jws.header)?;
    let payload: AccessPayload = claims::payload(&jws.payload)?;
    let groups = claims::groups(&jws.payload, GROUPS)?;
    ACCESS.check_parties(&payload, CLIENT)?;
    Clock { leeway: LEEWAY, now: NOW }.check(payload.exp)?;
    Ok((payload, groups))
}

static ALB: LazyLock<AlbVerifier> = LazyLock::new(|| {
    let expected = verification();
    let keys = AlbKeys::new(&expected.alb_keys, &expected.authorities, Fetching::default()).unwrap();
    AlbVerifier::new(&expected, Arc::new(keys))
});

static ACCESS: LazyLock<CognitoVerifier> =
    LazyLock::new(|| CognitoVerifier::new(&verification(), Vec::new(), GROUPS.to_owned()));

fn verification() -> Verification {
    Verification {
        signers: vec![AlbArn::parse(SIGNER).unwrap()],
        client_ids: vec![ClientId::parse(CLIENT).unwrap()],
        issuers: vec![ISSUER.to_owned()],
        alb_keys: KeysUrl::parse("http://127.0.0.1:9/").unwrap(),
        authorities: Authorities::default(),
        groups: GroupsSource::Userinfo { claim: GROUPS.to_owned() },
        leeway: Duration::from_secs(LEEWAY),
    }
}

/// The members of JSON that was taken, found by counting brackets and quotes.
struct Members<'a>(Vec<(String, &'a str)>);

impl<'a> Members<'a> {
    fn of(json: &'a [u8]) -> Self {
        let json = std::str::from_utf8(json).expect("what is not UTF-8 is not taken").trim();
        let inner = json.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect("only an object is taken");
        let members = split_outside(inner, ',').into_iter().filter(|member| !member.trim().is_empty());
        Self(
            members
                .map(|member| {
                    let (name, value) = member.split_at(split_outside(member, ':')[0].len());
                    (serde_json::from_str(name).unwrap(), value[1..].trim())
                })
                .collect(),
        )
    }

    /// The value of a member we know, which stands there once at most.
    fn raw(&self, name: &str) -> Option<&'a str> {
        let mut found = self.0.iter().filter(|(found, _)| found == name);
        let value = found.next().map(|(_, value)| *value);
        assert!(found.next().is_none(), "{name} stands twice and was taken");
        value
    }

    fn text(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(|raw| serde_json::from_str::<Option<String>>(raw).unwrap())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a naive reading of what was taken")]
    fn seconds(&self, name: &str) -> u64 {
        let raw = self.raw(name).expect("a token without an end is not taken");
        raw.parse().unwrap_or_else(|_| raw.parse::<f64>().unwrap() as u64)
    }

    fn groups(&self) -> Vec<String> {
        let names: Vec<String> = match self.raw(GROUPS).map(|raw| serde_json::from_str(raw).unwrap()) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => text.replace(',', " ").split(' ').map(str::to_owned).collect(),
            Some(list) => serde_json::from_value(list).unwrap(),
        };
        let mut seen = HashSet::new();
        names.into_iter().filter(|name| !name.is_empty() && seen.insert(name.clone())).collect()
    }
}

/// The pieces between separators that stand in no string and no brackets.
fn split_outside(json: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (index, character) in json.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ if character == separator && depth == 0 => {
                pieces.push(&json[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    pieces.push(&json[start..]);
    pieces
}
