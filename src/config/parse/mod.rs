//! From settings as written to [`Config`]: each section parses its own values and states every problem it finds.

mod assertion;
mod authoriser;
mod credentials;
mod dev;
mod limits;
mod navigation;
mod server;
mod tls;
mod tracing;

use std::path::Path;

pub(super) use credentials::credentials;
pub(super) use dev::mock_user;
pub(super) use server::server;
pub(super) use tls::authorities;

use tracing_subscriber::EnvFilter;

use super::{
    AccessLog, AlbHeaders, AuditLog, Config, ConfigErrors, Emf, LogFormat, LoggedEmails, Logging, PolicyRules, Preset,
    Upstream, UpstreamAddress, ValueError, duration, findings::Findings, interlock::Surroundings, raw, raw::Raw,
};

/// Parses the merged settings. The rules are those of the policy, wherever it is kept.
pub(super) fn config(
    raw: &Raw,
    surroundings: &Surroundings,
    working_directory: &Path,
    mut findings: Findings,
) -> Result<(Config, PolicyRules), ConfigErrors> {
    let server = server(raw, &mut findings);
    let tls = tls::tls(&raw.tls, working_directory, &mut findings);
    let upstream = upstream(raw, &mut findings);
    let authorities = authorities(&raw.outgoing, working_directory, &mut findings);
    let credentials = credentials(raw, authorities.clone(), surroundings, &mut findings);
    let reserved = server.as_ref().map(|server| &server.reserved_prefix);
    let authoriser = authoriser::authoriser(
        &raw.authoriser,
        reserved,
        authorities.as_ref(),
        (surroundings, working_directory),
        &mut findings,
    );
    let limits = limits::limits(raw, upstream.as_ref().map(|upstream| upstream.preset), &mut findings);
    let assertion = assertion::section(&raw.assertion, &mut findings);
    let public_paths = authoriser.as_ref().map(|(authoriser, _)| &authoriser.public_paths);
    let rejection = navigation::rejection(&raw.rejection, reserved.zip(public_paths), &mut findings);
    let logout = navigation::logout(&raw.logout, &mut findings);
    let listen = server.as_ref().map(|server| server.listen);
    let dev = dev::dev(&raw.dev, listen, surroundings, working_directory, &mut findings);
    let logging = logging(&raw.logging, &mut findings);
    let tracing = tracing::tracing(&raw.tracing, authorities.as_ref(), &mut findings);

    let (Some(server), Some(upstream), Some(credentials), Some((authoriser, rules)), Some(assertion)) =
        (server, upstream, credentials, authoriser, assertion)
    else {
        return Err(findings.into_errors());
    };
    let (Some(limits), Some(rejection), Some(logout), Some(dev), Some(logging), Some(tls), Some(tracing)) =
        (limits, rejection, logout, dev, logging, tls, tracing)
    else {
        return Err(findings.into_errors());
    };
    let (warnings, settings) = findings.finish()?;
    let config = Config {
        server,
        tls,
        upstream,
        credentials,
        authoriser,
        limits,
        assertion,
        rejection,
        logout,
        dev,
        logging,
        tracing,
        warnings,
        settings,
    };
    Ok((config, rules))
}

pub(super) fn upstream(raw: &Raw, findings: &mut Findings) -> Option<Upstream> {
    let alb_headers = match (raw.upstream.pass_alb_headers, raw.identity.groups_source.as_str()) {
        (false, _) => AlbHeaders::Drop,
        (true, "cognito-access-token") => AlbHeaders::PassVerified,
        (true, _) => AlbHeaders::PassVerifiedData,
    };
    let raw = &raw.upstream;
    let address = findings.parsed("upstream.url", UpstreamAddress::parse(&raw.url));
    if address.as_ref().is_some_and(|address| !address.is_local()) {
        findings.warn(
            "upstream.url is not on this machine, and whoever reaches the application there directly passes the proxy by: run the proxy beside it and write http://127.0.0.1:port, or let nobody else reach that port",
        );
    }
    let preset = findings.choice(
        "upstream.preset",
        &raw.preset,
        &[
            ("gradio", Preset::Gradio),
            ("streamlit", Preset::Streamlit),
            ("fastapi", Preset::FastApi),
            ("generic", Preset::Generic),
        ],
    );
    let connect = findings.parsed("upstream.connect_timeout", duration::parse_positive(&raw.connect_timeout));
    let response = findings.parsed("upstream.response_timeout", duration::parse_positive(&raw.response_timeout));
    let idle = findings.parsed("upstream.pool_idle_timeout", duration::parse_positive(&raw.pool_idle_timeout));
    Some(Upstream {
        address: address?,
        preset: preset?,
        alb_headers,
        connect_timeout: connect?,
        response_timeout: response?,
        pool_idle_timeout: idle?,
    })
}

fn logging(raw: &raw::Logging, findings: &mut Findings) -> Option<Logging> {
    let formats = [("auto", LogFormat::Auto), ("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];
    let format = findings.choice("logging.format", &raw.format, &formats);
    let level = findings.parsed("logging.level", log_filter(&raw.level));
    let emf = findings.optional("logging.emf_namespace", raw.emf_namespace.as_ref(), emf_namespace);
    Some(Logging {
        format: format?,
        level: level?,
        access: if raw.access { AccessLog::All } else { AccessLog::Refusals },
        emails: if raw.emails { LoggedEmails::Shown } else { LoggedEmails::Hidden },
        emf: emf?.map_or(Emf::Off, Emf::Namespace),
        audit: if raw.audit { AuditLog::Decisions } else { AuditLog::Off },
    })
}

/// The letters of a CloudWatch namespace, and none of AWS' own.
fn emf_namespace(text: &str) -> Result<String, ValueError> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b".-_/#:".contains(&c);
    if text.is_empty() || text.len() > 255 || !text.bytes().all(allowed) || text.starts_with("AWS/") {
        return Err(ValueError {
            problem: "is no CloudWatch namespace of one's own",
            remedy: "write up to 255 letters, digits and . - _ / # :, not beginning with AWS/",
        });
    }
    Ok(text.to_owned())
}

fn log_filter(text: &str) -> Result<String, ValueError> {
    if text.is_empty() || EnvFilter::builder().parse(text).is_err() {
        return Err(ValueError {
            problem: "is not a log filter",
            remedy: "write error, warn, info, debug or trace, or a filter like info,cognito_auth_proxy=debug",
        });
    }
    Ok(text.to_owned())
}

/// Parses a text that stands for itself, like an issuer or the name of a claim: one word of visible characters.
fn word(text: &str) -> Result<String, ValueError> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ValueError { problem: "is empty or contains white space", remedy: "write one word" });
    }
    Ok(text.to_owned())
}
