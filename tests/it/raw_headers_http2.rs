//! The same over HTTP/2 in raw frames: no spelling of a name says who somebody is, on any kind of path (attack classes
//! 6.3, 6.4).

use crate::{
    raw_kinds::{AT_ONCE, FORGED, KINDS, Kind, LENGTH, NAMES, People, assert_hears, spellings, start},
    support::{
        h2::{Frame, Frames, GOAWAY, HEADERS, RST_STREAM},
        proxy::Proxy,
    },
};

/// The kinds that HTTP/2 has as well: nothing of the connection, no content.
fn http_2_kinds() -> impl Iterator<Item = &'static Kind> {
    let of_http_1 = |name: &str| ["connection", "transfer-encoding"].contains(&name.to_ascii_lowercase().as_str());
    KINDS.iter().filter(move |kind| kind.line.contains(" /") && !kind.fields.iter().any(|(name, _)| of_http_1(name)))
}

/// One request in raw frames with the forged fields before and behind the genuine ones. The end of its stream.
async fn ask_over_http_2(proxy: &Proxy, people: &People, kind: &Kind, forged: &[(&str, &str)]) -> Option<Frame> {
    let (method, path) = kind.line.split_once(' ').unwrap();
    let pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "app.example")];
    let own = kind.fields.iter().filter(|field| **field != LENGTH);
    let own: Vec<(String, &str)> = own.map(|(name, value)| (name.to_ascii_lowercase(), *value)).collect();
    let own = own.iter().map(|(name, value)| (name.as_str(), *value));
    let genuine = people.fields(kind.whose).into_iter().chain(own);
    let all: Vec<(&str, &str)> =
        pseudo.into_iter().chain(forged.iter().copied()).chain(genuine).chain(forged.iter().copied()).collect();
    let mut frames = Frames::connect(proxy.address).await;
    frames.request(&all).await;
    frames.verdict().await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_says_who_somebody_is_over_http_2() {
    let (app, proxy) = start().await;
    let people = People::of(&proxy);
    let mut names: Vec<String> = NAMES.iter().flat_map(|name| spellings(name)).collect();
    names.retain(|name| *name == name.to_ascii_lowercase());
    let (mut requests, mut forged_fields) = (0, 0);
    for kind in http_2_kinds() {
        for names in names.chunks(AT_ONCE) {
            let forged: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), FORGED)).collect();
            let when = format!("{} of {:?} with {} and on", kind.line, kind.whose, names[0]);
            let verdict = ask_over_http_2(&proxy, &people, kind, &forged).await;
            // `:status: 200` is the first of the static table's that it may name.
            let succeeded = verdict.as_ref().is_some_and(|frame| frame.kind == HEADERS && frame.payload[0] == 0x88);
            assert_eq!(succeeded, kind.status == 200, "{when}: {verdict:?}");
            assert_hears(&app, kind.hears, &when);
            (requests, forged_fields) = (requests + 1, forged_fields + 2 * names.len());
        }
    }
    assert_eq!((requests, forged_fields), (78, 11_752), "requests, and forged fields in them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_in_http_2_is_refused_on_every_kind_of_path() {
    const NONE: [(&str, &str); 20] = [
        ("X-Auth-User", "forged"),
        ("X-AUTH-USER", "forged"),
        ("x-auth-User", "forged"),
        ("X_Auth_User", "forged"),
        ("x-auth-user ", "forged"),
        (" x-auth-user", "forged"),
        ("x-auth-user\t", "forged"),
        ("x-auth-user\0", "forged"),
        ("x-auth-user\r", "forged"),
        ("x-auth-user:", "forged"),
        (":x-auth-user", "forged"),
        ("x auth user", "forged"),
        ("x-auth-us\u{e9}r", "forged"),
        ("x-a\r\nx-auth-user", "forged"),
        ("x-a", "1\r\nx-auth-user: forged"),
        ("x-a", "1\nx-auth-user: forged"),
        ("connection", "x-auth-user"),
        ("proxy-connection", "x-auth-user"),
        ("te", "trailers, x-auth-user"),
        ("", "forged"),
    ];
    let (app, proxy) = start().await;
    let people = People::of(&proxy);
    let mut requests = 0;
    for kind in http_2_kinds() {
        for none in NONE {
            let when = format!("{} of {:?} with {none:?}", kind.line, kind.whose);
            let verdict = ask_over_http_2(&proxy, &people, kind, &[none]).await;
            let refused = verdict.as_ref().is_none_or(|frame| matches!(frame.kind, RST_STREAM | GOAWAY));
            assert!(refused, "{when}: {verdict:?}");
            assert_eq!(app.taken(&when).len(), 0, "{when}");
            requests += 1;
        }
    }
    assert_eq!(requests, 520, "requests");
}
