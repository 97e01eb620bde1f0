//! After a run of requests of every kind, at every level: no stretch of 20 bytes of any token, cookie, key or claim is in
//! anything the process wrote, in whatever spelling (attack class 6.32).

use std::collections::HashMap;

use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use cognito_auth_proxy::dev::{Issuer, Parties, Tokens, User};
use p256::pkcs8::{EncodePrivateKey, LineEnding};

use crate::support::{
    answers::{HANDSHAKE, with},
    client::{Wire, request},
    draft::Draft,
    h2::H2,
    process::Serving,
    proxy::Setup,
    upstream::{Seen, Upstream},
};

/// How long a stretch is that betrays.
const STRETCH: usize = 20;

/// What requests carry beside tokens, each unlike anything else.
const CARRIED: [(&str, &str); 7] = [
    ("Cookie", "AWSELBAuthSessionCookie-0=QmFsYW5jZXJTZXNzaW9uU2VjcmV0MDE; mine=QXBwbGljYXRpb25Db29raWUwMg"),
    ("Authorization", "Bearer QXV0aG9yaXphdGlvblNlY3JldDAz"),
    ("X-Auth-User", "Rm9yZ2VkQXNzZXJ0aW9uU2VjcmV0MDQ"),
    ("X_Amzn_Oidc_Data", "QWxpYXNPZkNyZWRlbnRpYWwwNWFhYWE"),
    ("Proxy-Authorization", "Basic UHJveHlBdXRob3JpemF0aW9uMDY"),
    ("X-Api-Key", "QXBpS2V5T2ZTb21lYm9keTA3YWFhYWE"),
    ("Sec-WebSocket-Protocol", "U3VicHJvdG9jb2xUb2tlbjA4YWFhYWE"),
];

const QUERY: &str = "access_token=UXVlcnlUb2tlbk9mU29tZWJvZHkwOWFh";
const BODY: &str = "password=Qm9keVBhc3N3b3JkT2ZTb21lYm9keTEw";
const ANSWER: &str = "QW5zd2VyU2VjcmV0T2ZUaGVBcHAxMWFhYWE";

/// A user whose every claim is unlike anything else. The subject is logged; it is a name in every log.
fn user(subject: &str) -> User {
    User {
        email: format!("unmistakable-address-of-{subject}@example.com"),
        username: format!("unmistakable-username-of-{subject}"),
        name: Some(format!("Unmistakable Fullname Of {subject}")),
        given_name: Some(format!("Unmistakable-Givenname-{subject}")),
        family_name: Some(format!("Unmistakable-Familyname-{subject}")),
        ..User::new(subject, "")
    }
}

/// What must not be told, by its name.
#[derive(Default)]
struct Secrets(Vec<(String, Vec<u8>)>);

impl Secrets {
    fn add(&mut self, name: impl Into<String>, secret: impl AsRef<[u8]>) {
        self.0.push((name.into(), secret.as_ref().to_vec()));
    }

    fn add_tokens(&mut self, name: &str, tokens: &Tokens) {
        for (which, token) in [("data", &tokens.data), ("access token", &tokens.access_token)] {
            self.add(format!("{name}: {which}"), token);
            // The payload's claims are told apart below; the header's name the key and the parties, which are no secret.
            if let Ok(signature) =
                BASE64_URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap().trim_end_matches('='))
            {
                self.add(format!("{name}: decoded signature of the {which}"), signature);
            }
        }
    }

    fn add_user(&mut self, user: &User) {
        let names = [&user.name, &user.given_name, &user.family_name].into_iter().flatten();
        for claim in names.chain([&user.email, &user.username]) {
            self.add(format!("a claim of {}", user.sub), claim);
        }
    }

    /// Every stretch of every secret in every spelling, and whose it is.
    fn stretches(&self) -> HashMap<Vec<u8>, &str> {
        let mut all = HashMap::new();
        for (name, secret) in &self.0 {
            for spelt in spellings(secret) {
                for stretch in spelt.windows(STRETCH) {
                    all.insert(stretch.to_vec(), name.as_str());
                }
            }
        }
        all
    }

    fn assert_unsaid(&self, output: &[u8], when: &str) {
        let stretches = self.stretches();
        for (place, stretch) in output.windows(STRETCH).enumerate() {
            if let Some(name) = stretches.get(stretch) {
                let around =
                    String::from_utf8_lossy(&output[place.saturating_sub(200)..(place + 60).min(output.len())]);
                panic!("{name} is in the output {when}: {around}");
            }
        }
    }
}

