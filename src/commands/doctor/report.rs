//! What was found: one line each, `ok`, `warn` or `fail`, one sentence, and the remedy.

use std::fmt;

use crate::commands::{ExitStatus, say};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// The outcome of one check.
#[derive(Debug)]
pub(super) struct Finding {
    verdict: Verdict,
    topic: &'static str,
    sentence: String,
    remedy: String,
}

impl Finding {
    pub(super) fn ok(topic: &'static str, sentence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, topic, sentence: sentence.into(), remedy: String::new() }
    }

    pub(super) fn warn(topic: &'static str, sentence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, topic, sentence: sentence.into(), remedy: remedy.into() }
    }

    pub(super) fn fail(topic: &'static str, sentence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, topic, sentence: sentence.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        let separator = if self.remedy.is_empty() { "" } else { "; " };
        let line = format!("{verdict} {}: {}{separator}{}", self.topic, self.sentence, self.remedy);
        // What stands in it may come from a file or a network: it is one line, whatever that holds.
        line.chars().try_for_each(|character| {
            if character.is_control() {
                write!(formatter, "{}", character.escape_default())
            } else {
                write!(formatter, "{character}")
            }
        })
    }
}

/// Prints findings as they come, since some take seconds, and remembers the worst.
#[derive(Debug)]
pub(super) struct Report {
    worst: Verdict,
}

impl Report {
    pub(super) const fn begin() -> Self {
        Self { worst: Verdict::Ok }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        say(&finding);
        self.worst = match (self.worst, finding.verdict) {
            (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
            (Verdict::Warn, _) | (_, Verdict::Warn) => Verdict::Warn,
            (Verdict::Ok, Verdict::Ok) => Verdict::Ok,
        };
    }

    pub(super) const fn status(&self) -> ExitStatus {
        match self.worst {
            Verdict::Fail => ExitStatus::Failed,
            Verdict::Ok | Verdict::Warn => ExitStatus::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_whatever_stands_in_it() {
        let finding = Finding::fail("token", "found a\nok   b\u{1b}[2J", "mend\r it");
        assert_eq!(finding.to_string(), "fail token: found a\\nok   b\\u{1b}[2J; mend\\r it");
    }
}
