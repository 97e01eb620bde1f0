//! Feeds `invariants::certificates`, which says what must hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cognito_auth_proxy::invariants::certificates(input));
