//! Sizes as operators write them: `512B`, `64KiB`, `200MiB`, `2GiB`.

use super::ValueError;

const REMEDY: &str = "write a whole number and its unit, like 512B, 64KiB, 200MiB or 2GiB";

/// Parses one whole number with its unit into bytes. Zero is refused: a limit of nothing admits nothing.
pub(super) fn parse(text: &str) -> Result<u64, ValueError> {
    let refused = ValueError { problem: "is not a size", remedy: REMEDY };
    let (number, unit) = text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count()).ok_or(refused)?;
    let number: u64 = number.parse().map_err(|_| refused)?;
    let bytes_each = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(refused),
    };
    match number.checked_mul(bytes_each) {
        Some(0) => Err(ValueError { problem: "is zero", remedy: "write a size above zero" }),
        Some(bytes) => Ok(bytes),
        None => Err(ValueError { problem: "is too large", remedy: "write a size below 16777216TiB" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        for (text, bytes) in [
            ("1B", 1),
            ("64KiB", 65_536),
            ("200MiB", 209_715_200),
            ("2GiB", 2_147_483_648),
            ("1TiB", 1_099_511_627_776),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for refused in ["", "5", "KiB", "-5B", "+5B", "1.5MiB", "5 MiB", " 5B", "5kb", "5KB", "5M", "5mib", "off"] {
            assert_eq!(parse(refused).unwrap_err().problem, "is not a size", "{refused}");
        }
        assert_eq!(parse("0MiB").unwrap_err().problem, "is zero");
        assert_eq!(parse("16777216TiB").unwrap_err().problem, "is too large");
    }
}
