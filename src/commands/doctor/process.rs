//! What the operating system lets the process do: too much, or too little.

use rustix::process::{Uid, geteuid};

use super::report::{Finding, Report};
use crate::commands::open_files;

pub(super) fn check(report: &mut Report, connections: usize) {
    report.add(user(geteuid()));
    let allowed = open_files::allowed();
    let fitting = open_files::fitting(allowed, connections);
    let shown = allowed.map_or_else(|| "any number of".to_owned(), |allowed| allowed.to_string());
    report.add(if fitting < connections {
        Finding::warn(
            "open files",
            format!("{shown} leave room for {fitting} of {connections} connections (limits.max_connections)"),
            "allow more (ulimit -n, LimitNOFILE=, ulimits), or set a smaller limit",
        )
    } else {
        Finding::ok("open files", format!("{shown} are enough for {connections} connections"))
    });
}

fn user(user: Uid) -> Finding {
    if user.is_root() {
        return Finding::warn(
            "user",
            "doctor runs as root; the proxy needs no right that root has",
            "run both as another user",
        );
    }
    Finding::ok("user", "not root")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_warned_and_nobody_else() {
        let told = user(Uid::ROOT).to_string();
        assert!(told.starts_with("warn user: doctor runs as root") && told.contains("; run both as"), "{told}");
        assert_eq!(user(Uid::from_raw(65_534)).to_string(), "ok   user: not root");
    }
}
