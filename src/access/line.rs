//! The line itself: encoded at once where the log holds JSON, an event like all others where people read it.
//!
//! Both have the same names, the same order and the same values (`docs/logs.md`). An event's way to JSON, field by field
//! through `tracing`, costs ten times as much.

use std::{cell::RefCell, net::IpAddr};

use serde::{Serialize, Serializer};
use tracing::info;

use crate::{
    authoriser::Grant,
    telemetry::{Sink, Timestamp},
};

/// What filters know the lines by.
const TARGET: &str = "cognito_auth_proxy::access";

const MESSAGE: &str = "request";

/// What an encoder keeps of its buffer, in bytes. A line has about 450; what a client can make of it, 4 KiB.
const KEPT: usize = 8 * 1024;

/// Where lines go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lines {
    /// Into the log as they are.
    Encoded(&'static Sink),
    /// To whoever takes events.
    Events,
    /// `logging.level` wants none.
    Off,
}

impl Lines {
    /// What the log of this process wants. It does not change while the process lives.
    pub(super) fn of_process(sink: Option<&'static Sink>) -> Self {
        match sink {
            None => Self::Events,
            Some(sink) if tracing::enabled!(target: TARGET, tracing::Level::INFO) => Self::Encoded(sink),
            Some(_) => Self::Off,
        }
    }
}

/// One request. What is `None` is not in the line.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    pub(super) request_id: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    pub(super) decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub(super) granted_by: Option<&'a Grant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<IpAddr>,
    pub(super) end: &'static str,
    pub(super) bytes_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) head_ms: Option<f64>,
    pub(super) duration_ms: f64,
}

/// A line with what every line of the log has.
#[derive(Serialize)]
struct Whole<'a> {
    timestamp: &'a str,
    level: &'static str,
    message: &'static str,
    #[serde(flatten)]
    line: &'a Line<'a>,
    target: &'static str,
}

impl Line<'_> {
    /// Writes it where lines go.
    pub(super) fn write(&self, lines: Lines) {
        match lines {
            Lines::Encoded(sink) => {
                ENCODER.with_borrow_mut(|encoder| sink.append(encoder.encode(self)));
            }
            Lines::Events => self.event(),
            Lines::Off => {}
        }
    }

    fn event(&self) {
        info!(
            target: TARGET,
            request_id = self.request_id,
            method = self.method,
            path = self.path,
            status = self.status,
            decision = self.decision,
            reason = self.reason,
            granted_by = self.granted_by.map(tracing::field::display),
            subject = self.subject,
            email = self.email,
            client = self.client.map(tracing::field::display),
            end = self.end,
            bytes_out = self.bytes_out,
            head_ms = self.head_ms,
            duration_ms = self.duration_ms,
            "{MESSAGE}"
        );
    }
}

thread_local! {
    static ENCODER: RefCell<Encoder> = RefCell::default();
}

/// One a thread: its memory is used again for every line.
#[derive(Default)]
struct Encoder {
    clock: Timestamp,
    text: Vec<u8>,
}

impl Encoder {
    fn encode(&mut self, line: &Line<'_>) -> &[u8] {
        self.text.clear();
        self.text.shrink_to(KEPT);
        let whole = Whole { timestamp: self.clock.now(), level: "INFO", message: MESSAGE, line, target: TARGET };
        // Texts and numbers into memory: nothing there that can fail.
        let _encoded = serde_json::to_writer(&mut self.text, &whole);
        self.text.push(b'\n');
        &self.text
    }
}

fn as_text<S: Serializer>(grant: &Option<&Grant>, serializer: S) -> Result<S::Ok, S::Error> {
    match grant {
        Some(grant) => serializer.collect_str(grant),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The line as the library writes the event, up to the time and after it.
    fn as_event(line: &Line<'_>) -> String {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let lines = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
        tracing::subscriber::with_default(lines.finish(), || line.event());
        let text = written.0.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    /// Everything but what the clock says.
    fn untimed(line: &str) -> (&str, &str) {
        let digits = "{\"timestamp\":\"".len()..;
        let rest = &line[digits][..];
        let (_, after) = rest.split_once('"').unwrap();
        (&line[..line.len() - rest.len()], after)
    }

    fn assert_same(line: &Line<'_>) {
        let (event, encoded) = (as_event(line), Encoder::default().encode(line).to_vec());
        let encoded = String::from_utf8(encoded).unwrap();
        assert_eq!(untimed(&encoded), untimed(&event));
        assert_eq!(encoded.matches('\n').count(), 1);
        assert!(encoded.ends_with("}\n"));
    }

    const LEAST: Line<'static> = Line {
        request_id: "",
        method: "GET",
        path: "/",
        status: None,
        decision: "undecided",
        reason: None,
        granted_by: None,
        subject: None,
        email: None,
        client: None,
        end: "aborted",
        bytes_out: 0,
        head_ms: None,
        duration_ms: 0.0,
    };

    #[test]
    fn a_line_that_says_least_is_the_one_its_event_makes() {
        assert_same(&LEAST);
    }

    #[test]
    fn the_memory_of_a_long_line_is_given_back_with_the_next() {
        let mut encoder = Encoder::default();
        let path = "\u{1}".repeat(100_000);
        assert!(encoder.encode(&Line { path: &path, ..LEAST }).len() > 600_000);
        encoder.encode(&LEAST);
        assert!(encoder.text.capacity() < 2 * KEPT);
    }

    #[test]
    fn the_time_of_a_line_is_of_that_line() {
        let mut encoder = Encoder::default();
        let mut time = || {
            let line: Value = serde_json::from_slice(encoder.encode(&LEAST)).unwrap();
            line["timestamp"].as_str().unwrap().to_owned()
        };
        let (first, second) = (time(), time());
        assert!(first < second || first == second, "{first} {second}");
        assert_eq!(first.len(), "2026-11-23T02:58:27.123456Z".len());
    }

    proptest! {
        #[test]
        fn every_line_is_the_one_its_event_makes(
            (request_id, path, subject, email) in (".*", ".*", ".*", proptest::option::of(".*")),
            (group, status, bytes_out) in (".*", any::<Option<u16>>(), any::<u64>()),
            (client, head, duration) in (any::<IpAddr>(), any::<Option<u32>>(), any::<u32>()),
        ) {
            let grants = [Grant::Group(group.as_str().into()), Grant::AdminUser];
            assert_same(&Line {
                request_id: &request_id,
                path: &path,
                status,
                reason: Some("not_allowed"),
                granted_by: Some(&Grant::All(grants.into())),
                subject: Some(&subject),
                email: email.as_deref(),
                client: Some(client),
                bytes_out,
                head_ms: head.map(|head| f64::from(head) / 1e3),
                duration_ms: f64::from(duration) / 1e3,
                ..LEAST
            });
        }
    }
}
