//! A line as JSON, byte for byte what `tracing-subscriber` makes of its event, for a tenth of the cost.
//!
//! Names and fixed values are copied as they are. What comes from outside is looked through, and whatever would have to be
//! escaped is left to `serde_json`, as every number is.

use std::{fmt::Display, io::Write as _, net::IpAddr};

use serde::{Serialize, Serializer as _};

use super::line::{Line, Milliseconds, Moment};
use crate::telemetry::Timestamp;

/// What an encoder keeps of its memory, in bytes. A line has about 450; what a client can make of it, 4 KiB.
const KEPT: usize = 8 * 1024;

/// Makes lines, one after the other in the same memory.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    clock: Timestamp,
    text: Vec<u8>,
}

/// A name of the line with all that stands before its value.
macro_rules! name {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}

impl Encoder {
    /// The line with its newline.
    pub(super) fn encode(&mut self, line: &Line<'_>) -> &[u8] {
        self.text.clear();
        self.text.shrink_to(KEPT);
        let mut object = Object(&mut self.text);
        object.raw("{\"timestamp\":\"");
        object.raw(self.clock.now());
        object.raw(match line.moment {
            Moment::Decided => "\",\"level\":\"INFO\",\"message\":\"decision\"",
            Moment::Ended(_) => "\",\"level\":\"INFO\",\"message\":\"request\"",
        });
        object.text(name!("request_id"), line.request_id);
        object.text(name!("method"), line.method);
        object.text(name!("path"), line.path);
        if let Moment::Ended(outcome) = line.moment {
            object.number(name!("status"), outcome.status);
        }
        object.fixed(name!("decision"), Some(line.decision));
        object.fixed(name!("reason"), line.reason);
        object.display(name!("granted_by"), line.granted_by);
        object.text(name!("subject"), line.subject);
        object.text(name!("email"), line.email);
        object.address(name!("client"), line.client);
        if let Moment::Ended(outcome) = line.moment {
            object.fixed(name!("end"), Some(outcome.end));
            object.number(name!("bytes_out"), Some(outcome.bytes_out));
            object.milliseconds(name!("head_ms"), outcome.head_ms);
            object.milliseconds(name!("duration_ms"), Some(outcome.duration_ms));
        }
        object.text(name!("trace_id"), line.trace_id);
        object.text(name!("amzn_trace_id"), line.amzn_trace_id);
        object.raw(match line.moment {
            Moment::Decided => ",\"target\":\"cognito_auth_proxy::audit\"}\n",
            Moment::Ended(_) => ",\"target\":\"cognito_auth_proxy::access\"}\n",
        });
        &self.text
    }
}

/// An object under way. Nothing in it fails: all of it goes to memory.
struct Object<'a>(&'a mut Vec<u8>);

impl Object<'_> {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// One of our own words.
    fn fixed(&mut self, name: &str, word: Option<&'static str>) {
        if let Some(word) = word {
            self.raw(name);
            self.quoted(word);
        }
    }

    /// Something of whoever's.
    fn text<'t>(&mut self, name: &str, text: impl Into<Option<&'t str>>) {
        if let Some(text) = text.into() {
            self.raw(name);
            if is_plain(text) {
                self.quoted(text);
            } else {
                self.value(text);
            }
        }
    }

    fn display(&mut self, name: &str, value: Option<&impl Display>) {
        if let Some(value) = value {
            self.raw(name);
            let _encoded = serde_json::Serializer::new(&mut *self.0).collect_str(value);
        }
    }

    /// Digits, points and colons only.
    fn address(&mut self, name: &str, address: Option<IpAddr>) {
        match address {
            None => {}
            Some(IpAddr::V4(address)) => {
                self.raw(name);
                let mut before = '"';
                for octet in address.octets() {
                    self.raw(before.encode_utf8(&mut [0; 4]));
                    self.value(octet);
                    before = '.';
                }
                self.raw("\"");
            }
            Some(IpAddr::V6(address)) => {
                self.raw(name);
                let _written = write!(self.0, "\"{address}\"");
            }
        }
    }

    /// As the library writes the same number, which it has to find the shortest text of.
    fn milliseconds(&mut self, name: &str, time: Option<Milliseconds>) {
        if let Some(Milliseconds { microseconds }) = time {
            self.raw(name);
            self.value(microseconds / 1000);
            self.raw(".");
            let (mut rest, mut unit) = (microseconds % 1000, 100);
            // One place at least, and no zeros after that.
            loop {
                self.value(rest / unit);
                rest %= unit;
                if rest == 0 {
                    break;
                }
                unit /= 10;
            }
        }
    }

    fn value(&mut self, value: impl Serialize) {
        let _encoded = serde_json::to_writer(&mut *self.0, &value);
    }

    fn number(&mut self, name: &str, number: Option<impl Serialize>) {
        if let Some(number) = number {
            self.raw(name);
            self.value(number);
        }
    }

    fn quoted(&mut self, text: &str) {
        self.0.push(b'"');
        self.raw(text);
        self.0.push(b'"');
    }
}

