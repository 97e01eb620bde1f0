//! Claims as types.

use super::super::{Malformation, claims::*};

fn seconds(json: &str) -> Option<u64> {
    serde_json::from_str(json).ok().map(NumericDate::seconds)
}

#[test]
fn an_expiration_time_is_a_number_that_makes_sense() {
    for (json, expected) in [
        ("0", 0),
        ("-0.0", 0),
        ("1700000000", 1_700_000_000),
        ("1700000000.99", 1_700_000_000),
        ("1.7e9", 1_700_000_000),
        ("9007199254740992", 1 << 53),
    ] {
        assert_eq!(seconds(json), Some(expected), "{json}");
    }
    for json in
        ["-1", "-0.5", "1e300", "1e999", "9007199254740993", "18446744073709551616", "\"1\"", "null", "true", "[1]"]
    {
        assert_eq!(seconds(json), None, "{json}");
    }
}

#[test]
fn only_a_yes_verifies_an_address() {
    for (json, expected) in [
        ("true", Some(true)),
        ("\"true\"", Some(true)),
        ("false", Some(false)),
        ("\"false\"", Some(false)),
        ("\"TRUE\"", Some(false)),
        ("1", Some(false)),
        ("[true]", Some(false)),
        ("{\"a\":true}", Some(false)),
        ("null", None),
    ] {
        assert_eq!(serde_json::from_str::<Statement>(json).unwrap().0, expected, "{json}");
    }
}

#[test]
fn groups_are_an_array_or_a_list_in_a_string() {
    let read = |json: &str| groups(json.as_bytes(), "custom:teams");
    for (json, expected) in [
        (r#"{}"#, &[][..]),
        (r#"{"custom:teams":null}"#, &[]),
        (r#"{"custom:teams":[]}"#, &[]),
        (r#"{"custom:teams":["a","b c","a",""]}"#, &["a", "b c"]),
        (r#"{"custom:teams":"a, b  c,a"}"#, &["a", "b", "c"]),
        (r#"{"cognito:groups":["x"],"custom:teams":"a"}"#, &["a"]),
    ] {
        assert_eq!(read(json).unwrap(), expected, "{json}");
    }
    for json in [
        r#"{"custom:teams":1}"#,
        r#"{"custom:teams":[1]}"#,
        r#"{"custom:teams":[["a"]]}"#,
        r#"{"custom:teams":{"a":1}}"#,
        r#"{"custom:teams":true}"#,
        r#"{"custom:teams":["a"],"custom:teams":["b"]}"#,
        r#"{"custom:teams":["a"],"custom\u003ateams":["b"]}"#,
        r#"{"custom:teams":null,"custom:teams":["b"]}"#,
        r#"[]"#,
        r#"{} {}"#,
    ] {
        assert_eq!(read(json), Err(Malformation::Payload), "{json}");
    }
}

#[test]
fn a_payload_is_one_object_with_no_claim_of_ours_twice() {
    let read = |json: &[u8]| payload::<AlbPayload>(json).map(|payload| payload.sub.0);
    assert_eq!(read(br#"{"sub":"a\r\n\u0000b","exp":1,"other":1,"other":2}"#).unwrap(), "a\r\n\0b");
    for refused in [
        br#"{"sub":"a","exp":1,"exp":2}"#.as_slice(),
        br#"{"sub":"a","sub":"b","exp":1}"#,
        br#"{"sub":"a","exp":1,"email":"a@b","e\u006dail":"c@d"}"#,
        br#"{"sub":"","exp":1}"#,
        br#"{"sub":1,"exp":1}"#,
        br#"{"sub":null,"exp":1}"#,
        br#"{"sub":"a","exp":"1"}"#,
        br#"{"sub":"a"}"#,
        br#"{"exp":1}"#,
        br#"{"sub":"a","exp":1,"email":["a@b"]}"#,
        br#"["a",1,null,null,null,null,null,null,null]"#,
        br#"{"sub":"a","exp":1}{}"#,
        b"{\"sub\":\"\xff\",\"exp\":1}",
        b"{\"sub\":\"a\",\"exp\":1,\"unknown\":\"\xff\"}",
        b"\xef\xbb\xbf{\"sub\":\"a\",\"exp\":1}",
        b"null",
        b"",
    ] {
        assert_eq!(read(refused), Err(Malformation::Payload), "{}", String::from_utf8_lossy(refused));
    }
}

#[test]
fn deep_nesting_is_passed_over_or_refused_and_never_overflows() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let read = |json: String| payload::<AlbPayload>(json.as_bytes()).map(|payload| payload.sub.0);
    assert_eq!(read(format!(r#"{{"sub":"a","exp":1,"x":{deep}}}"#)).unwrap(), "a");
    for claim in ["sub", "exp", "email", "email_verified"] {
        assert_eq!(read(format!(r#"{{"{claim}":{deep},"sub":"a","exp":1}}"#)), Err(Malformation::Payload), "{claim}");
    }
    assert_eq!(groups(format!(r#"{{"g":{deep}}}"#).as_bytes(), "g"), Err(Malformation::Payload));
    assert_eq!(groups(format!(r#"{{"x":{deep}}}"#).as_bytes(), "g").unwrap(), [""; 0]);
}

#[test]
fn critical_extensions_are_seen_whatever_their_value() {
    for crit in ["null", "[]", r#"["exp"]"#, "false"] {
        let json = format!(r#"{{"alg":"RS256","crit":{crit}}}"#);
        assert!(header::<AccessHeader>(json.as_bytes()).unwrap().crit == Presence::Present, "{crit}");
    }
}
