//! Tells the binary which commit it was built from, for `--version`.

use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "the build's environment, not the program's")]
fn main() {
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    // The log of HEAD changes with every commit and checkout; HEAD itself only names a branch.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let given = std::env::var("BUILD_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    // Not under our own prefix: `cargo run` passes this on to the program, which refuses names of ours it does not know.
    println!("cargo::rustc-env=BUILD_COMMIT={}", commit.as_deref().unwrap_or("unknown commit"));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
