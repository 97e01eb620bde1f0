//! The oracles on inputs made from what attacks are made of, anew in every test run.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// What stands between segments to some server.
const SEPARATORS: [&str; 10] = ["/", "/", "/", "/", "//", "\\", "%2f", "%5C", "%252f", "%255c"];

/// Segments that servers read differently, and ours.
const SEGMENTS: [&str; 30] = [
    "..",
    "..",
    "..",
    "%2e%2E",
    ".%252e",
    "..;",
    ".",
    "%2e",
    "",
    ";a=b",
    "a;b",
    "a;b%2fc",
    ".auth",
    ".auth",
    ".auth",
    "%2eauth",
    ".aut%68",
    ".auth;x",
    ".auth%3fx",
    ".auth%2523",
    ".auth%00",
    "own",
    "door",
    "own/door",
    "open",
    "logo.png",
    "me",
    "a",
    "%zz",
    "%ff",
];

/// Pieces of text that browsers read differently.
const PATH_PIECES: [&str; 16] =
    ["/", "/", "//", "\\", ".", "..", "%2e", "%2f", "%5c", ";", "?", "#", "@", ":", "evil.example", "\t"];

/// Names of ours with what servers fold together.
const NAMES: [&str; 29] = [
    "x-auth-user",
    "x-my-user",
    "x-amzn-oidc-data",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-identity",
    "x-forwarded-for",
    "x-auth-request-email",
    "remote-user",
    "remote-groups",
    "remote-name",
    "remote-email",
    "forwarded",
    "x-real-ip",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-request-id",
    "x-gradio-server",
    "connection",
    "content-length",
    "transfer-encoding",
    "cookie",
    "host",
    "te",
    "expect",
    "accept",
    "x-auth-users",
    "remote-name-x",
    "x-amzn-oidc",
];

const COOKIE_PIECES: [&str; 16] = [
    "AWSELBAuthSessionCookie",
    "-0",
    "-12",
    "-x",
    "AWSALBAuthNonce",
    "cognito-auth-proxy-relogin",
    "=",
    "==",
    "; ",
    ";",
    " ",
    "a",
    "é",
    "\"",
    "\n",
    ",",
];

/// What both kinds of claim set need, and what may stand in its place.
const NEEDED: [(&str, &[&str]); 5] = [
    ("\"sub\":\"a\"", &["\"sub\":\"\"", "\"sub\":null", "\"s\\u0075b\":\"b\""]),
    (
        "\"exp\":1800000100",
        &["\"exp\":1800000100.5", "\"exp\":1799999995", "\"exp\":1e300", "\"exp\":\"1\"", "\"x\":1"],
    ),
    ("\"iss\":\"https://idp.example\"", &["\"iss\":\"https://idp.example.\"", "\"iss\":null"]),
    ("\"token_use\":\"access\"", &["\"token_use\":\"id\""]),
    ("\"client_id\":\"client\"", &["\"client_id\":\"\"", "\"client_id\":[]"]),
];

/// What else may stand there, some of it a second time.
const MEMBERS: [&str; 24] = [
    "\"sub\":\"\"",
    "\"sub\":null",
    "\"s\\u0075b\":\"b\"",
    "\"exp\":1800000100.5",
    "\"exp\":1799999995",
    "\"exp\":1e300",
    "\"exp\":\"1\"",
    "\"email\":\"a@b\\r\\n\\u0000\\ud83e\\udd80\"",
    "\"email\":[]",
    "\"email_verified\":\"true\"",
    "\"email_verified\":\"yes\"",
    "\"email_verified\":1",
    "\"email_verified\":true",
    "\"email_verified\":null",
    "\"cognito:groups\":[\"a\",\"b\",\"a\",\"\"]",
    "\"cognito:groups\":\"a, b a\"",
    "\"cognito:groups\":null",
    "\"cognito:groups\":[1]",
    "\"name\":\" \u{e9}\u{1f980} \"",
    "\"given_name\":\" a \"",
    "\"x\":[[[[]]]]",
    "\"x\":{\"sub\":\"c\"}",
    "\"x\":\"\\\"}\"",
    "\"username\":null",
];

const POLICY_PIECES: [&str; 26] = [
    "{",
    "}",
    "\"",
    "\"allowed_groups\"",
    "\"allowed_users\"",
    "\"allowed_domains\"",
    "\"require_all\"",
    "\"admin_groups\"",
    "\"_comment\"",
    "\"allowed_group\"",
    ":",
    ": ",
    ",",
    "[",
    "]",
    "[\"a\", \"b\"]",
    "[\"a@corp.com\"]",
    "[\"corp.com\"]",
    "[\"$SECRET\"]",
    "[\" a\"]",
    "[\"\"]",
    "true",
    "null",
    "allowed_groups = ",
    "admin_users = ",
    "\n",
];

