//! The time as the log writes it, `2026-11-23T02:58:27.123456Z`: its text is made once a second, not once a line.

use std::time::{SystemTime, UNIX_EPOCH};

use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime as _, SystemTime as Now},
};

/// `2026-11-23T02:58:27.`
const UP_TO_THE_FRACTION: usize = 20;

/// The last time that was written.
#[derive(Debug, Default)]
pub struct Timestamp {
    /// Holds the text of this second, since 1970.
    second: Option<u64>,
    text: String,
}

impl Timestamp {
    /// The time now.
    pub fn now(&mut self) -> &str {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let second = now.as_ref().ok().map(std::time::Duration::as_secs);
        match now {
            Ok(now) if self.second == second => self.fraction(now.subsec_micros()),
            Ok(_) | Err(_) => self.renew(second),
        }
        &self.text
    }

    /// Lets the library write the whole text, and remembers it if it is of that second.
    fn renew(&mut self, second: Option<u64>) {
        self.text.clear();
        // Writing into a text does not fail.
        let _written = Now.format_time(&mut Writer::new(&mut self.text));
        let after = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|now| now.as_secs());
        // The year 10000 has another length.
        let known = second == after && self.text.as_bytes().get(UP_TO_THE_FRACTION - 1) == Some(&b'.');
        self.second = second.filter(|_| known);
    }

    fn fraction(&mut self, microseconds: u32) {
        self.text.truncate(UP_TO_THE_FRACTION);
        let mut unit = 100_000;
        while unit > 0 {
            self.text.extend(char::from_digit(microseconds / unit % 10, 10));
            unit /= 10;
        }
        self.text.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_the_library() -> String {
        let mut text = String::new();
        Now.format_time(&mut Writer::new(&mut text)).unwrap();
        text
    }

    /// Over more than a second, so that a new one begins: each time is between what the library says before and after.
    #[test]
    fn the_time_is_what_the_library_would_say() {
        let mut timestamp = Timestamp::default();
        let began = SystemTime::now();
        while began.elapsed().unwrap().as_millis() < 1100 {
            let before = of_the_library();
            let now = timestamp.now().to_owned();
            let after = of_the_library();
            assert!(before <= now && now <= after, "{before} {now} {after}");
            assert_eq!(now.len(), after.len());
        }
        assert!(timestamp.second.is_some());
    }

    #[test]
    fn a_fraction_has_six_places() {
        for (microseconds, text) in [(0, "000000"), (7, "000007"), (120_034, "120034"), (999_999, "999999")] {
            let mut timestamp = Timestamp { second: Some(0), text: "1970-01-01T00:00:00.5Z".to_owned() };
            timestamp.fraction(microseconds);
            assert_eq!(timestamp.text, format!("1970-01-01T00:00:00.{text}Z"));
        }
    }
}