/// Whether JSON has it as it is. Looks at every byte, without a branch a byte: that is many bytes at a time.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\'))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use proptest::prelude::*;
    use serde_json::Value;

    use super::{super::line::Outcome, *};
    use crate::authoriser::Grant;

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
        let (before, rest) = line.split_once("{\"timestamp\":\"").unwrap();
        let (_, after) = rest.split_once('"').unwrap();
        (before, after)
    }

    fn assert_same(line: &Line<'_>) {
        let (event, encoded) = (as_event(line), Encoder::default().encode(line).to_vec());
        let encoded = String::from_utf8(encoded).unwrap();
        assert_eq!(untimed(&encoded), untimed(&event));
        assert_eq!(encoded.matches('\n').count(), 1);
        assert!(encoded.ends_with("}\n"));
    }

    /// Anything, much of it what has to be escaped.
    const TEXT: &str = "(?s)[ -~]{0,20}[\\x00-\\x7f]{0,5}.{0,5}";

    const ABORTED: Outcome = Outcome {
        status: None,
        end: "aborted",
        bytes_out: 0,
        head_ms: None,
        duration_ms: Milliseconds { microseconds: 0 },
    };

    const LEAST: Line<'static> = Line {
        request_id: "",
        method: "GET",
        path: "/",
        decision: "undecided",
        reason: None,
        granted_by: None,
        subject: None,
        email: None,
        client: None,
        moment: Moment::Ended(ABORTED),
        trace_id: None,
        amzn_trace_id: None,
    };

    #[test]
    fn a_line_that_says_least_is_the_one_its_event_makes() {
        assert_same(&LEAST);
        assert_same(&Line { moment: Moment::Decided, ..LEAST });
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
        assert!(first <= second, "{first} {second}");
        assert_eq!(first.len(), "2026-11-23T02:58:27.123456Z".len());
    }

    proptest! {
        #[test]
        fn every_line_is_the_one_its_event_makes(
            (request_id, path, subject, email) in (TEXT, TEXT, TEXT, proptest::option::of(TEXT)),
            (group, status, bytes_out) in (TEXT, any::<Option<u16>>(), any::<u64>()),
            (client, head, duration) in (any::<IpAddr>(), any::<Option<u64>>(), 0..200_000_u64),
            (trace_id, amzn_trace_id) in (proptest::option::of("[0-9a-f]{32}"), proptest::option::of(TEXT)),
        ) {
            let grants = [Grant::Group(group.as_str().into()), Grant::AdminUser];
            let granted_by = Grant::All(grants.into());
            let outcome = Outcome {
                status,
                bytes_out,
                head_ms: head.map(|microseconds| Milliseconds { microseconds: microseconds >> 14 }),
                duration_ms: Milliseconds { microseconds: duration },
                ..ABORTED
            };
            let ended = Line {
                request_id: &request_id,
                path: &path,
                reason: Some("not_allowed"),
                granted_by: Some(&granted_by),
                subject: Some(&subject),
                email: email.as_deref(),
                client: Some(client),
                moment: Moment::Ended(outcome),
                trace_id: trace_id.as_deref(),
                amzn_trace_id: amzn_trace_id.as_deref(),
                ..LEAST
            };
            assert_same(&ended);
            assert_same(&Line { moment: Moment::Decided, ..ended });
        }
    }
}
