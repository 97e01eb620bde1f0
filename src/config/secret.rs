//! A value that never prints.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// More than any key, chain of certificates or secret takes.
const LONGEST: u64 = 1 << 20;

/// A secret text. `Debug` and `Display` say `REDACTED`; it is wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Reads a file. Editors end one with a line end that is no part of a shared secret.
    ///
    /// # Errors
    /// The operating system's; `InvalidData` where it is not UTF-8 or longer than a mebibyte; `InvalidInput` where it is not a
    /// regular file: a pipe would keep its reader waiting for ever.
    pub fn read(path: &Path) -> io::Result<Self> {
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let mut text = Zeroizing::new(String::new());
        let length = File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
        if length as u64 > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than 1 MiB"));
        }
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(Self(text))
    }

    /// The text itself: for the code that uses the key, never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A secret, and the file it was read from.
#[derive(Debug, Clone)]
pub struct SecretFile {
    /// Where it is.
    pub path: PathBuf,
    /// What was there.
    pub text: Secret,
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from_text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("REDACTED")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("REDACTED")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::from_text("s3cret".to_owned());
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "REDACTED REDACTED Some(REDACTED)");
        assert_eq!(secret.expose(), "s3cret");
    }
}
