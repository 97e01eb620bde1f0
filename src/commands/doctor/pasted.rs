//! Reads what was pasted: identity headers in the form in which people come by them, or one bare token.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// What to do where it cannot be read.
pub(super) const REMEDY: &str =
    "paste lines like `x-amzn-oidc-data: …`, a JSON object of header names and values, or one bare token";

/// More than any head a load balancer sends.
const LIMIT: u64 = 256 * 1024;

const PREFIX: &str = "x-amzn-oidc-";

/// Identity headers, unverified.
pub(super) struct Pasted {
    /// By name, as a request would have them.
    pub(super) fields: HeaderMap,
    /// Whether a whole request can be judged.
    pub(super) form: Form,
}

/// How much of a request was pasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One token without a name.
    Bare,
    /// Headers by name.
    Headers,
}

impl Pasted {
    /// Reads `path`, or standard input for `-`. The error says what is wrong, and nothing of what stands there.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = if path.as_os_str() == "-" { text(io::stdin().lock()) } else { File::open(path).and_then(text) };
        Self::parse(&text.map_err(|error| format!("{} cannot be read: {error}", path.display()))?)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('{') {
            return Self::from_json(text);
        }
        if text.split('.').count() == 3 && !text.contains([' ', ':', '\n']) {
            return Self::bare(text);
        }
        let mut fields = HeaderMap::new();
        for line in text.lines() {
            // curl and browsers mark lines of a request.
            let line = line.trim_start_matches(['>', ' ', '\t']);
            if let Some((name, value)) = line.split_once(':') {
                add(&mut fields, name, value)?;
            }
        }
        Self::headers(fields)
    }

    fn from_json(text: &str) -> Result<Self, String> {
        let Ok(Value::Object(mut members)) = serde_json::from_str(text) else {
            return Err("is not one JSON object".to_owned());
        };
        // A debugging page shows the whole request.
        if let Some(Value::Object(headers)) = members.remove("headers") {
            members = headers;
        }
        let mut fields = HeaderMap::new();
        for (name, value) in &members {
            match value {
                Value::String(value) => add(&mut fields, name, value)?,
                Value::Array(values) => {
                    for value in values.iter().filter_map(Value::as_str) {
                        add(&mut fields, name, value)?;
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
            }
        }
        Self::headers(fields)
    }

    /// The algorithm tells which of the two it is; nothing else is taken from it here.
    fn bare(token: &str) -> Result<Self, String> {
        let header = token.split('.').next().unwrap_or_default().trim_end_matches('=');
        let header: Value = BASE64_URL_SAFE_NO_PAD
            .decode(header)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or("holds no token: its first part is not JSON in base64url")?;
        let name = match header.get("alg").and_then(Value::as_str) {
            Some("RS256") => "x-amzn-oidc-accesstoken",
            _ => "x-amzn-oidc-data",
        };
        let mut fields = HeaderMap::new();
        add(&mut fields, name, token)?;
        Ok(Self { fields, form: Form::Bare })
    }

    fn headers(fields: HeaderMap) -> Result<Self, String> {
        if fields.is_empty() {
            return Err("holds no x-amzn-oidc- header".to_owned());
        }
        Ok(Self { fields, form: Form::Headers })
    }
}

/// Other headers are not looked at.
fn add(fields: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let name = name.trim().to_ascii_lowercase();
    if !name.starts_with(PREFIX) {
        return Ok(());
    }
    let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "holds a name that is no header's".to_owned())?;
    let value = value.trim().trim_matches('"');
    let value = HeaderValue::from_str(value).map_err(|_| format!("holds a {field} that is broken over lines"))?;
    fields.append(field, value);
    Ok(())
}

fn text(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        Pasted::parse(text).map(|pasted| pasted.fields.keys().map(ToString::to_string).collect()).unwrap_or_default()
    }

    #[test]
    fn each_form_is_read_and_other_headers_are_not() {
        let all = ["x-amzn-oidc-data", "x-amzn-oidc-accesstoken"];
        assert_eq!(names("> X-Amzn-Oidc-Data: a.b.c\nCookie: s\nx-amzn-oidc-accesstoken:d.e.f\n"), all);
        assert_eq!(names(r#"{"X-Amzn-Oidc-Data": ["a"], "Cookie": "s", "x-amzn-oidc-accesstoken": "b"}"#).len(), 2);
        assert_eq!(names(r#"{"method": "GET", "headers": {"x-amzn-oidc-data": "a"}}"#), all[..1]);
        let token = |alg: &str| format!("{}.b.c", BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}"}}"#)));
        assert_eq!(names(&token("ES256")), all[..1]);
        assert_eq!(names(&token("RS256")), all[1..]);
    }

    #[test]
    fn what_is_nothing_of_that_is_told_without_repeating_it() {
        for text in
            ["", "hunter2", "{", "[]", "Cookie: hunter2", "hunter2.hunter2.hunter2", "x-amzn-oidc-data: \u{1}hunter2"]
        {
            let error = Pasted::parse(text).err().unwrap();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_header_pasted_twice_is_there_twice() {
        let pasted = Pasted::parse("x-amzn-oidc-data: a\nx-amzn-oidc-data: b").unwrap();
        assert_eq!(pasted.fields.get_all("x-amzn-oidc-data").iter().count(), 2);
    }
}
