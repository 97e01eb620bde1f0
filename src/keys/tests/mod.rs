//! Keys over real sockets; time is moved by hand.

mod alb_source;
mod pool_source;
mod signatures;

use std::time::Duration;

use http::StatusCode;

use super::*;
use crate::dev::{Fault, fixture::*};

/// Every way of answering 200 without giving a key, and of giving no answer.
const NO_KEY: [Fault; 11] = [
    Fault::Down,
    Fault::Html,
    Fault::WrongKind,
    Fault::Oversized,
    Fault::Redirect,
    Fault::Twice,
    Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
    Fault::Status(StatusCode::TOO_MANY_REQUESTS),
    Fault::Status(StatusCode::PROXY_AUTHENTICATION_REQUIRED),
    Fault::Status(StatusCode::BAD_REQUEST),
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

/// Whether this many fetches are what the budget allows since `start`: ten, and one for every second that went by.
fn within_budget(fetches: usize, start: tokio::time::Instant) -> bool {
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    (10..=10 + seconds + 1).contains(&fetches)
}

fn unknown<T>(outcome: Result<T, KeyError>) -> bool {
    matches!(outcome, Err(KeyError::Unknown))
}

#[tokio::test]
async fn an_answer_longer_than_any_key_is_cut_off() {
    let fixture = Fixture::start().await;
    fixture.endpoint.set_fault(Fault::Oversized);
    let alb = fixture.alb_keys().key(&made_up(1)).await.unwrap_err();
    let pool = fixture.pool_keys().key(&PoolKeyId::parse("k").unwrap()).await.unwrap_err();
    for (error, expected) in [(alb, 8 * 1024), (pool, 64 * 1024)] {
        let KeyError::Unavailable { source } = error else { panic!("{error}") };
        assert!(matches!(*source, FetchError::TooLarge { limit } if limit == expected), "{source}");
    }
}
