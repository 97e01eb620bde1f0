//! Tells the binary which commit it was built from, for `--version`, and whether its sources are those of that commit.

use std::process::Command;

/// What becomes part of the binary. Edits elsewhere have nothing built again, and make no binary another one.
const SOURCES: [&str; 5] = ["Cargo.lock", "Cargo.toml", "build.rs", "config/default.toml", "src"];

#[expect(clippy::disallowed_methods, reason = "the build's environment, not the program's")]
fn main() {
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    for path in SOURCES {
        println!("cargo::rerun-if-changed={path}");
    }
    // The log of HEAD changes with every commit and checkout; HEAD itself only names a branch.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let given = std::env::var("BUILD_COMMIT").ok().filter(|commit| !commit.is_empty());
    // Not under our own prefix: `cargo run` passes this on to the program, which refuses names of ours it does not know.
    println!("cargo::rustc-env=BUILD_COMMIT={}", given.or_else(checked_out).as_deref().unwrap_or("unknown commit"));
}

/// The commit that is checked out, marked where the sources are not its own; `None` where there is no repository.
fn checked_out() -> Option<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // A file that git was never told of counts as well. The index is left alone, somebody may be at work with it.
    let status = ["--no-optional-locks", "status", "--porcelain", "--untracked-files=normal", "--"];
    let changed = git(&[&status[..], &SOURCES].concat())?;
    Some(if changed.is_empty() { commit } else { commit + "-dirty" })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
