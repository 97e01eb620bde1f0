//! Tokens of the stand-in issuer, each with one thing wrong with it.

mod access_token;
mod alb_token;
mod claim_types;

use serde_json::json;

use super::*;
use crate::{
    config::{GroupsSource, Verification},
    dev::{Fault, TokenShape, fixture::*},
};

/// When the ALB token of [`ann`] expires.
const DATA_EXPIRES: u64 = NOW + 120;

fn malformed<T>(outcome: Result<T, TokenError>, expected: Malformation) -> bool {
    matches!(outcome, Err(TokenError::Malformed(found)) if found == expected)
}