/// As it is, as bytes are printed, in hexadecimal, escaped for a URL, and in base64 wherever it begins.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let listed = |write: fn(&u8) -> String| secret.iter().map(write).collect::<Vec<_>>();
    let escaped =
        |byte: &u8| if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    let mut all = vec![
        secret.to_vec(),
        listed(u8::to_string).join(", ").into_bytes(),
        listed(|byte| format!("{byte:x}")).join(", ").into_bytes(),
        listed(|byte| format!("{byte:02x}")).concat().into_bytes(),
        listed(|byte| format!("{byte:02X}")).concat().into_bytes(),
        listed(escaped).concat().into_bytes(),
        secret.escape_ascii().to_string().into_bytes(),
    ];
    for shift in 0..3 {
        let shifted = secret.get(shift..).unwrap_or_default();
        all.extend([
            BASE64_STANDARD_NO_PAD.encode(shifted).into_bytes(),
            BASE64_URL_SAFE_NO_PAD.encode(shifted).into_bytes(),
        ]);
    }
    all
}

#[test]
fn a_secret_is_found_in_each_of_its_spellings() {
    let mut secrets = Secrets::default();
    secrets.add("it", "an-unmistakable-secret/of+somebody");
    for spelt in spellings(b"an-unmistakable-secret/of+somebody") {
        let said = [b"level=TRACE said: ".as_slice(), &spelt, b" and on"].concat();
        assert!(std::panic::catch_unwind(|| secrets.assert_unsaid(&said, "")).is_err());
    }
    secrets.assert_unsaid(b"level=TRACE an-unmistakable secret", "");
}

/// Tokens that are good, and bad in every way that has a code, by what they are.
fn tokens_of_all_kinds(issuer: &Issuer, secrets: &mut Secrets) -> [(&'static str, Tokens); 9] {
    let [ann, eve] = [user("ann-subject").in_groups(&["staff"]), user("eve-subject")];
    secrets.add_user(&ann);
    secrets.add_user(&eve);
    let other = Parties { signer: issuer.parties().signer.replace("example", "other"), ..Parties::default() };
    let neighbour = Issuer::generate(other).unwrap();
    let stranger = Issuer::generate(Parties::default()).unwrap();
    let mut bent = issuer.tokens(&ann);
    bent.data.replace_range(bent.data.len() - 8.., "AAAAAAAA");
    let mut malformed = issuer.tokens(&ann);
    malformed.data = malformed.data.replacen('.', "..", 1);
    let mut crossed = issuer.tokens(&ann);
    crossed.access_token = issuer.tokens(&eve).access_token;
    let all = [
        ("good", issuer.tokens(&ann)),
        ("not allowed", issuer.tokens(&eve)),
        ("expired", issuer.tokens_at(&ann, 1_500_000_000)),
        ("of another load balancer", neighbour.tokens(&ann)),
        ("under an unknown key", stranger.tokens(&ann)),
        ("bent", bent),
        ("malformed", malformed),
        ("crossed", crossed),
        ("odd", Draft::of(issuer, &ann).but(|draft| draft.header["exp"] = "soon".into()).signed(issuer)),
    ];
    for (name, tokens) in &all {
        secrets.add_tokens(name, tokens);
    }
    all
}

const LINES: [&str; 8] = [
    "GET /p",
    "POST /p",
    "DELETE /open",
    "GET /.auth/me",
    "GET /.auth/logout",
    "GET /.auth/nothing",
    "OPTIONS /p",
    "GET //p",
];

const MANNERS: [(&str, &str); 4] = [
    ("Accept", "application/json"),
    ("Accept", "text/html"),
    ("Origin", "https://evil.example"),
    ("Connection", "x-amzn-oidc-data, cookie"),
];

/// Heads up to the fields all have; `{q}` is the query.
const BROKEN: [&str; 5] = [
    "GET /p?{q} HTTP/9\r\n",
    "GET /p?{q} HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
    "GET /p?{q} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n",
    "GET http://x/?{q} HTTP/1.1\r\nHost: app.example\r\n",
    "GET /p?{q} HTTP/1.1\r\nX: \0\r\n",
];

/// Requests of every kind with these fields. How many they were.
async fn converse(serving: &Serving, fields: &[(&str, &str)]) -> usize {
    let length = BODY.len().to_string();
    for line in LINES {
        for manner in MANNERS {
            let more = with(fields, &[manner, ("Content-Length", &length)]);
            let mut wire = Wire::connect(serving.address).await;
            wire.send(request(&format!("{line}?{QUERY}"), &more) + BODY).await;
            wire.answer().await;
        }
    }
    let own: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    for broken in BROKEN {
        let mut wire = Wire::connect(serving.address).await;
        wire.send(broken.replace("{q}", QUERY) + &own + "\r\n").await;
        wire.answer().await;
    }
    let line = format!("GET /p?{QUERY}");
    serving.send(&line, &with(fields, &[fields[0]])).await;
    serving.send(&line, &with(fields, &HANDSHAKE)).await;
    serving.send(&line, &with(fields, &[("X-Long", &"x".repeat(17_000))])).await;
    let mut h2 = H2::connect(serving.address).await;
    let lower: Vec<(String, &str)> = fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value)).collect();
    let lower: Vec<(&str, &str)> = lower.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    for line in &LINES[..4] {
        h2.send(&format!("{line}?{QUERY}"), &lower).await;
    }
    LINES.len() * MANNERS.len() + BROKEN.len() + 3 + 4
}

