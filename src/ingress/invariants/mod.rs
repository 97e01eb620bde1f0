//! What holds of every request, whatever a stranger writes into its head.

mod fields;
mod targets;
mod trace;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use fields::{cookies, headers};
pub use targets::{local_target, paths};
pub use trace::trace;

/// The fields of a text, `name: value` in each line. A line that is none is passed over.
fn fields_of(text: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii())) {
            fields.append(name, value);
        }
    }
    fields
}
