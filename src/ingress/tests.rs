//! What is refused before it is looked at, to the byte.

use super::*;

const LIMITS: HeadLimits = HeadLimits { fields: 2, field_size: 4, fields_size: 8, target_size: 3 };

fn sized(target: &str, fields: &[(&'static str, &'static str)]) -> Result<(), Malformed> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(*name, HeaderValue::from_static(value));
    }
    check_size(&target.parse().unwrap(), &map, LIMITS)
}

#[test]
fn every_limit_of_a_head_is_met_and_not_passed() {
    let too_long = |name: &'static str| Err(Malformed::FieldTooLong { name: HeaderName::from_static(name), size: 5 });
    for (target, fields, expected) in [
        ("/ab", &[][..], Ok(())),
        ("/abc", &[], Err(Malformed::TargetTooLong)),
        ("/?b", &[], Ok(())),
        ("/?bc", &[], Err(Malformed::TargetTooLong)),
        ("/", &[("a", "1234")], Ok(())),
        ("/", &[("a", "12345")], too_long("a")),
        ("/", &[("abcd", "")], Ok(())),
        ("/", &[("abcde", "")], too_long("abcde")),
        ("/", &[("ab", "12"), ("cd", "34")], Ok(())),
        ("/", &[("ab", "12"), ("cd", "345")], Err(Malformed::FieldsTooLarge)),
        ("/", &[("ab", "12"), ("ab", "345")], Err(Malformed::FieldsTooLarge)),
        ("/", &[("abcd", ""), ("efgh", "1")], Err(Malformed::FieldsTooLarge)),
        ("/", &[("a", ""), ("b", "")], Ok(())),
        ("/", &[("a", ""), ("b", ""), ("b", "")], Err(Malformed::FieldsTooLarge)),
    ] {
        assert_eq!(sized(target, fields), expected, "{target} {fields:?}");
    }
}

#[test]
fn only_a_path_goes_on_and_no_method_for_proxies() {
    let form = |method: Method, target: &str| origin_form(&method, &target.parse().unwrap());
    assert_eq!(form(Method::GET, "/a?b"), Ok(Uri::from_static("/a?b")));
    assert_eq!(form(Method::GET, "http://app.example/a?b"), Ok(Uri::from_static("/a?b")));
    assert_eq!(form(Method::OPTIONS, "*"), Err(Malformed::UnsupportedTarget));
    assert_eq!(form(Method::GET, "app.example:443"), Err(Malformed::UnsupportedTarget));
    for method in [Method::CONNECT, Method::TRACE] {
        assert_eq!(form(method, "/"), Err(Malformed::UnsupportedMethod));
    }
}
