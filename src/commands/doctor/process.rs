//! What the operating system lets the process do: too much, or too little.

use super::report::{Finding, Report};
use crate::commands::open_files;

pub(super) fn check(report: &mut Report, connections: usize) {
    report.add(if rustix::process::geteuid().is_root() {
        Finding::warn("user", "doctor runs as root; the proxy needs no right that root has", "run both as another user")
    } else {
        Finding::ok("user", "not root")
    });
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
