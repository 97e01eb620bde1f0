//! What the `dev` command decides itself, over whatever file, environment and flags say: where things listen, and whose
//! tokens are good. All else is the operator's, so that a production configuration can be tried as it is.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use super::{NotServed, Options, ports};
use crate::{
    app::Listeners,
    config::{Credentials, Development, Environment, FlagSetting, GroupsSource, Layer, UpstreamAddress},
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

/// Everything that is decided before anything serves.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) development: Development,
    pub(super) behind: Behind,
    /// For the browser.
    pub(super) balancer: TcpListener,
    /// Of the proxy.
    pub(super) listeners: Listeners,
}

/// The application is where `dev` itself was told to listen.
#[derive(Debug, thiserror::Error)]
#[error("upstream.url is http://{0}, where dev itself listens; name another --port, or your application's own address")]
struct OwnAddress(SocketAddr);

/// Loads the configuration and binds the listeners, for stand-ins of `parties` whose keys are at `keys`. The sample
/// application stands in where nobody named another. The port of one that is named is left alone, running or not.
pub(super) async fn prepare(
    options: &Options,
    environment: &Environment,
    parties: &Parties,
    keys: &KeyEndpoint,
) -> Result<Prepared, NotServed> {
    let mut flags = options.flags.clone();
    flags.settings.extend(ours(parties, keys).map(|(key, value)| setting(key, value)));
    // Once to learn of the application, and once with every address.
    let first = Development::load(&flags, environment).map_err(NotServed::Configuration)?;
    let names_none = first.config.settings.iter().any(|setting| setting.key == UPSTREAM && setting.layer == "default");
    let behind = if names_none {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        flags.settings.push(setting(UPSTREAM, format!("http://{}", listener.local_addr()?)));
        Behind::Sample(listener)
    } else {
        Behind::Application
    };
    let theirs = local_port(&first.config.upstream.address);
    let balancer = ports::listen(options.port, theirs)?;
    let listeners = ports::proxy(theirs)?;
    let address = balancer.local_addr()?;
    if !names_none && theirs == Some(address.port()) {
        return Err(NotServed::usage(OwnAddress(address)));
    }
    for (key, listener) in [("server.listen", Some(&listeners.main)), ("server.admin_listen", listeners.admin.as_ref())]
    {
        if let Some(listener) = listener {
            flags.settings.push(setting(key, listener.local_addr()?.to_string()));
        }
    }
    let development = Development::load(&flags, environment).map_err(NotServed::Configuration)?;
    Ok(Prepared { development, behind, balancer, listeners })
}

/// The port of an application on this machine.
fn local_port(address: &UpstreamAddress) -> Option<u16> {
    match address {
        UpstreamAddress::Tcp { port, .. } if address.is_local() => Some(*port),
        UpstreamAddress::Tcp { .. } | UpstreamAddress::Unix(_) => None,
    }
}

const UPSTREAM: &str = "upstream.url";

fn ours(parties: &Parties, keys: &KeyEndpoint) -> [(&'static str, String); 18] {
    [
        // Until they are bound.
        ("server.listen", "127.0.0.1:0".to_owned()),
        ("server.admin_listen", "127.0.0.1:0".to_owned()),
        // The stand-in speaks plain HTTP to it.
        ("tls.mode", "off".to_owned()),
        ("tls.certificate_path", String::new()),
        ("tls.key_path", String::new()),
        ("alb.arns", parties.signer.clone()),
        ("alb.client_ids", parties.client.clone()),
        ("alb.public_keys_url", keys.alb_url()),
        ("cognito.user_pool_id", parties.user_pool_id().to_owned()),
        ("cognito.jwks_url", keys.jwks_url()),
        ("identity.issuers", parties.issuer.clone()),
        // Who stands before the proxy: the stand-in, whose address is known.
        ("server.trusted_proxies", "127.0.0.0/8".to_owned()),
        ("server.trusted_hops", "1".to_owned()),
        // Nothing is asked of AWS: the policy is the built-in one, and says so.
        ("authoriser.secret_name", String::new()),
        ("authoriser.ssm_parameter", String::new()),
        // Nobody is signed in to the real one.
        ("logout.cognito_domain", String::new()),
        // Nothing is passed by: whoever is not signed in is nobody, the mock user signs in as everybody does.
        ("dev.mode", "false".to_owned()),
        ("server.drain_delay", "0s".to_owned()),
    ]
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
