//! What holds of every request target: what is public is public to the byte, what could be ours is never forwarded, and
//! where we send a browser is on this host.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "an oracle speaks by panicking"
)]

use std::collections::{BTreeSet, VecDeque};

use http::uri::PathAndQuery;
use url::Url;

use crate::{
    config::PathPrefix,
    ingress::{Endpoint, LocalTarget, Route, Routes},
};

const PUBLIC: [&str; 4] = ["/", "/logo.png", "/open/door", "/own"];

/// A few readings are enough to find the one that matters; a path with more is not worth the time.
const MOST_READINGS: usize = 200;

/// Of any request target: only the bytes in the table are public, and what some server might read as reserved is ours.
pub fn paths(target: &[u8]) {
    let Ok(target) = PathAndQuery::try_from(target) else { return };
    let path = target.path();
    for prefix in ["/.auth", "/own/door"] {
        let routes = Routes::new(PathPrefix::parse(prefix).unwrap(), PUBLIC.map(str::to_owned).into());
        let found = Found::of(&routes.classify(path));
        assert_eq!(found, Found::of(&routes.classify(path)), "asked twice, one answer");
        let under =
            |reading: &str| reading.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match found {
            Found::Public => assert!(PUBLIC.contains(&path), "{path} is not in the table"),
            Found::Protected => assert!(!PUBLIC.contains(&path), "{path} is in the table"),
            Found::Own(endpoint) => {
                let name = path.strip_prefix(prefix).unwrap_or_default();
                let known = ["/health", "/jwks.json", "/logout", "/me", "/ready"].contains(&name);
                assert_eq!(endpoint != Endpoint::Unknown, known, "{path} is {endpoint:?}");
            }
        }
        if let (Found::Public | Found::Protected, Some(reading)) =
            (found, readings(path).into_iter().find(|reading| under(reading)))
        {
            panic!("{path:?} is forwarded, and may be read as {reading:?}");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Own(Endpoint),
    Protected,
    Public,
}

impl Found {
    const fn of(route: &Route) -> Self {
        match route {
            Route::Own(endpoint) => Self::Own(*endpoint),
            Route::Protected => Self::Protected,
            Route::Public(_) => Self::Public,
        }
    }
}

/// Every path some server might make of this one: each thing servers do to paths, in any order, until nothing changes.
fn readings(path: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([path.to_owned()]);
    let mut left = VecDeque::from([path.to_owned()]);
    while let Some(reading) = left.pop_front() {
        for step in [decoded, with_slashes, without_parameters, without_empty_segments, without_dots, without_end] {
            let next = step(&reading);
            if found.len() < MOST_READINGS && found.insert(next.clone()) {
                left.push_back(next);
            }
        }
    }
    found
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, others @ ..] = rest {
        let digits = match (first, others) {
            (b'%', [high, low, ..]) => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        bytes.push(digits.map_or(*first, |(high, low)| u8::try_from(16 * high + low).unwrap()));
        rest = if digits.is_some() { &others[2..] } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn with_slashes(path: &str) -> String {
    path.replace('\\', "/")
}

fn without_parameters(path: &str) -> String {
    let bare: Vec<&str> = path.split('/').map(|segment| segment.split(';').next().unwrap()).collect();
    bare.join("/")
}

fn without_empty_segments(path: &str) -> String {
    let mut path = path.to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

/// What a server drops that parses its path as a URL once more, or as a C string.
fn without_end(path: &str) -> String {
    path.split(['?', '#', '\0']).next().unwrap().to_owned()
}

/// RFC 3986 §5.2.4, step by step.
fn without_dots(path: &str) -> String {
    let (mut input, mut output) = (path.to_owned(), String::new());
    while !input.is_empty() {
        if let Some(rest) = input.strip_prefix("../").or_else(|| input.strip_prefix("./")) {
            input = rest.to_owned();
        } else if input.starts_with("/./") || input == "/." {
            input = format!("/{}", input.get(3..).unwrap_or_default());
        } else if input.starts_with("/../") || input == "/.." {
            input = format!("/{}", input.get(4..).unwrap_or_default());
            output.truncate(output.rfind('/').unwrap_or(0));
        } else if input == "." || input == ".." {
            input.clear();
        } else {
            let end = input.char_indices().skip(1).find(|(_, c)| *c == '/').map_or(input.len(), |(index, _)| index);
            output.push_str(&input[..end]);
            input.drain(..end);
        }
    }
    output
}

/// Wherever a browser is sent with a [`LocalTarget`], it stays on the host it is on.
pub fn local_target(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let parsed = LocalTarget::parse(text);
    if let Some(target) = &parsed {
        assert_eq!(target.as_str(), text);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?} splits a field");
    }
    let of_request = text.parse().ok().as_ref().and_then(LocalTarget::of);
    for target in parsed.iter().chain(&of_request) {
        for base in ["https://app.example/", "https://app.example/a/b?c#d"] {
            let reached = Url::parse(base).unwrap().join(target.as_str()).expect("a browser follows it");
            assert_eq!(reached.origin().ascii_serialization(), "https://app.example", "{text:?}");
            assert_eq!((reached.username(), reached.password()), ("", None), "{text:?}");
        }
    }
}
