//! Durations as operators write them: `500ms`, `30s`, `5m`, `1h`.

use std::time::Duration;

use super::ValueError;

const REMEDY: &str = "write a whole number and its unit, like 500ms, 30s, 5m or 1h";

/// Parses one whole number with its unit, `ms`, `s`, `m` or `h`.
pub(super) fn parse(text: &str) -> Result<Duration, ValueError> {
    let refused = ValueError { problem: "is not a duration", remedy: REMEDY };
    let (number, unit) = text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count()).ok_or(refused)?;
    let number: u64 = number.parse().map_err(|_| refused)?;
    let milliseconds_each = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(refused),
    };
    number
        .checked_mul(milliseconds_each)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or(ValueError { problem: "is longer than a year", remedy: "write a duration that can come to its end" })
}

/// Parses a duration of which zero makes no sense.
pub(super) fn parse_positive(text: &str) -> Result<Duration, ValueError> {
    match parse(text)? {
        Duration::ZERO => Err(ValueError { problem: "is zero", remedy: "write a duration above zero" }),
        duration => Ok(duration),
    }
}

/// Parses the time between two requests to somebody who is paid by the request.
pub(super) fn parse_a_second_or_more(text: &str) -> Result<Duration, ValueError> {
    match parse(text)? {
        duration if duration < Duration::from_secs(1) => {
            Err(ValueError { problem: "is less than a second", remedy: "write 1s or more, like 5m" })
        }
        duration => Ok(duration),
    }
}

/// Beyond this, `Instant::now() + duration` is no longer sure to exist.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, milliseconds) in [("500ms", 500), ("0s", 0), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for refused in ["", "5", "s", "-5s", "+5s", "1.5s", "5 s", " 5s", "5S", "1h30m", "5µs", "99999999999999999999s"]
        {
            assert_eq!(parse(refused).unwrap_err().problem, "is not a duration", "{refused}");
        }
        assert_eq!(parse("18446744073709551615h").unwrap_err().problem, "is longer than a year");
        assert_eq!(parse_positive("0ms").unwrap_err().problem, "is zero");
    }
}
