//! What a verified credential costs: each token alone with its key at hand, and both through the authenticator.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot start has nothing to say")]

#[path = "parts/verifying.rs"]
mod verifying;

use divan::Bencher;
use verifying::Verifying;

fn main() {
    divan::main();
}

#[divan::bench]
fn alb_token(bencher: Bencher<'_, '_>) {
    bencher.bench_local(Verifying::start().alb_token());
}

#[divan::bench]
fn cognito_token(bencher: Bencher<'_, '_>) {
    bencher.bench_local(Verifying::start().cognito_token());
}

#[divan::bench]
fn both_tokens_again(bencher: Bencher<'_, '_>) {
    bencher.bench_local(Verifying::start().both_tokens_again());
}
