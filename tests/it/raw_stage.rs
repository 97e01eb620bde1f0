//! Where messages of doubtful ends are tried, for the tests of smuggling.
//!
//! Each message goes out three times: of a user, to a public path, and of nobody. A second request without a user and
//! the proxy's own health check stand behind it on the same connection, so that whoever reads the end of the first
//! elsewhere takes the second for his own. The application reads strictly and is asked for what it saw.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{
    client::Wire,
    eventually,
    proxy::{Proxy, Setup},
    strict::Strict,
};

/// A request nobody is signed in for, with an identity for whoever lets it pass.
pub(crate) const SMUGGLED: &str =
    "GET /smuggled HTTP/1.1\r\nHost: app.example\r\nAccept: application/json\r\nX-Auth-User: forged\r\n\r\n";

/// Ends the connection where it is read as a request.
pub(crate) const LAST: &str = "GET /.auth/health HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    SignedIn,
    Public,
    Anonymous,
}

pub(crate) const FRONTS: [Front; 3] = [Front::SignedIn, Front::Public, Front::Anonymous];

pub(crate) struct Stage {
    pub(crate) app: Strict,
    pub(crate) proxy: Proxy,
    pub(crate) credential: String,
    /// Of the message that is tried: the application may get the beginning of an earlier one late.
    number: AtomicUsize,
}

/// How a message that is tried ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Refused before anything was forwarded; the connection ends.
    Refused(u16),
    /// Refused when the application may have seen its beginning, and never its end; the connection ends.
    BrokenOff,
    /// The application sees this body, and the connection ends.
    Last(&'static str),
    /// The application sees this body, and what stands behind is judged for itself.
    GoesOn(&'static str),
    /// The application sees this body, and the head behind it is dropped unread.
    Swallows(&'static str),
}

/// What came back of one try.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Of every answer until the connection ended.
    pub(crate) statuses: Vec<u16>,
    /// The body of the one request the application saw, as far as it came to its end.
    pub(crate) seen: Option<String>,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let app = Strict::start().await;
        let proxy = Setup::in_front_of(&app.url()).await.set("COGNITO_AUTH_PUBLIC_PATHS", "/open").start().await;
        let tokens = proxy.tokens();
        let credential = tokens.fields().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Self { app, proxy, credential, number: AtomicUsize::new(0) }
    }

    /// Request line and fields of a message, up to what it says of its own end.
    pub(crate) fn head(&self, front: Front, method: &str, version: &str) -> String {
        let (path, credential) = match front {
            Front::SignedIn => ("/page", self.credential.as_str()),
            Front::Public => ("/open", ""),
            Front::Anonymous => ("/page", ""),
        };
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        format!(
            "{method} {path} {version}\r\nHost: app.example\r\nAccept: application/json\r\nX-Number: {number}\r\n{credential}"
        )
    }

    /// Sends `bytes`, then what is smuggled, then the last request, and reads every answer.
    pub(crate) async fn tries(&self, bytes: &[u8], front: Front, when: &str) -> Outcome {
        let wire = self.send(bytes).await;
        self.outcome((wire, bytes), front, when).await
    }

    /// The same where the application waits for what does not come: the client goes away then.
    pub(crate) async fn tries_and_leaves(&self, bytes: &[u8], front: Front, when: &str) -> Outcome {
        let mut wire = self.send(bytes).await;
        if front != Front::Anonymous {
            eventually("its beginning at the application", async || self.app.has_something()).await;
        }
        wire.finish().await;
        self.outcome((wire, bytes), front, when).await
    }

    async fn send(&self, bytes: &[u8]) -> Wire {
        let mut wire = Wire::connect(self.proxy.address).await;
        let _refused_on_the_way = wire.try_send([bytes, SMUGGLED.as_bytes(), LAST.as_bytes()].concat()).await;
        wire
    }

    async fn outcome(&self, (mut wire, bytes): (Wire, &[u8]), front: Front, when: &str) -> Outcome {
        let mut statuses = Vec::new();
        if bytes.starts_with(b"HEAD ") {
            statuses.push(wire.head().await.status);
        }
        while let Some(answer) = wire.answer_or_end().await {
            let whole = format!("{:?}{}", answer.fields, answer.text());
            assert!(!whole.contains("forged"), "{when}: {whole}");
            statuses.push(answer.status);
        }
        // Whatever is left of it on a connection to the application would stand before this.
        let check = self.proxy.send_signed_in("GET /check", &[]).await;
        assert_eq!(check.status, 200, "{when}");
        let number = self.number.load(Ordering::Relaxed).to_string();
        let (mut checked, mut own) = (Vec::new(), Vec::new());
        for seen in self.app.taken(when) {
            let path = seen.line.split(' ').nth(1).unwrap();
            let said = seen.field("x-auth-user").map(|_| seen.claims()["email"].clone());
            assert_eq!(said.as_ref().and_then(|email| email.as_str()), (path != "/open").then_some("ann@example.com"));
            match (path, seen.field("x-number")) {
                ("/check", None) => checked.push(seen),
                ("/page" | "/open", Some(of)) if of == number => own.push(seen),
                ("/page" | "/open", Some(_)) => assert!(seen.body.is_empty(), "{when}: {seen:?}"),
                _ => panic!("{when}: {seen:?}"),
            }
        }
        assert_eq!((checked.len(), checked[0].body.len()), (1, 0), "{when}");
        assert!(own.len() <= usize::from(front != Front::Anonymous), "{when}: {own:?}");
        let seen = own.pop();
        Outcome { statuses, seen: seen.map(|seen| String::from_utf8_lossy(&seen.body).into_owned()) }
    }

    /// Tries one message on every front; `own` is what stands behind the fields that all have.
    pub(crate) async fn expect(&self, (method, version): (&str, &str), own: &str, end: End) {
        for front in FRONTS {
            let when = format!("{method} {version} {own:?} {front:?}");
            let bytes = self.head(front, method, version) + own;
            let outcome = self.tries(bytes.as_bytes(), front, &when).await;
            let (first, seen) = match front {
                Front::Anonymous => (401, None),
                Front::Public | Front::SignedIn => (200, Some(())),
            };
            let (statuses, body) = match end {
                End::Refused(status) => (vec![status], None),
                End::BrokenOff if front == Front::Anonymous => (vec![401], None),
                End::BrokenOff => (vec![400], outcome.seen.as_ref().and(Some(""))),
                End::Last(body) => (vec![first], seen.and(Some(body))),
                End::GoesOn(body) => (vec![first, 401, 200], seen.and(Some(body))),
                End::Swallows(body) => (vec![first, 200], seen.and(Some(body))),
            };
            assert_eq!((outcome.statuses, outcome.seen.as_deref()), (statuses, body), "{when}");
        }
    }
}
