//! What takes the place of keys and certificates while the process runs: whatever came from files that are read again.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use crate::{
    config::{self, CertificateSource, Config, KeySource, Secret, ServerCertificate, ValueError},
    followed::Followed,
    metrics::{Metrics, Reloaded},
    reload::Reload,
    server::{Tls, Transport},
    upstream::assertion::Asserter,
};

/// The keys and certificates of one process that may change.
#[derive(Debug)]
pub struct Renewal(Vec<Renewable>);

/// Files, and who uses what is in them.
#[derive(Debug)]
struct Renewable {
    files: Followed,
    user: User,
}

#[derive(Debug)]
enum User {
    Asserter(Arc<Asserter>),
    Listener(Arc<Tls>),
}

impl Renewal {
    /// Of what `config` names, for whoever uses it.
    #[must_use]
    pub fn new(config: &Config, asserter: &Arc<Asserter>, transport: &Transport) -> Self {
        let mut all = Vec::new();
        match &config.assertion.key_source {
            KeySource::Fixed => {}
            KeySource::File(file) => {
                all.push(Renewable {
                    files: Followed::new([file.clone()]),
                    user: User::Asserter(Arc::clone(asserter)),
                });
            }
        }
        match (&config.tls, transport) {
            (config::Tls::On { source: CertificateSource::Files { certificate, key }, .. }, Transport::Tls(tls)) => {
                let files = Followed::new([certificate.clone(), key.clone()]);
                all.push(Renewable { files, user: User::Listener(Arc::clone(tls)) });
            }
            (config::Tls::On { .. } | config::Tls::Off, Transport::Tls(_) | Transport::Plain) => {}
        }
        Self(all)
    }

    /// Follows the files on `tasks` until `stop`.
    pub fn start(self, reload: &Reload, metrics: &Arc<Metrics>, tasks: &TaskTracker, stop: &CancellationToken) {
        for Renewable { files, user } in self.0 {
            let (wishes, metrics, stop) = (reload.wishes(), Arc::clone(metrics), stop.clone());
            tasks.spawn(async move {
                let following = files.follow(wishes, (user.what(), &metrics), |texts| user.take(texts));
                stop.run_until_cancelled(following).await;
            });
        }
    }
}

impl User {
    const fn what(&self) -> Reloaded {
        match self {
            Self::Asserter(_) => Reloaded::SigningKeys,
            Self::Listener(_) => Reloaded::Certificate,
        }
    }

    /// Uses what is in the files from now on.
    fn take(&self, texts: &[Secret]) -> Result<(), ValueError> {
        match (self, texts) {
            (Self::Asserter(asserter), [keys]) => asserter.rotate(keys),
            (Self::Listener(tls), [certificate, key]) => show(tls, &ServerCertificate::parse(certificate, key)?),
            (Self::Asserter(_) | Self::Listener(_), _) => Err(UNUSABLE),
        }
    }
}

const UNUSABLE: ValueError = ValueError { problem: "cannot be used", remedy: "give it at the next start" };

fn show(tls: &Tls, certificate: &ServerCertificate) -> Result<(), ValueError> {
    if let Some(warning) = certificate.validity().warning() {
        warn!(detail = warning, "doubtful certificate");
    }
    tls.replace(certificate).map_err(|_| UNUSABLE)
}
