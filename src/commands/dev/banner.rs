//! What `dev` says at its start: the page to open, what stands where, and who may come in.

use std::{fmt::Write as _, io, net::SocketAddr};

use tokio::net::TcpListener;

use super::{ports, settings::Behind};
use crate::{
    app::App,
    config::{Combination, Development, EmailAddress, PolicyRules, PolicySource},
    dev::{
        KeyEndpoint, Personas,
        load_balancer::{OnUnauthenticated, PREFIX},
    },
};

/// What was started.
pub(super) struct Started<'a> {
    pub(super) balancer: &'a TcpListener,
    /// The port that was asked for; none: the usual one.
    pub(super) port: Option<u16>,
    pub(super) on_unauthenticated: OnUnauthenticated,
    pub(super) app: &'a App,
    pub(super) keys: &'a KeyEndpoint,
    pub(super) behind: &'a Behind,
    pub(super) development: &'a Development,
    pub(super) personas: &'a Personas,
}

impl Started<'_> {
    /// The whole text. The first address in it is the page to open.
    pub(super) fn render(&self) -> io::Result<String> {
        let (balancer, proxy) = (self.balancer.local_addr()?, self.app.address()?);
        let mut text = format!(
            "\n  Open           http://{balancer}/\n  Switch user    http://{balancer}{PREFIX}/   personas: {}\n\n",
            self.personas.origin()
        );
        let mut line = |name: &str, value: String| {
            // Writing into a text does not fail.
            let _ = writeln!(text, "{}", format!("  {name:<14} {value}").trim_end());
        };
        let moved = if self.port.is_some() { String::new() } else { taken(balancer, ports::BALANCER) };
        line("load balancer", format!("http://{balancer}{moved}, stand-in; {}", self.without_session()));
        line("proxy", format!("http://{proxy}{}, as in production", taken(proxy, ports::PROXY)));
        if let Some(admin) = self.app.admin_address() {
            line("admin", format!("http://{admin}{}", taken(admin, ports::ADMIN)));
        }
        line("keys", format!("http://{}, stand-in; made at this start, in memory only", self.keys.address()));
        line("application", self.application());
        line("policy", String::new());
        for rule in policy(self.development) {
            line("", rule);
        }
        text.push_str("\n  Everything is on this machine only. Ctrl-C stops it.\n");
        Ok(text)
    }

    const fn without_session(&self) -> &'static str {
        match self.on_unauthenticated {
            OnUnauthenticated::Allow => "without a session: let through without identity",
            OnUnauthenticated::Authenticate => "without a session: sent to sign in",
            OnUnauthenticated::Deny => "without a session: refused with 401",
        }
    }

    fn application(&self) -> String {
        let address = &self.development.config.upstream.address;
        match self.behind {
            Behind::Application => address.to_string(),
            Behind::Sample(_) => format!("{address}, the built-in sample; name yours with --upstream"),
        }
    }
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
    if address.port() == usual { String::new() } else { format!(" (port {usual} is taken)") }
}
