//! Whatever a client says of who it is, the application hears it from us alone: every spelling, in every place of a
//! message, on every kind of path (attack classes 6.3–6.5, 6.22).

use crate::{
    raw_kinds::{AT_ONCE, FORGED, KINDS, Kind, NAMES, People, assert_hears, spellings, start},
    support::{
        client::{Answer, Wire},
        proxy::Proxy,
    },
};

/// Lines of a head that forge a name, and ask for ours, or what is beside it, to be taken away or believed late.
const PLACES: [&str; 26] = [
    "Connection: X-Auth-User\r\nX-Auth-User: forged\r\n",
    "Connection: close, x-auth-user\r\nX-Auth-User: forged\r\n",
    "Connection: x-auth-user, close\r\nX_Auth_User: forged\r\n",
    "Connection:x-auth-user\r\nX.Auth.User: forged\r\n",
    "Connection: \t x-auth-user \t \r\nX-Auth-User: forged\r\n",
    "Connection: ,,x-auth-user,,\r\nX-Auth-User: forged\r\n",
    "Connection: close\r\nConnection: x-auth-user\r\nConnection: X_AUTH_USER\r\nX-Auth-User: forged\r\n",
    "CONNECTION: X-AUTH-USER\r\nconnection: x-auth-user\r\nX-Auth-User: forged\r\n",
    "Connection: \"x-auth-user\"\r\nX-Auth-User: forged\r\n",
    "Connection: x-auth-user;q=1\r\nX-Auth-User: forged\r\n",
    "Connection: x-auth-user x-amzn-oidc-data\r\nX-Auth-User: forged\r\n",
    "Connection: x-amzn-oidc-data, x-amzn-oidc-accesstoken, x-amzn-oidc-identity\r\nX-Auth-User: forged\r\n",
    "Connection: x_amzn_oidc_data, X.Amzn.Oidc.Data\r\nX_Amzn_Oidc_Data: forged\r\n",
    "Connection: host, x-forwarded-for, x-forwarded-host, x-forwarded-proto, x-request-id\r\nX-Auth-User: forged\r\n",
    "Connection: content-length, transfer-encoding, trailer, te\r\nX-Auth-User: forged\r\n",
    "Connection: origin, sec-fetch-site, cookie, authorization\r\nX-Auth-User: forged\r\n",
    "Connection: \u{80}, x-auth-user\r\nX-Auth-User: forged\r\n",
    "Proxy-Connection: x-auth-user\r\nX-Auth-User: forged\r\n",
    "Keep-Alive: timeout=5, x-auth-user\r\nX-Auth-User: forged\r\n",
    "TE: trailers, x-auth-user\r\nX-Auth-User: forged\r\n",
    "TE: x-auth-user;q=1\r\nConnection: TE\r\nX-Auth-User: forged\r\n",
    "Trailer: X-Auth-User\r\nX-Auth-User: forged\r\n",
    "Trailer: X-Auth-User, Content-Length, Host\r\nTE: trailers\r\nX-Auth-User: forged\r\n",
    "X-Auth-User: forged\r\nX-Auth-User: forged\r\nx-auth-user: forged\r\nX-AUTH-USER: forged\r\n",
    "X-Auth-User:forged\r\nX-Auth-User:\tforged\t\r\nX-Auth-User:\r\n",
    "X-Auth-User: forged, forged\r\nAuthorization: Bearer forged-elsewhere\r\nConnection: authorization\r\n",
];

/// Lines that no reader may accept at all.
const BROKEN: [&str; 14] = [
    "X-A: 1\r\n X-Auth-User: forged\r\n",
    "X-A: 1\r\n\tX-Auth-User: forged\r\n",
    "X-Auth-User:\r\n forged\r\n",
    "X-Auth-User: \r\n\tforged\r\n",
    "X-Auth-User : forged\r\n",
    "X-Auth-User\t: forged\r\n",
    " X-Auth-User: forged\r\n",
    "X-Auth-User\0: forged\r\n",
    "X Auth User: forged\r\n",
    "X-Auth-User\r: forged\r\n",
    "X-A: 1\rX-Auth-User: forged\r\n",
    "X-A: 1\0\r\nX-Auth-User: forged\r\n",
    "X/Auth/User: forged\r\n",
    "X-Auth-Us\u{e9}r: forged\r\n",
];

/// A request with the forged lines before and behind the genuine ones: neither the first nor the last may win.
fn request(kind: &Kind, people: &People, forged: &str) -> String {
    let written = |fields: &[(&str, &str)]| -> String {
        fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    };
    let (genuine, own) = (written(&people.fields(kind.whose)), written(kind.fields));
    format!("{} HTTP/1.1\r\nHost: app.example\r\n{forged}{genuine}{own}{forged}\r\n{}", kind.line, kind.body)
}

fn assert_answer_is_clean(answer: &Answer, when: &str) {
    let whole = format!("{:?}{}", answer.fields, answer.text());
    assert!(!whole.contains("forged"), "{when}: {whole}");
}

async fn ask(proxy: &Proxy, line: &str, bytes: impl AsRef<[u8]>) -> Answer {
    let mut wire = Wire::connect(proxy.address).await;
    wire.send(bytes).await;
    if line.starts_with("HEAD ") { wire.head().await } else { wire.answer().await }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_says_who_somebody_is_on_any_kind_of_path() {
    let (app, proxy) = start().await;
    let people = People::of(&proxy);
    let names: Vec<String> = NAMES.iter().flat_map(|name| spellings(name)).collect();
    let (mut requests, mut forged_fields) = (0, 0);
    for kind in &KINDS {
        for names in names.chunks(AT_ONCE) {
            let forged: String = names.iter().map(|name| format!("{name}: {FORGED}\r\n")).collect();
            let when = format!("{} of {:?} with {} and on", kind.line, kind.whose, names[0]);
            let answer = ask(&proxy, kind.line, request(kind, &people, &forged)).await;
            assert_eq!(answer.status, kind.status, "{when}: {}", answer.text());
            assert_answer_is_clean(&answer, &when);
            assert_hears(&app, kind.hears, &when);
            (requests, forged_fields) = (requests + 1, forged_fields + 2 * names.len());
        }
    }
    assert_eq!((requests, forged_fields), (384, 57_856), "requests, and forged fields in them");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_place_in_a_head_makes_a_forged_name_count_or_ours_disappear() {
    let (app, proxy) = start().await;
    let people = People::of(&proxy);
    for kind in &KINDS {
        for place in PLACES {
            let when = format!("{} of {:?} with {place:?}", kind.line, kind.whose);
            let answer = ask(&proxy, kind.line, request(kind, &people, place)).await;
            assert_eq!(answer.status, kind.status, "{when}: {}", answer.text());
            assert_answer_is_clean(&answer, &when);
            assert_hears(&app, kind.hears, &when);
        }
    }
    assert_eq!(KINDS.len() * PLACES.len(), 832, "requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_folded_or_broken_is_refused_on_every_kind_of_path() {
    let (app, proxy) = start().await;
    let people = People::of(&proxy);
    for kind in &KINDS {
        for broken in BROKEN {
            let when = format!("{} of {:?} with {broken:?}", kind.line, kind.whose);
            let answer = ask(&proxy, kind.line, request(kind, &people, broken)).await;
            assert_eq!((answer.status, answer.text().as_str()), (400, ""), "{when}");
            assert_eq!(app.taken(&when).len(), 0, "{when}");
        }
    }
    assert_eq!(KINDS.len() * BROKEN.len(), 448, "requests");
}
