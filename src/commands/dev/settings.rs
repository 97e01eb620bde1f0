//! What the `dev` command decides itself, over whatever file, environment and flags say: where things listen, and whose
//! tokens are good. All else is the operator's, so that a production configuration can be tried as it is.

use std::{io, net::Ipv4Addr};

use tokio::net::TcpListener;

use crate::{
    app::Listeners,
    config::{ConfigErrors, Credentials, Development, Environment, FlagSetting, Flags, GroupsSource, Layer},
    dev::{GroupsIn, KeyEndpoint, Parties},
};

/// What stands behind the proxy.
#[derive(Debug)]
pub(super) enum Behind {
    /// The configured application.
    Application,
    /// The built-in sample application, on this listener.
    Sample(TcpListener),
}

/// What was decided before anything is loaded.
#[derive(Debug)]
pub(super) struct Given<'a> {
    /// Whose tokens are good.
    pub(super) parties: &'a Parties,
    /// Where their keys are.
    pub(super) keys: &'a KeyEndpoint,
    /// Where the proxy listens.
    pub(super) listeners: &'a Listeners,
}

/// Loads the configuration around what is given. The sample application stands in where
/// nobody named another.
///
/// # Errors
/// The operating system's; the configuration's are inside.
pub(super) async fn load(
    flags: &Flags,
    environment: &Environment,
    given: &Given<'_>,
) -> io::Result<Result<(Development, Behind), ConfigErrors>> {
    let mut flags = flags.clone();
    flags.settings.extend(ours(given)?.map(|(key, value)| setting(key, value)));
    let development = match Development::load(&flags, environment) {
        Ok(development) => development,
        Err(errors) => return Ok(Err(errors)),
    };
    let names_no_application =
        development.config.settings.iter().any(|setting| setting.key == UPSTREAM && setting.layer == "default");
    if !names_no_application {
        return Ok(Ok((development, Behind::Application)));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    flags.settings.push(setting(UPSTREAM, format!("http://{}", listener.local_addr()?)));
    Ok(Development::load(&flags, environment).map(|development| (development, Behind::Sample(listener))))
}

const UPSTREAM: &str = "upstream.url";

fn ours(Given { parties, keys, listeners }: &Given<'_>) -> io::Result<[(&'static str, String); 13]> {
    let admin = listeners.admin.as_ref().map(TcpListener::local_addr).transpose()?;
    Ok([
        ("server.listen", listeners.main.local_addr()?.to_string()),
        ("server.admin_listen", admin.map_or_else(|| "off".to_owned(), |address| address.to_string())),
        ("alb.arns", parties.signer.clone()),
        ("alb.client_ids", parties.client.clone()),
        ("alb.public_keys_url", keys.alb_url()),
        ("cognito.user_pool_id", parties.user_pool_id().to_owned()),
        ("cognito.jwks_url", keys.jwks_url()),
        ("identity.issuers", parties.issuer.clone()),
        // Who stands before the proxy: the stand-in, whose address is known.
        ("server.trusted_proxies", "127.0.0.0/8".to_owned()),
        ("server.trusted_hops", "1".to_owned()),
        // Nobody is signed in to the real one.
        ("logout.cognito_domain", String::new()),
        // Nothing is passed by: whoever is not signed in is nobody, the mock user signs in as everybody does.
        ("dev.mode", "false".to_owned()),
        ("server.drain_delay", "0s".to_owned()),
    ])
}

const fn setting(key: &'static str, value: String) -> FlagSetting {
    FlagSetting { layer: Layer::Command("dev"), key, value }
}

/// Which token the proxy takes groups from.
pub(super) fn groups_in(development: &Development) -> GroupsIn {
    match &development.config.credentials {
        Credentials::RefuseAll => GroupsIn::default(),
        Credentials::Verify(verification) => match &verification.groups {
            GroupsSource::CognitoAccessToken { claim, .. } => GroupsIn::AccessToken(claim.clone()),
            GroupsSource::Userinfo { claim } => GroupsIn::Userinfo(claim.clone()),
        },
    }
}