const CONFIG_PIECES: [&str; 40] = [
    "[server]\n",
    "[upstream]\n",
    "[alb]\n",
    "[authoriser]\n",
    "[assertion]\n",
    "[dev]\n",
    "[logging]\n",
    "[tls]\n",
    "[tracing]\n",
    "listen",
    "url",
    "preset",
    "allowed_groups",
    "allowed_users",
    "allow_any_authenticated",
    "public_paths",
    "signing_key",
    "algorithm",
    "ttl",
    "mode",
    "trusted_hops",
    "audit",
    "endpoint",
    "\"self-signed\"",
    " = ",
    " = ",
    " = ",
    "\n",
    "\n",
    "\n",
    "true",
    "1",
    "\"$SECRET\"",
    "$SECRET",
    "\"HS256\"",
    "[\"/a\"]",
    "\"1h\"",
    "\0",
    "COGNITO_AUTH_SIGNING_KEY=$SECRET",
    "COGNITO_AUTH_LISTEN=$SECRET",
];

/// Values of the fields of a trace, good and nearly so.
const TRACE_VALUES: [&str; 13] = [
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "00-4Bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
    "Root=1-67891233-abcdef012345678912345678",
    "Self=1-67891234-12456789ABCDEF012345678f;Root=1-67891233-abcdef012345678912345678",
    "Root=1-67891233-abcdef012345678912345678;CalledFrom=x",
    "Parent=53995c3f42cd8ad8;Sampled=1",
    "a=b",
    "",
];

const STATE_PIECES: [&str; 14] =
    ["a=b", "a=b,", "t@v=1 2", ",", ",", "=", " ", "\t", "l", "$LONG", "$LONG$LONG$LONG$LONG", "A", "_", "\u{e9}"];

const PEM_PIECES: [&str; 22] = [
    "-----BEGIN CERTIFICATE-----\n$EC_CERTIFICATE\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\n$EC_CERTIFICATE\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\n$ED_CERTIFICATE\n-----END CERTIFICATE-----\n",
    "-----BEGIN PRIVATE KEY-----\n$EC_KEY\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\n$EC_KEY\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\n$ED_KEY\n-----END PRIVATE KEY-----\n",
    "-----BEGIN EC PRIVATE KEY-----\n$SEC1_KEY\n-----END EC PRIVATE KEY-----\n",
    "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "$EC_CERTIFICATE",
    "$ED_CERTIFICATE",
    "$EC_KEY",
    "-----",
    "AAAA",
    "\n",
    "\n",
    "\r\n",
    " ",
    "=",
    "\0",
];

/// Texts of up to `most` of these pieces, with now and then anything in between.
fn text_of(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![12 => select(pieces).prop_map(str::to_owned), 1 => "\\PC{0,3}"];
    vec(piece, 0..most).prop_map(|chosen| chosen.concat())
}

/// A name as some client spells it.
fn spelt(name: &'static str) -> impl Strategy<Value = String> {
    let character = move |c: char| match c {
        '-' => select(&["-", "-", "_", ".", "~", "!", "--"][..]).prop_map(str::to_owned).boxed(),
        c => prop_oneof![Just(c.to_string()), Just(c.to_ascii_uppercase().to_string())].boxed(),
    };
    name.chars().map(character).collect::<Vec<_>>().prop_map(|parts| parts.concat())
}

fn field() -> impl Strategy<Value = String> {
    let name = || prop_oneof![8 => select(&NAMES[..]).prop_flat_map(spelt), 1 => "[a-z!-~]{1,6}"];
    let value = prop_oneof![name(), vec(name(), 0..4).prop_map(|names| names.join(" , ")), "[ -~\u{80}-\u{ff}]{0,8}"];
    (name(), value).prop_map(|(name, value)| format!("{name}: {value}"))
}

