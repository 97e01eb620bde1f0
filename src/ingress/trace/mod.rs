//! Which trace a request belongs to (W3C Trace Context), and what a load balancer called it.
//!
//! A trace is continued only where a trusted hop says so: whoever may name a parent decides what is recorded, and whose
//! trace a request is found in. Nothing is decided on the user by any of it.

mod balancer;
mod parent;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use parent::{TraceId, TraceParent};

use super::Hop;
use crate::config::TraceParents;

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
static BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// The most `baggage`, in bytes: what the recommendation wants to be passed on.
const MOST_BAGGAGE: usize = 8192;

/// What a request says of its trace.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// What it is a part of, in the words of a trusted hop.
    pub parent: Option<TraceParent>,
    /// `X-Amzn-Trace-Id` as far as it is well-formed: for finding the request in the load balancer's log, and for
    /// nothing else. It goes on unchanged.
    pub balancer: Option<HeaderValue>,
}

impl Trace {
    /// Reads it, and removes from the request what may not go on: everything of an unknown hop, and of a trusted one what
    /// is malformed or too long.
    pub fn read(fields: &mut HeaderMap, hop: Hop, parents: TraceParents) -> Self {
        let balancer = balancer::trace_id(fields);
        if !may_have_any(fields) {
            return Self { parent: None, balancer };
        }
        match (hop, parents) {
            (Hop::Trusted, TraceParents::TrustedHops) => Self { parent: continued(fields), balancer },
            (Hop::Unknown, _) | (Hop::Trusted, TraceParents::Nobodys) => {
                for name in [&TRACEPARENT, &TRACESTATE, &BAGGAGE] {
                    fields.remove(name);
                }
                Self { parent: None, balancer }
            }
        }
    }
}

/// Whether there may be one of the three fields, by how names begin: one look at all names costs less than looking up each,
/// and most requests have none.
fn may_have_any(fields: &HeaderMap) -> bool {
    fields.keys().any(|name| name.as_str().starts_with("trace") || name.as_str().starts_with("bag"))
}

/// The trace that goes on. Without a good parent there is none, and its state is nobody's; a bad state takes nothing with
/// it. Baggage is the application's own and read by nobody here.
fn continued(fields: &mut HeaderMap) -> Option<TraceParent> {
    if fields.contains_key(&BAGGAGE)
        && fields.get_all(&BAGGAGE).iter().map(HeaderValue::len).sum::<usize>() > MOST_BAGGAGE
    {
        fields.remove(&BAGGAGE);
    }
    let parent = only(fields, &TRACEPARENT).and_then(TraceParent::parse);
    if parent.is_none() {
        fields.remove(&TRACEPARENT);
    }
    if fields.contains_key(&TRACESTATE)
        && (parent.is_none() || !only(fields, &TRACESTATE).is_some_and(parent::is_state))
    {
        fields.remove(&TRACESTATE);
    }
    parent
}

/// The one value of a field; `None` where there are two: which one was meant is anybody's guess.
fn only<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = fields.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (None | Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// The trace, and what is left of the fields.
    fn read(sent: &[(&'static str, &str)], hop: Hop, parents: TraceParents) -> (Trace, Vec<String>) {
        let mut fields = HeaderMap::new();
        for (name, value) in sent {
            fields.append(*name, HeaderValue::try_from(*value).unwrap());
        }
        let trace = Trace::read(&mut fields, hop, parents);
        let left = fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        (trace, left)
    }

    fn trusted(sent: &[(&'static str, &str)]) -> (Trace, Vec<String>) {
        read(sent, Hop::Trusted, TraceParents::TrustedHops)
    }

    #[test]
    fn the_trace_of_a_trusted_hop_is_continued_and_goes_on_as_it_came() {
        let (trace, left) = trusted(&[("traceparent", PARENT), ("tracestate", "a=b"), ("baggage", "tenant=7")]);
        assert_eq!(trace.parent.unwrap().trace_id().as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(
            left,
            [format!("traceparent: {PARENT}"), "tracestate: a=b".to_owned(), "baggage: tenant=7".to_owned()]
        );
    }

    #[test]
    fn the_trace_of_anybody_else_is_gone() {
        let sent = [("traceparent", PARENT), ("tracestate", "a=b"), ("baggage", "tenant=7"), ("accept", "*/*")];
        for (hop, parents) in [
            (Hop::Unknown, TraceParents::TrustedHops),
            (Hop::Unknown, TraceParents::Nobodys),
            (Hop::Trusted, TraceParents::Nobodys),
        ] {
            let (trace, left) = read(&sent, hop, parents);
            assert_eq!((trace.parent, left), (None, vec!["accept: */*".to_owned()]), "{hop:?} {parents:?}");
        }
    }

    #[test]
    fn a_bad_parent_takes_its_state_with_it_and_a_bad_state_nothing() {
        for bad in [&[("traceparent", "00-x")][..], &[("traceparent", PARENT), ("traceparent", PARENT)], &[]] {
            let sent: Vec<_> = bad.iter().copied().chain([("tracestate", "a=b"), ("baggage", "c=d")]).collect();
            let (trace, left) = trusted(&sent);
            assert_eq!((trace.parent, left), (None, vec!["baggage: c=d".to_owned()]), "{bad:?}");
        }
        for bad in [&[("tracestate", "A=b")][..], &[("tracestate", "a=b"), ("tracestate", "c=d")]] {
            let sent: Vec<_> = bad.iter().copied().chain([("traceparent", PARENT)]).collect();
            let (trace, left) = trusted(&sent);
            assert!(trace.parent.is_some());
            assert_eq!(left, [format!("traceparent: {PARENT}")], "{bad:?}");
        }
    }

    #[test]
    fn baggage_is_bounded() {
        let half = "a".repeat(MOST_BAGGAGE / 2);
        assert_eq!(trusted(&[("baggage", &half), ("baggage", &half)]).1.len(), 2);
        assert_eq!(trusted(&[("baggage", &half), ("baggage", &half), ("baggage", "a")]).1.len(), 0);
    }
}
