//! Tells the binary which commit it was built from, for `--version`.

use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "the build's environment, not the program's")]
fn main() {
    println!("cargo::rerun-if-env-changed=COGNITO_AUTH_PROXY_COMMIT");
    println!("cargo::rerun-if-changed=.git/HEAD");
    let commit = std::env::var("COGNITO_AUTH_PROXY_COMMIT").ok().filter(|commit| !commit.is_empty()).or_else(from_git);
    println!("cargo::rustc-env=COGNITO_AUTH_PROXY_COMMIT={}", commit.as_deref().unwrap_or("unknown commit"));
}

fn from_git() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
