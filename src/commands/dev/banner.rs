//! What `dev` says at its start: the page to open, what stands where, and who may come in.

use std::{fmt::Write as _, net::SocketAddr};

use super::ports;
use crate::{
    config::{Combination, Development, EmailAddress, PolicyRules, PolicySource},
    dev::{
        Personas,
        load_balancer::{OnUnauthenticated, PREFIX},
    },
};

/// What was started, and where.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) balancer: SocketAddr,
    /// Where the balancer is unless the port is taken: as asked for, or as usual.
    pub(super) wanted: u16,
    pub(super) proxy: SocketAddr,
    pub(super) admin: Option<SocketAddr>,
    pub(super) keys: SocketAddr,
    /// The application, in words.
    pub(super) application: String,
}

/// The whole text. The first address in it is the page to open.
pub(super) fn render(
    places: &Places,
    development: &Development,
    personas: &Personas,
    on_unauthenticated: OnUnauthenticated,
) -> String {
    let Places { balancer, wanted, proxy, admin, keys, application } = places;
    let without_session = match on_unauthenticated {
        OnUnauthenticated::Allow => "let through without identity",
        OnUnauthenticated::Authenticate => "sent to sign in",
        OnUnauthenticated::Deny => "refused with 401",
    };
    let mut text = format!(
        "\n  Open           http://{balancer}/\n  Switch user    http://{balancer}{PREFIX}/   personas: {}\n\n",
        personas.origin()
    );
    let mut line = |name: &str, value: String| {
        // Writing into a text does not fail.
        let _ = writeln!(text, "  {name:<14} {value}");
    };
    line(
        "load balancer",
        format!("http://{balancer}{}, stand-in; without a session: {without_session}", taken(*balancer, *wanted)),
    );
    line("proxy", format!("http://{proxy}{}, as in production", taken(*proxy, ports::PROXY)));
    if let Some(admin) = admin {
        line("admin", format!("http://{admin}{}", taken(*admin, ports::ADMIN)));
    }
    line("keys", format!("http://{keys}, stand-in; made at this start, in memory only"));
    line("application", application.clone());
    line("policy", String::new());
    for rule in policy(development) {
        line("", rule);
    }
    text.push_str("\n  Everything is on this machine only. Ctrl-C stops it.\n");
    text
}

/// The settings of the policy that somebody wrote, and where it is kept in a file the rules there.
fn policy(development: &Development) -> Vec<String> {
    let settings = &development.config.settings;
    let written = settings.iter().filter_map(|setting| {
        let key = setting.key.strip_prefix("authoriser.").filter(|_| setting.layer != "default")?;
        Some(format!("{key} = {}   # {}", setting.value, setting.layer))
    });
    let mut lines: Vec<String> = written.collect();
    if let PolicySource::File(_) = development.config.authoriser.policy {
        let PolicyRules { allowed_groups, allowed_users, allowed_domains, combination, admin_groups, admin_users } =
            &development.rules;
        let addresses =
            |users: &[EmailAddress]| -> Vec<String> { users.iter().map(|user| user.as_str().to_owned()).collect() };
        let domains = allowed_domains.iter().map(|domain| domain.as_str().to_owned()).collect();
        for (key, list) in [
            ("allowed_groups", allowed_groups.clone()),
            ("allowed_users", addresses(allowed_users)),
            ("allowed_domains", domains),
            ("admin_groups", admin_groups.clone()),
            ("admin_users", addresses(admin_users)),
        ] {
            if !list.is_empty() {
                lines.push(format!("{key} = {list:?}   # in that file, which is followed"));
            }
        }
        if *combination == Combination::All {
            lines.push("require_all = true   # in that file, which is followed".to_owned());
        }
    }
    lines
}

/// Says so where a listener is not where it usually is.
fn taken(address: SocketAddr, usual: u16) -> String {
    if usual == 0 || address.port() == usual { String::new() } else { format!(" (port {usual} is taken)") }
}
