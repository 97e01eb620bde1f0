//! How much of everything one client, and all of them, may use.

use std::ops::RangeInclusive;

use crate::config::{
    BodyLimits, ConnectionLimits, HeadLimits, IdleLimit, Limits, PathPrefix, Preset, SizeLimit, StreamExpiry,
    StreamLimits, ValueError, duration,
    findings::Findings,
    raw::{self, Raw},
    size,
};

/// Far above what any load balancer sends, and still no way to fill the memory.
const MOST_FIELDS: usize = 1_000;
const MOST_FIELDS_SIZE: u64 = 1 << 20;
const MOST_TARGET_SIZE: u64 = 64 << 10;

/// Below, hardly a user's credential stays; above, it is a slip of the unit.
const CACHE_SIZES: RangeInclusive<u64> = (1 << 20)..=(64 << 30);

/// Beyond this a number of connections, requests or frames limits nothing.
const MOST: usize = 1 << 24;

/// The section. `preset` knows the paths of its framework's uploads.
pub(super) fn limits(raw: &Raw, preset: Option<Preset>, findings: &mut Findings) -> Option<Limits> {
    let userinfo = raw.identity.groups_source == "userinfo";
    let raw = &raw.limits;
    let heads = heads(raw, findings);
    let bodies = bodies(raw, preset, findings);
    let connections = connections(raw, findings);
    let credential_cache = findings.parsed("limits.credential_cache_size", cache_size(&raw.credential_cache_size));
    let age = findings.parsed("limits.max_stream_age", duration::parse_positive(&raw.max_stream_age));
    let idle = match raw.stream_idle_timeout.as_str() {
        "off" => Some(IdleLimit::Off),
        text => findings.parsed("limits.stream_idle_timeout", duration::parse_positive(text)).map(IdleLimit::After),
    };
    if raw.end_streams_at_expiry && userinfo {
        findings.refuse("limits.end_streams_at_expiry", NO_ACCESS_TOKEN);
    }
    let expiry = if raw.end_streams_at_expiry { StreamExpiry::Ends } else { StreamExpiry::Ignored };
    let streams = StreamLimits { age: age?, idle: idle?, expiry };
    Some(Limits {
        heads: heads?,
        bodies: bodies?,
        connections: connections?,
        credential_cache: credential_cache?,
        streams,
    })
}

fn heads(raw: &raw::Limits, findings: &mut Findings) -> Option<HeadLimits> {
    let fields = count("limits.max_fields", raw.max_fields, MOST_FIELDS, findings);
    let fields_size = bounded("limits.max_fields_size", &raw.max_fields_size, MOST_FIELDS_SIZE, findings);
    let field_size = bounded("limits.max_field_size", &raw.max_field_size, MOST_FIELDS_SIZE, findings);
    let target_size = bounded("limits.max_target_size", &raw.max_target_size, MOST_TARGET_SIZE, findings);
    Some(HeadLimits { fields: fields?, field_size: field_size?, fields_size: fields_size?, target_size: target_size? })
}

fn bodies(raw: &raw::Limits, preset: Option<Preset>, findings: &mut Findings) -> Option<BodyLimits> {
    let size = optional_size("limits.max_body_size", &raw.max_body_size, findings);
    let upload_size = optional_size("limits.max_upload_size", &raw.max_upload_size, findings);
    let idle = findings.parsed("limits.body_idle_timeout", duration::parse_positive(&raw.body_idle_timeout));
    let configured = findings.list("limits.upload_paths", &raw.upload_paths, PathPrefix::parse);
    let known = preset?.upload_paths().iter().filter_map(|path| PathPrefix::parse(path).ok());
    let upload_paths = known.chain(configured).collect();
    Some(BodyLimits { size: size?, upload_size: upload_size?, upload_paths, idle_timeout: idle? })
}

fn connections(raw: &raw::Limits, findings: &mut Findings) -> Option<ConnectionLimits> {
    let connections = count("limits.max_connections", raw.max_connections, MOST, findings);
    let requests = count("limits.max_concurrent_requests", raw.max_concurrent_requests, MOST, findings);
    let frames = count("limits.max_control_frames", raw.max_control_frames, MOST, findings);
    let head = findings.parsed("limits.head_timeout", duration::parse_positive(&raw.head_timeout));
    let write = findings.parsed("limits.write_timeout", duration::parse_positive(&raw.write_timeout));
    Some(ConnectionLimits {
        connections: connections?,
        concurrent_requests: u32::try_from(requests?).ok()?,
        control_frames: u32::try_from(frames?).ok()?,
        head_timeout: head?,
        write_timeout: write?,
    })
}

fn count(key: &'static str, number: i64, most: usize, findings: &mut Findings) -> Option<usize> {
    let number = usize::try_from(number).ok().filter(|number| (1..=most).contains(number)).ok_or(ValueError {
        problem: "is below 1, or too large to be a limit",
        remedy: "write a whole number as in the reference, config/default.toml",
    });
    findings.parsed(key, number)
}

/// A size that is held in memory, so that there is a most of it.
fn bounded(key: &'static str, text: &str, most: u64, findings: &mut Findings) -> Option<usize> {
    let bytes = size::parse(text).and_then(|bytes| {
        usize::try_from(bytes).ok().filter(|_| bytes <= most).ok_or(ValueError {
            problem: "is more than a request's head may need",
            remedy: "write a smaller size; the reference, config/default.toml, names the largest",
        })
    });
    findings.parsed(key, bytes)
}

fn cache_size(text: &str) -> Result<u64, ValueError> {
    let bytes = size::parse(text)?;
    CACHE_SIZES.contains(&bytes).then_some(bytes).ok_or(ValueError {
        problem: "is not between 1MiB and 64GiB",
        remedy: "write how much memory verified credentials may take, like 32MiB",
    })
}

fn optional_size(key: &'static str, text: &str, findings: &mut Findings) -> Option<SizeLimit> {
    match text {
        "off" => Some(SizeLimit::Off),
        text => findings.parsed(key, size::parse(text)).map(SizeLimit::Bytes),
    }
}

const NO_ACCESS_TOKEN: ValueError = ValueError {
    problem: "needs a verified access token, and identity.groups_source = \"userinfo\" verifies none",
    remedy: "take it out; limits.max_stream_age ends streams too",
};
