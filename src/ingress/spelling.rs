//! Every way a server might read a path: whoever asks what a path could mean gets the answer of all of them.

use percent_encoding::percent_decode_str;

use crate::config::PathPrefix;

/// How many layers of percent-encoding are taken off. Nobody needs more than two, and each costs a pass.
const MOST_LAYERS: usize = 4;

/// Whether some server might read `path` as one under `prefix`: after any number of decodings, with backslashes as
/// slashes or not, without parameters, empty or dot segments. A path that is still encoded after [`MOST_LAYERS`] might.
pub(super) fn could_mean(path: &str, prefix: &PathPrefix) -> bool {
    if !path.contains(['%', '\\', ';']) && !path.contains("//") && !path.contains("/.") {
        return false;
    }
    decoded(path).is_none_or(|path| leads_to(&path, prefix))
}

/// Whether some server might read `path` as one that goes up, out of where it seems to be.
pub(super) fn could_go_up(path: &str) -> bool {
    decoded(path).is_none_or(|path| path.split(['/', '\\']).any(|segment| name(segment) == ".."))
}

/// `path` without any percent-encoding; `None` where it is still encoded after [`MOST_LAYERS`].
fn decoded(path: &str) -> Option<String> {
    let mut layer = path.to_owned();
    for _ in 0..MOST_LAYERS {
        let next = percent_decode_str(&layer).decode_utf8_lossy().into_owned();
        if next == layer {
            return Some(layer);
        }
        layer = next;
    }
    None
}

/// Whether the segments of `prefix` stand in `decoded` where some reading has nothing before them.
///
/// What a `..` takes away is not worked out: servers split at encoded slashes and at backslashes or do not, and cut
/// parameters before or after. Where one of these stands, anything before it may be gone.
fn leads_to(decoded: &str, prefix: &PathPrefix) -> bool {
    let wanted: Vec<&str> = prefix.as_str().split('/').skip(1).collect();
    let (mut in_order, mut plain, mut disputed) = (0, 0, false);
    for run in decoded.split('/') {
        disputed |= run.contains(['\\', ';']);
        for segment in run.split('\\') {
            match name(segment) {
                "" | "." => {}
                ".." => disputed = true,
                name => {
                    plain += 1;
                    let found = wanted.get(in_order) == Some(&name);
                    if found && in_order + 1 < wanted.len() {
                        in_order += 1;
                    } else if found && (disputed || plain == wanted.len()) {
                        return true;
                    }
                }
            }
        }
    }
    false
}

/// What follows is a parameter or, to who parses the path as a URL or a C string once more, no part of it.
fn name(segment: &str) -> &str {
    segment.split([';', '?', '#', '\0']).next().unwrap_or_default()
}
