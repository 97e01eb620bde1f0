//! Tokens made before they are needed.

use std::{
    io::{BufWriter, Write as _},
    ops::Range,
    path::{Path, PathBuf},
};

use cognito_auth_proxy::dev::{Issuer, Tokens, User};

use super::{Outcome, machine, tokens};

/// New tokens for each of these users, made on every core.
pub(crate) fn of_users(issuer: &Issuer, numbers: Range<usize>) -> Outcome<Vec<Tokens>> {
    in_parallel(numbers, |number| tokens::both(issuer, &tokens::user(number)))
}

/// Many load balancer's tokens beside one access token.
pub(crate) fn with_new_alb(issuer: &Issuer, user: &User, tokens: &Tokens, count: usize) -> Outcome<Vec<Tokens>> {
    in_parallel(0..count, |_| Tokens { data: tokens::alb(issuer, user), ..tokens.clone() })
}

/// Tokens that look right, each with the signature of the next.
pub(crate) fn forged(tokens: &[Tokens]) -> Vec<Tokens> {
    let pairs = tokens.iter().zip(tokens.iter().cycle().skip(1));
    let forged = pairs.filter_map(|(tokens, other)| {
        let (signed, _) = tokens.data.rsplit_once('.')?;
        let (_, signature) = other.data.rsplit_once('.')?;
        Some(Tokens { data: format!("{signed}.{signature}"), ..tokens.clone() })
    });
    forged.collect()
}

fn in_parallel(numbers: Range<usize>, make: impl Fn(usize) -> Tokens + Sync) -> Outcome<Vec<Tokens>> {
    machine::pin(machine::BOTH_CORES)?;
    let half = numbers.start + numbers.len() / 2;
    let halves = [numbers.start..half, half..numbers.end];
    let made = std::thread::scope(|scope| {
        let makers = halves.map(|half| scope.spawn(|| half.map(&make).collect::<Vec<_>>()));
        makers.map(|maker| maker.join().map_err(|_| "no token could be made"))
    });
    machine::pin(machine::LOAD_CORE)?;
    let [mut first, second] = made;
    if let (Ok(all), Ok(rest)) = (&mut first, second) {
        all.extend(rest);
    }
    Ok(first?)
}

/// A file for wrk's script: a line holds the fields of one request, with tabs between them.
pub(crate) fn write(folder: &Path, name: &str, tokens: &[Tokens]) -> Outcome<PathBuf> {
    let path = folder.join(name);
    let mut file = BufWriter::new(std::fs::File::create(&path)?);
    for tokens in tokens {
        let fields = tokens.fields().map(|(name, value)| format!("{name}: {value}"));
        writeln!(file, "{}", fields.join("\t"))?;
    }
    file.flush()?;
    Ok(path)
}