/// A field of a trace, most often under its own name.
fn trace_field() -> impl Strategy<Value = String> {
    let name = select(&["traceparent", "traceparent", "tracestate", "tracestate", "baggage", "x-amzn-trace-id"][..]);
    let value = prop_oneof![2 => select(&TRACE_VALUES[..]).prop_map(str::to_owned), 1 => text_of(&STATE_PIECES, 12)];
    let good = Just("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    prop_oneof![1 => good, 4 => (name, value).prop_map(|(name, value)| format!("{name}: {value}"))]
}

/// Segments, rightly and wrongly encoded and padded, and now and then something around them.
fn nearly_a_token() -> impl Strategy<Value = String> {
    let good = select(&["YQ", "YWI", "YWJj", "eHl6-_8", "YQ==", "YWI="][..]).prop_map(str::to_owned);
    let odd = select(&["", "Y", "YR", "YWJ", "+/8", "YWJj=", "YQ=", "====", "YQ==YQ=="][..]).prop_map(str::to_owned);
    let segment = prop_oneof![10 => good, 1 => odd, 1 => "[A-Za-z0-9_-]{0,9}={0,3}"];
    let around = || prop_oneof![12 => Just(""), 1 => select(&[" ", "\n", ".", "=", ",YQ", "\0"][..])];
    (around(), prop_oneof![4 => vec(segment.clone(), 3), 1 => vec(segment, 0..6)], around())
        .prop_map(|(before, segments, after)| format!("{before}{}{after}", segments.join(".")))
}

/// JSON that is nearly a claim set.
fn claim_set() -> impl Strategy<Value = String> {
    let needed = NEEDED.map(|(good, odd)| prop_oneof![12 => Just(good), 1 => select(odd)]).to_vec();
    let joined = (needed, vec(select(&MEMBERS[..]), 0..4)).prop_map(|(needed, more)| [needed, more].concat().join(","));
    prop_oneof![8 => joined.prop_map(|members| format!("{{{members}}}")), 1 => text_of(&MEMBERS, 4)]
}

const HEADERS: [&str; 4] = [
    "{\"alg\":\"ES256\",\"kid\":\"0c8a9c9e-1f2d-4e5b-8a7c-6d5e4f3a2b1c\",\"signer\":\"arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/front/50dc6c495c0c9188\",\"client\":\"client\",\"iss\":\"https://idp.example\",\"exp\":1800000100}",
    "{\"alg\":\"RS256\",\"kid\":\"a\"}",
    "{\"alg\":\"RS256\",\"kid\":\"a\",\"crit\":[]}",
    "{\"alg\":\"HS256\",\"kid\":\"a\"}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn three_segments_are_a_token_and_nothing_else_is(token in nearly_a_token(), any in vec(any::<u8>(), 0..32)) {
        jws(token.as_bytes());
        jws(&any);
    }

    #[test]
    fn claims_that_are_taken_are_those_of_the_json(header in select(&HEADERS[..]), payload in claim_set()) {
        claims(format!("{header}\n{payload}").as_bytes());
    }

    #[test]
    fn headers_of_ours_never_go_on_and_others_do(fields in vec(field(), 0..12)) {
        headers(fields.join("\n").as_bytes());
    }

    #[test]
    fn cookies_of_the_application_stay_as_they_are(text in text_of(&COOKIE_PIECES, 14)) {
        cookies(text.as_bytes());
    }

    #[test]
    fn paths_that_could_be_ours_are_never_forwarded(
        steps in vec((select(&SEPARATORS[..]), select(&SEGMENTS[..])), 1..6),
        any in "/[!-~]{0,30}",
    ) {
        let walked: String = steps.into_iter().flat_map(|(separator, segment)| [separator, segment]).collect();
        paths(format!("/{}", walked.trim_start_matches('/')).as_bytes());
        paths(any.as_bytes());
    }

    #[test]
    fn local_targets_stay_on_their_host(text in text_of(&PATH_PIECES, 8), odd in "[/\\\\@:. \t\nhtps]{0,8}evil") {
        local_target(text.as_bytes());
        local_target(odd.as_bytes());
        local_target(format!("/{odd}").as_bytes());
    }

    #[test]
    fn traces_go_on_by_the_letter_or_not_at_all(fields in vec(trace_field(), 0..6)) {
        trace(fields.join("\n").as_bytes());
    }

    #[test]
    fn policies_mean_one_thing(text in text_of(&POLICY_PIECES, 14)) {
        policy(text.as_bytes());
        policy(format!("{{{text}}}").as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn certificates_are_taken_whole_with_the_key_that_fits(text in text_of(&PEM_PIECES, 8)) {
        certificates(text.as_bytes());
    }

    #[test]
    fn configurations_quote_no_value(text in text_of(&CONFIG_PIECES, 20)) {
        config(text.as_bytes());
    }
}
