//! Every way a server might read a path: whoever asks what a path could mean gets the answer of all of them.

use percent_encoding::percent_decode_str;

use crate::config::PathPrefix;

/// How many layers of percent-encoding are taken off. Nobody needs more than two, and each costs a pass.
const MOST_LAYERS: usize = 4;

/// Whether some server might read `path` as one under `prefix`: after any number of decodings, with backslashes as
/// slashes, without parameters, empty or dot segments. A path that is still encoded after [`MOST_LAYERS`] might.
pub(super) fn could_mean(path: &str, prefix: &PathPrefix) -> bool {
    if !path.contains(['%', '\\', ';']) && !path.contains("//") && !path.contains("/.") {
        return false;
    }
    in_any_layer(path, |layer| passes_through(layer, prefix))
}

/// Whether some server might read `path` as one that goes up, out of where it seems to be.
pub(super) fn could_go_up(path: &str) -> bool {
    in_any_layer(path, |layer| segments(layer).any(|segment| segment == ".."))
}

/// Whether `says_yes` to `path` under any number of decodings. To a path that is still encoded after [`MOST_LAYERS`] it
/// might.
fn in_any_layer(path: &str, says_yes: impl Fn(&str) -> bool) -> bool {
    let mut layer = path.to_owned();
    for _ in 0..MOST_LAYERS {
        if says_yes(&layer) {
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

/// Whether walking along `path` is at or under `prefix` at any step: servers disagree on what `..` takes away.
fn passes_through(path: &str, prefix: &PathPrefix) -> bool {
    let mut walked = String::with_capacity(path.len() + 1);
    for segment in segments(path) {
        match segment {
            "" | "." => {}
            ".." => walked.truncate(walked.rfind('/').unwrap_or(0)),
            plain => {
                walked.push('/');
                walked.push_str(plain);
            }
        }
        if prefix.strip(&walked).is_some() {
            return true;
        }
    }
    false
}

/// What stands between slashes of either kind, without parameters.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\']).map(|segment| segment.split(';').next().unwrap_or_default())
}
