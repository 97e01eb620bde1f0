//! What holds for every input a stranger can send: one oracle per parser, shared by the fuzz targets in `fuzz/`, the
//! property tests and the replay of the committed corpora.
//!
//! An oracle takes bytes, asks the parser and asserts what must be true of its answer, taken or refused. Wherever it can
//! it compares with a second, naive reading of the same rule that shares no code with the first.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod replay;

pub use crate::{
    config::invariants::{certificates, config, policy},
    ingress::invariants::{cookies, headers, local_target, paths, trace},
    token::invariants::{claims, jws},
};

/// Asserts what must hold of these bytes.
pub type Oracle = fn(&[u8]);

/// Every oracle under the name of its fuzz target and its corpus.
pub static ORACLES: [(&str, Oracle); 10] = [
    ("certificates", certificates),
    ("claims", claims),
    ("config", config),
    ("cookies", cookies),
    ("headers", headers),
    ("jws", jws),
    ("local_target", local_target),
    ("paths", paths),
    ("policy", policy),
    ("trace", trace),
];
