//! A copy of a request that may be sent twice, kept while it is sent the first time.
//!
//! Nearly all of these are thrown away unused, so the fields are copied as bytes: a copy of the map itself takes four times
//! as long, most of it for names and values that are shared and counted.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body::Body as _;

use crate::ingress::RequestBody;

/// Room for the fields of most requests.
const USUAL_SIZE: usize = 2048;

/// What is needed to send a request again.
pub(super) struct Spare {
    method: Method,
    target: Uri,
    fields: Packed,
}

/// Fields one after the other in one piece of memory.
struct Packed {
    bytes: Vec<u8>,
    lengths: Vec<(usize, usize, Secrecy)>,
}

/// Whether a value is marked sensitive.
#[derive(Debug, Clone, Copy)]
enum Secrecy {
    Open,
    Sensitive,
}

impl Spare {
    /// A copy of `request`, where it may be sent twice: RFC 9110 §9.2.2 allows it for safe methods, and there is no body
    /// that would be half gone.
    pub(super) fn of(request: &Request<RequestBody>) -> Option<Self> {
        let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        (safe && request.body().is_end_stream()).then(|| Self {
            method: request.method().clone(),
            target: request.uri().clone(),
            fields: Packed::of(request.headers()),
        })
    }

    /// The request once more. `None` where that is impossible, which it is not: what was a field is one again.
    pub(super) fn into_request(self) -> Option<Box<Request<RequestBody>>> {
        let mut request = Box::new(Request::new(RequestBody::Empty));
        *request.headers_mut() = self.fields.unpack()?;
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target;
        Some(request)
    }
}

impl Packed {
    fn of(fields: &HeaderMap) -> Self {
        let mut packed = Self { bytes: Vec::with_capacity(USUAL_SIZE), lengths: Vec::with_capacity(fields.len()) };
        for (name, value) in fields {
            packed.bytes.extend_from_slice(name.as_str().as_bytes());
            packed.bytes.extend_from_slice(value.as_bytes());
            let secrecy = if value.is_sensitive() { Secrecy::Sensitive } else { Secrecy::Open };
            packed.lengths.push((name.as_str().len(), value.len(), secrecy));
        }
        packed
    }

    fn unpack(&self) -> Option<HeaderMap> {
        let (mut fields, mut rest) = (HeaderMap::with_capacity(self.lengths.len()), self.bytes.as_slice());
        for (name_length, value_length, secrecy) in &self.lengths {
            let (name, behind) = rest.split_at_checked(*name_length)?;
            let (value, behind) = behind.split_at_checked(*value_length)?;
            let mut value = HeaderValue::from_bytes(value).ok()?;
            value.set_sensitive(matches!(secrecy, Secrecy::Sensitive));
            fields.append(HeaderName::from_bytes(name).ok()?, value);
            rest = behind;
        }
        Some(fields)
    }
}

impl std::fmt::Debug for Spare {
    /// Queries, cookies and our statement stay out of logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Spare").field("method", &self.method).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fields_of_a_copy_are_those_of_the_request(
            sent in prop::collection::vec(("[a-z0-9_.!~-]{1,20}", prop::collection::vec(0x20_u8..=0xff, 0..30), any::<bool>()), 0..20),
        ) {
            let mut request = Request::get("/a?b=c").body(RequestBody::Empty).unwrap();
            for (name, mut value, sensitive) in sent {
                value.retain(|byte| *byte != 0x7f);
                let mut value = HeaderValue::from_bytes(&value).unwrap();
                value.set_sensitive(sensitive);
                request.headers_mut().append(name.parse::<HeaderName>().unwrap(), value);
            }
            let copy = Spare::of(&request).unwrap().into_request().unwrap();
            prop_assert_eq!((copy.method(), copy.uri()), (request.method(), request.uri()));
            prop_assert_eq!(copy.headers(), request.headers());
            for name in request.headers().keys() {
                let secrets = |fields: &HeaderMap| fields.get_all(name).iter().map(HeaderValue::is_sensitive).collect::<Vec<_>>();
                prop_assert_eq!(secrets(copy.headers()), secrets(request.headers()));
            }
        }
    }

    #[test]
    fn what_an_application_may_have_acted_upon_is_not_copied() {
        for (method, copied) in
            [("GET", true), ("HEAD", true), ("OPTIONS", true), ("POST", false), ("DELETE", false), ("PUT", false)]
        {
            let request = Request::builder().method(method).uri("/").body(RequestBody::Empty).unwrap();
            assert_eq!(Spare::of(&request).is_some(), copied, "{method}");
        }
    }

    #[test]
    fn a_copy_prints_nothing_of_what_it_holds() {
        let request = Request::get("/?s3cret").header("cookie", "s3cret").body(RequestBody::Empty).unwrap();
        assert!(!format!("{:?}", Spare::of(&request)).contains("s3cret"));
    }
}
