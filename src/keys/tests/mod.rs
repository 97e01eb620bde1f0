//! Keys over real sockets; time is moved by hand.

mod alb_source;
mod pool_source;
mod signatures;

use std::time::Duration;

use http::StatusCode;

use super::*;
use crate::dev::{Fault, fixture::*};

/// Every way of answering 200 without giving a key, and of giving no answer.
const NO_KEY: [Fault; 9] = [
    Fault::Down,
    Fault::Html,
    Fault::WrongKind,
    Fault::Oversized,
    Fault::Redirect,
    Fault::Twice,
    Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
    Fault::Status(StatusCode::TOO_MANY_REQUESTS),
    Fault::Status(StatusCode::NO_CONTENT),
];

const SECOND: Duration = Duration::from_secs(1);

/// A well-formed id that no key has.
fn made_up(number: u32) -> KeyId {
    KeyId::parse(&format!("{number:08x}-0000-4000-8000-000000000000")).unwrap()
}

/// Whether nobody can tell, because of the endpoint.
fn undecided<T>(outcome: Result<T, KeyError>) -> bool {
    matches!(outcome, Err(KeyError::Unavailable { .. }))
}

fn unknown<T>(outcome: Result<T, KeyError>) -> bool {
    matches!(outcome, Err(KeyError::Unknown))
}
