//! What the tests of forged names go through: every spelling of a name, and every kind of request with what the
//! application hears of it.

use cognito_auth_proxy::dev::{Tokens, User};

use crate::support::{
    answers::HANDSHAKE,
    proxy::{Proxy, Setup, staff},
    strict::Strict,
    upstream::Seen,
};

/// The separators a field name may hold (RFC 9110 §5.6.2).
const SEPARATORS: [char; 15] = ['-', '_', '.', '!', '#', '$', '%', '&', '\'', '*', '+', '^', '`', '|', '~'];

/// Names that say who somebody is.
pub(crate) const NAMES: [&str; 6] = [
    "x-auth-user",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-forwarded-user",
    "x-auth-request-email",
    "remote-user",
];

/// A value that must be found nowhere.
pub(crate) const FORGED: &str = "forged@evil.example";

/// Whom a request is of, and what the application may hear of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hears {
    /// The one true assertion.
    Ann,
    /// The request, and of no user.
    Nobody,
    /// Nothing at all.
    Nothing,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum As {
    Anonymous,
    Expired,
    Outsider,
    Staff,
}

/// A kind of request: line, whose, fields of its own, body; the status, and what the application hears.
pub(crate) struct Kind {
    pub(crate) line: &'static str,
    pub(crate) whose: As,
    pub(crate) fields: &'static [(&'static str, &'static str)],
    pub(crate) body: &'static str,
    pub(crate) status: u16,
    pub(crate) hears: Hears,
}

const SCRIPT: (&str, &str) = ("Accept", "application/json");
pub(crate) const LENGTH: (&str, &str) = ("Content-Length", "5");
const FOREIGN: (&str, &str) = ("Origin", "https://evil.example");
const SESSION: (&str, &str) = ("Cookie", "AWSELBAuthSessionCookie-0=x");
const CODED: (&str, &str) = ("Transfer-Encoding", "gzip, chunked");

pub(crate) const KINDS: [Kind; 32] = [
    admitted("GET /page", &[], ""),
    admitted("HEAD /page", &[], ""),
    admitted("OPTIONS /page", &[], ""),
    admitted("POST /page", &[LENGTH], "hello"),
    admitted("PUT /page", &[("Transfer-Encoding", "chunked")], "5\r\nhello\r\n0\r\nX-Auth-User: forged\r\n\r\n"),
    admitted("DELETE /page", &[], ""),
    admitted("PROPFIND /page", &[], ""),
    admitted("get /page", &[], ""),
    admitted("GET http://app.example/page", &[], ""),
    admitted("GET /socket", &HANDSHAKE, ""),
    public("GET /open", As::Anonymous, &[], ""),
    public("HEAD /open", As::Anonymous, &[], ""),
    public("OPTIONS /open", As::Anonymous, &[], ""),
    public("POST /open", As::Anonymous, &[LENGTH], "hello"),
    public("POST /open", As::Anonymous, &[FOREIGN], ""),
    public("GET /open?x=/page", As::Staff, &[], ""),
    public("GET /open", As::Outsider, &[], ""),
    public("GET /open", As::Anonymous, &HANDSHAKE, ""),
    unheard("GET /page", As::Anonymous, &[SCRIPT], 401),
    unheard("GET /page", As::Anonymous, &[], 302),
    unheard("OPTIONS /page", As::Anonymous, &[SCRIPT], 401),
    unheard("GET /page", As::Anonymous, &HANDSHAKE, 401),
    unheard("GET /page", As::Outsider, &[SCRIPT], 403),
    unheard("GET /page", As::Outsider, &[], 302),
    unheard("POST /page", As::Staff, &[FOREIGN, SCRIPT], 403),
    unheard("GET /page", As::Expired, &[SESSION], 302),
    unheard("GET /page", As::Staff, &[CODED, SCRIPT], 400),
    unheard("GET /.auth/me", As::Staff, &[], 200),
    unheard("GET /.auth/me", As::Anonymous, &[SCRIPT], 401),
    unheard("GET /.auth/health", As::Anonymous, &[], 200),
    unheard("GET /.auth/nothing", As::Staff, &[], 404),
    unheard("GET /.auth/logout", As::Anonymous, &[], 200),
];

