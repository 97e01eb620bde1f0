//! Every way a server might read a path: whoever asks what a path could mean gets the answer of all of them.

use percent_encoding::percent_decode_str;

use crate::config::PathPrefix;

/// How many layers of percent-encoding are taken off. Nobody needs more than two, and each costs a pass.
const MOST_LAYERS: usize = 4;

/// Whether some server might read `path` as one under `reserved`: after any number of decodings, with backslashes as
/// slashes, without parameters, empty or dot segments. A path that is still encoded after [`MOST_LAYERS`] might.
pub(super) fn could_mean(path: &str, reserved: &PathPrefix) -> bool {
    if !path.contains(['%', '\\', ';']) && !path.contains("//") && !path.contains("/.") {
        return false;
    }
    let mut layer = path.to_owned();
    for _ in 0..MOST_LAYERS {
        if passes_through(&layer, reserved) {
            return true;
        }
        let next = percent_decode_str(&layer).decode_utf8_lossy().into_owned();
        if next == layer {
            return false;
        }
        layer = next;
    }
    true
}

/// Whether walking along `path` is at or under `reserved` at any step: servers disagree on what `..` takes away.
fn passes_through(path: &str, reserved: &PathPrefix) -> bool {
    let mut walked = String::with_capacity(path.len() + 1);
    for segment in path.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => walked.truncate(walked.rfind('/').unwrap_or(0)),
            plain => {
                walked.push('/');
                walked.push_str(plain);
            }
        }
        if reserved.strip(&walked).is_some() {
            return true;
        }
    }
    false
}