/// A cookie of its own, and what the request carried.
fn answer(seen: &Seen) -> Vec<u8> {
    let repeated: String = ["cookie", "authorization", "x-auth-user", "x-api-key"]
        .into_iter()
        .filter_map(|name| seen.field(name).map(|value| format!("{name}: {value}\r\n")))
        .collect();
    format!(
        "HTTP/1.1 200 OK\r\nset-cookie: mine={ANSWER}\r\n{repeated}content-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stretch_of_a_secret_is_in_the_output_of_the_whole_process_at_any_level() {
    let key = p256::SecretKey::from_slice(&std::array::from_fn::<u8, 32, _>(|place| 5 * place as u8 + 17)).unwrap();
    let pem = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    let shared = "U2hhcmVkU2lnbmluZ0tleU9mVGhlUHJveHkxMg";
    for (algorithm, signing_key, level) in
        [("HS256", shared, "trace"), ("ES256", pem.as_str(), "trace"), ("ES256", pem.as_str(), "info")]
    {
        let upstream = Upstream::answering(answer).await;
        let serving = Setup::new(&upstream)
            .await
            .set("COGNITO_AUTH_LOG_LEVEL", level)
            .set("COGNITO_AUTH_PUBLIC_PATHS", "/open")
            .set("COGNITO_AUTH_REDIRECT_URL", "https://login.example/401")
            .set("COGNITO_AUTH_ASSERTION_ALGORITHM", algorithm)
            .set("COGNITO_AUTH_SIGNING_KEY", signing_key)
            .start_process()
            .await;
        let mut secrets = Secrets::default();
        let mut asked = 0;
        for (_, tokens) in tokens_of_all_kinds(&serving.issuer, &mut secrets) {
            asked += converse(&serving, &with(&tokens.fields(), &CARRIED)).await;
        }
        assert_eq!(asked, 396, "requests");
        let seen = upstream.unasked();
        assert!(seen.len() > 30, "{}", seen.len());
        for assertion in seen.iter().filter_map(|seen| seen.field("x-auth-user")) {
            secrets.add("an assertion", assertion);
        }
        CARRIED.iter().for_each(|(name, value)| secrets.add(*name, value.rsplit(['=', ' ']).next().unwrap()));
        for (name, secret) in [("query", QUERY), ("body", BODY), ("answer", ANSWER), ("signing key", signing_key)] {
            secrets.add(name, secret);
        }
        secrets.add("signing key", key.to_bytes());
        let ended = serving.terminated().await;
        let output = ended.stdout + &ended.stderr;
        let when = format!("at {level} with {algorithm}");
        for code in [
            "bad_signature",
            "token_expired",
            "not_allowed",
            "malformed_token",
            "unknown_key",
            "wrong_signer",
            "subject_mismatch",
            "bad_request",
            "cross_site",
            "too_large",
            "\"allow\"",
            "\"public\"",
        ] {
            assert!(output.contains(code), "{code} was logged {when}");
        }
        secrets.assert_unsaid(output.as_bytes(), &when);
    }
}