type Fields = &'static [(&'static str, &'static str)];

const fn admitted(line: &'static str, fields: Fields, body: &'static str) -> Kind {
    Kind { line, whose: As::Staff, fields, body, status: 200, hears: Hears::Ann }
}

const fn public(line: &'static str, whose: As, fields: Fields, body: &'static str) -> Kind {
    Kind { line, whose, fields, body, status: 200, hears: Hears::Nobody }
}

const fn unheard(line: &'static str, whose: As, fields: Fields, status: u16) -> Kind {
    Kind { line, whose, fields, body: "", status, hears: Hears::Nothing }
}

/// Every spelling of a name: one separator throughout, or two kinds; in four cases.
pub(crate) fn spellings(name: &str) -> Vec<String> {
    let separated = SEPARATORS.iter().flat_map(|one| {
        let mixed = name.replacen('-', &one.to_string(), 1);
        [name.replace('-', &one.to_string()), mixed.replacen('-', "_", 1), mixed]
    });
    let alternating = |name: &str| -> String {
        name.chars().enumerate().map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect()
    };
    let titled = |name: &str| -> String {
        let mut starts = true;
        let mut titled = |c: char| {
            let upper = std::mem::replace(&mut starts, !c.is_ascii_alphanumeric());
            if upper { c.to_ascii_uppercase() } else { c }
        };
        name.chars().map(&mut titled).collect()
    };
    let mut all: Vec<String> = separated
        .flat_map(|name| [name.to_ascii_uppercase(), alternating(&name), titled(&name), name])
        .filter(|spelt| !(name.starts_with("x-amzn-oidc") && spelt.eq_ignore_ascii_case(name)))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// A proxy that redirects pages, with one public path.
pub(crate) async fn start() -> (Strict, Proxy) {
    let app = Strict::start().await;
    let setup = Setup::in_front_of(&app.url()).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open");
    (app, setup.set("COGNITO_AUTH_REDIRECT_URL", "https://login.example/401").start().await)
}

pub(crate) struct People {
    staff: Tokens,
    outsider: Tokens,
    expired: Tokens,
}

impl People {
    pub(crate) fn of(proxy: &Proxy) -> Self {
        Self {
            staff: proxy.tokens(),
            outsider: proxy.issuer.tokens(&User::new("eve", "eve@example.com")),
            expired: proxy.issuer.tokens_at(&staff(), 1_500_000_000),
        }
    }

    pub(crate) fn fields(&self, whose: As) -> Vec<(&str, &str)> {
        match whose {
            As::Anonymous => Vec::new(),
            As::Expired => self.expired.fields().to_vec(),
            As::Outsider => self.outsider.fields().to_vec(),
            As::Staff => self.staff.fields().to_vec(),
        }
    }
}

pub(crate) fn assert_hears(app: &Strict, hears: Hears, when: &str) {
    match hears {
        Hears::Nothing => assert_eq!(app.taken(when).len(), 0, "{when}"),
        Hears::Ann => {
            let seen = app.one(when);
            assert_nothing_forged(&seen, when);
            assert_eq!(seen.claims()["email"], "ann@example.com", "{when}");
            assert_eq!(all_folded(&seen, "x-auth-user"), 1, "{when}");
        }
        Hears::Nobody => {
            let seen = app.one(when);
            assert_nothing_forged(&seen, when);
            assert_eq!(all_folded(&seen, "x-auth-user"), 0, "{when}");
        }
    }
}

fn all_folded(seen: &Seen, name: &str) -> usize {
    let fold = |name: &str| name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    seen.fields.iter().filter(|(field, _)| fold(field) == name).count()
}

fn assert_nothing_forged(seen: &Seen, when: &str) {
    let left: Vec<_> = seen.fields.iter().filter(|(_, value)| value.contains("forged")).collect();
    assert!(left.is_empty(), "{when}: {left:?}");
    assert!(!String::from_utf8_lossy(&seen.body).contains("forged"), "{when}");
}

/// Fields of one request; `ingress` admits 200, and these stand twice.
pub(crate) const AT_ONCE: usize = 80;
