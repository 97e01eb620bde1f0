//! What a whole request costs short of the application: from its head to the answer of `/.auth/me`, which takes every
//! step but forwarding (sanitise, classify, authenticate from the cache, authorise, record).

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot start has nothing to say")]

#[path = "parts/whole.rs"]
mod whole;

use divan::Bencher;
use whole::Whole;

fn main() {
    divan::main();
}

#[divan::bench]
fn signed_in_with_tokens_seen_before(bencher: Bencher<'_, '_>) {
    let whole = Whole::start();
    bencher.with_inputs(|| whole.request()).bench_local_values(|request| whole.answer(request));
}
