//! Files that are read again while the process runs: keys and certificates. They are taken when they have settled, or at
//! once where somebody wishes it; what is wrong with them never takes the place of what is in force.
//!
//! They are read every second and compared by content, for the reasons that the policy file is (`authoriser/reload`).
//! Of a content only its hash is kept: it may be a private key.

#[cfg(test)]
mod tests;

use std::{error::Error, io, path::PathBuf, time::Duration};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use tokio::{task::spawn_blocking, time::sleep};
use tracing::{error, info};

use crate::{
    cause::told,
    config::{Secret, SecretFile, ValueError},
    metrics::{Metrics, ReloadOutcome, Reloaded},
    reload::{News, Occasion, Seen, Wishes, Writing},
};

/// Two reads must agree, so a change is in force after at most two of these and the time to read.
const PERIOD: Duration = Duration::from_secs(1);

/// Files whose texts are in force together, as a certificate and its key are.
#[derive(Debug)]
pub struct Followed {
    paths: Vec<PathBuf>,
    seen: Seen<Glimpse>,
}

/// What one look at the files gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Glimpse {
    Content([u8; 32]),
    Unreadable(io::ErrorKind),
}

impl Followed {
    /// Files that were read already, and whose texts are in force.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = SecretFile>) -> Self {
        let (paths, in_force): (Vec<PathBuf>, Vec<Secret>) =
            files.into_iter().map(|SecretFile { path, text }| (path, text)).unzip();
        Self { paths, seen: Seen::of(Glimpse::Content(hash(&in_force))) }
    }

    /// Gives every new content to `take`, for ever, and says in log and `metrics` what came of it. Dropping it ends it.
    ///
    /// Files caught while they are rewritten are not judged: only what was read twice in a row is, or what is there when
    /// `wishes` has one.
    pub async fn follow(
        mut self,
        mut wishes: Wishes,
        (what, metrics): (Reloaded, &Metrics),
        take: impl Fn(&[Secret]) -> Result<(), ValueError>,
    ) {
        let shown = self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        loop {
            let occasion = tokio::select! {
                biased;
                () = wishes.next() => Occasion::Wished,
                () = sleep(PERIOD) => Occasion::Due,
            };
            let paths = self.paths.clone();
            let texts = spawn_blocking(move || paths.iter().map(|path| Secret::read(path)).collect()).await;
            let texts: io::Result<Vec<Secret>> = texts.unwrap_or_else(|ended| Err(io::Error::other(ended)));
            match self.seen.look(glimpse(&texts), occasion, Writing::InPlace) {
                News::Change(glimpse) => {
                    let taken: Result<(), Box<dyn Error>> = match texts {
                        Ok(texts) => take(&texts).map_err(Into::into),
                        Err(error) => Err(error.into()),
                    };
                    self.settle(glimpse, taken, (what, &shown, metrics));
                }
                News::None if occasion == Occasion::Wished => {
                    info!(what = what.name(), path = shown, "read again, nothing has changed");
                }
                News::None | News::Unsettled => {}
                News::Recovery => {
                    metrics.reloaded(what, ReloadOutcome::Applied);
                    info!(what = what.name(), path = shown, "good again, it is what is in force");
                }
            }
        }
    }

    /// Notes what came of a change, and says so once it is counted.
    fn settle(
        &mut self,
        glimpse: Glimpse,
        taken: Result<(), Box<dyn Error>>,
        (what, shown, metrics): (Reloaded, &str, &Metrics),
    ) {
        match taken {
            Ok(()) => {
                self.seen.take(glimpse);
                metrics.reloaded(what, ReloadOutcome::Applied);
                info!(what = what.name(), path = shown, "read again and taken");
            }
            Err(problem) => {
                self.seen.refuse(glimpse);
                metrics.reloaded(what, ReloadOutcome::Refused);
                let error = told(&*problem);
                error!(what = what.name(), path = shown, error, "not taken, the last good ones stay in force");
            }
        }
    }
}

fn glimpse(texts: &io::Result<Vec<Secret>>) -> Glimpse {
    match texts {
        Ok(texts) => Glimpse::Content(hash(texts)),
        Err(error) => Glimpse::Unreadable(error.kind()),
    }
}

/// With each text's length, so that what moves from one file to the next is a change.
fn hash(texts: &[Secret]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for text in texts {
        context.update(&text.expose().len().to_be_bytes());
        context.update(text.expose().as_bytes());
    }
    let digest: Digest = context.finish();
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}
