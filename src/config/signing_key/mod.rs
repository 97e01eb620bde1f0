//! The keys that sign the assertion: parsed once, never printed, their public halves ready to publish.

mod pem;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest, hmac,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::json;
use thiserror::Error;

use self::pem::{Block, Form};
use super::{Secret, ValueError};

/// Algorithms an assertion can be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssertionAlgorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// HMAC with SHA-256, a secret shared with the application.
    Hs256,
}

impl AssertionAlgorithm {
    /// Its name in a JWS header (RFC 7518, RFC 8037).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
        }
    }

    const fn make_one(self) -> &'static str {
        match self {
            Self::EdDsa => "make a key with: openssl genpkey -algorithm ED25519",
            Self::Es256 => "make a key with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            Self::Hs256 => {
                "make a secret of 32 bytes or more and give it to the application too: openssl rand -base64 32"
            }
        }
    }
}

/// The keys that sign the assertion: the first signs, all are published, so that a new key can be known to the
/// application before it signs. Cheap to clone.
#[derive(Clone)]
pub struct SigningKeys(Arc<Inner>);

struct Inner {
    signer: Signer,
    kid: Option<String>,
    published: Vec<PublicKey>,
    jwks: Bytes,
}

enum Signer {
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Hs256(Box<hmac::Key>),
}

/// The cryptographic library could not sign. It does not say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the key could not sign")]
pub struct SigningError;

impl SigningKeys {
    /// Parses one or more unencrypted PEM private keys of `algorithm`: PKCS #8, for ES256 also SEC 1. For HS256 the
    /// text is the secret, 32 bytes or more, less the white space around it. A key given twice is refused: one of the
    /// two was meant to be another.
    pub fn parse(algorithm: AssertionAlgorithm, text: &Secret) -> Result<Self, ValueError> {
        match algorithm {
            AssertionAlgorithm::Hs256 => shared_secret(text).map(Self::shared),
            AssertionAlgorithm::EdDsa | AssertionAlgorithm::Es256 => {
                let blocks = pem::private_keys(text, algorithm.make_one())?;
                let pairs = blocks.iter().map(|block| key_pair(algorithm, block)).collect::<Result<Vec<_>, _>>()?;
                Self::pairs(pairs)
            }
        }
    }

    /// Makes a key pair that lives as long as this value. HS256 has none to make, since the application could not know
    /// it: it is refused.
    pub fn generate(algorithm: AssertionAlgorithm) -> Result<Self, ValueError> {
        let made = match algorithm {
            AssertionAlgorithm::EdDsa => Ed25519KeyPair::generate().map(Signer::EdDsa),
            AssertionAlgorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Signer::Es256),
            AssertionAlgorithm::Hs256 => {
                return Err(ValueError {
                    problem: "is required for HS256, whose secret the application must know",
                    remedy: algorithm.make_one(),
                });
            }
        };
        let signer = made.map_err(|_| ValueError {
            problem: "could not be made at start",
            remedy: "give one in assertion.signing_key",
        })?;
        Self::pairs(vec![signer])
    }

    fn pairs(pairs: Vec<Signer>) -> Result<Self, ValueError> {
        let published = pairs.iter().map(PublicKey::of).collect::<Option<Vec<_>>>().ok_or(ValueError {
            problem: "holds a key that has no public half to publish",
            remedy: "give another key",
        })?;
        let mut kids: Vec<&str> = published.iter().map(|key| key.kid.as_str()).collect();
        kids.sort_unstable();
        if kids.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(ValueError { problem: "holds the same key twice", remedy: "give each key once" });
        }
        let kid = published.first().map(|key| key.kid.clone());
        let jwks = PublicKey::set(&published);
        let signer = pairs
            .into_iter()
            .next()
            .ok_or(ValueError { problem: "holds no key", remedy: "give the key that signs first" })?;
        Ok(Self(Arc::new(Inner { signer, kid, published, jwks })))
    }

    fn shared(key: hmac::Key) -> Self {
        let signer = Signer::Hs256(Box::new(key));
        Self(Arc::new(Inner { signer, kid: None, published: Vec::new(), jwks: PublicKey::set(&[]) }))
    }

    /// What the first key signs with.
    #[must_use]
    pub fn algorithm(&self) -> AssertionAlgorithm {
        match self.0.signer {
            Signer::EdDsa(_) => AssertionAlgorithm::EdDsa,
            Signer::Es256(_) => AssertionAlgorithm::Es256,
            Signer::Hs256(_) => AssertionAlgorithm::Hs256,
        }
    }

    /// The id of the first key: its RFC 7638 thumbprint. `None` for HS256: a hash of a secret is not for publishing,
    /// and there is only one to choose from.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// The public keys as a JWK set (RFC 7517), the signing one first. Empty for HS256.
    #[must_use]
    pub fn jwks(&self) -> Bytes {
        self.0.jwks.clone()
    }

    /// Each public key by itself, the signing one first. None for HS256.
    #[must_use]
    pub fn published(&self) -> &[PublicKey] {
        &self.0.published
    }

    /// Signs `message` with the first key, in the form RFC 7518 section 3 asks for (ES256: `r` and `s`, 64 bytes).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        match &self.0.signer {
            Signer::EdDsa(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Signer::Es256(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|signature| signature.as_ref().to_vec())
            }
            Signer::Hs256(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
        .map_err(|_| SigningError)
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKeys(REDACTED)")
    }
}

/// What is published of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kid: String,
    /// As JSON.
    jwk: String,
}

impl PublicKey {
    /// Its RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// A JWK set (RFC 7517) of `keys`.
    pub fn set<'a>(keys: impl IntoIterator<Item = &'a Self>) -> Bytes {
        let keys: Vec<&str> = keys.into_iter().map(|key| key.jwk.as_str()).collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into()
    }

    fn of(signer: &Signer) -> Option<Self> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        // RFC 7638: the thumbprint is taken over the required members alone, in this order, without white space. Every
        // value is base64url, so nothing needs escaping.
        let (required, mut jwk) = match signer {
            Signer::EdDsa(pair) => {
                let x = encode(pair.public_key().as_ref());
                let required = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
                (required, json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA"}))
            }
            Signer::Es256(pair) => {
                // SEC 1 section 2.3.3: 4, then x, then y.
                let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
                let (x, y) = (encode(x), encode(y));
                let required = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
                (required, json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256"}))
            }
            Signer::Hs256(_) => return None,
        };
        let kid = encode(digest::digest(&digest::SHA256, required.as_bytes()).as_ref());
        let members = jwk.as_object_mut()?;
        members.insert("use".to_owned(), json!("sig"));
        members.insert("kid".to_owned(), json!(kid));
        Some(Self { kid, jwk: jwk.to_string() })
    }
}

fn shared_secret(text: &Secret) -> Result<hmac::Key, ValueError> {
    let remedy = AssertionAlgorithm::Hs256.make_one();
    let secret = text.expose().trim();
    // A public key as HMAC secret is the classic algorithm confusion; a private one would have to be given away.
    if secret.contains("-----BEGIN ") {
        return Err(ValueError { problem: "is a PEM key, and HS256 takes a shared secret", remedy });
    }
    if secret.len() < 32 {
        return Err(ValueError { problem: "is shorter than the 32 bytes HS256 needs", remedy });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
}

fn key_pair(algorithm: AssertionAlgorithm, block: &Block) -> Result<Signer, ValueError> {
    let parsed = match (algorithm, block.form) {
        (AssertionAlgorithm::EdDsa, Form::Pkcs8) => Ed25519KeyPair::from_pkcs8(&block.der).map(Signer::EdDsa).ok(),
        (AssertionAlgorithm::Es256, Form::Pkcs8) => {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &block.der).map(Signer::Es256).ok()
        }
        (AssertionAlgorithm::Es256, Form::Sec1) => {
            EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &block.der).map(Signer::Es256).ok()
        }
        (AssertionAlgorithm::EdDsa, Form::Sec1) | (AssertionAlgorithm::Hs256, Form::Pkcs8 | Form::Sec1) => None,
    };
    parsed.ok_or_else(|| ValueError { problem: what_it_is(block), remedy: algorithm.make_one() })
}

/// Names a key that is not of the configured algorithm.
fn what_it_is(block: &Block) -> &'static str {
    let on = |curve| EcdsaKeyPair::from_private_key_der(curve, &block.der).is_ok();
    if on(&ECDSA_P256_SHA256_FIXED_SIGNING) {
        "is a P-256 key, which is for assertion.algorithm ES256"
    } else if Ed25519KeyPair::from_pkcs8(&block.der).is_ok() {
        "is an Ed25519 key, which is for assertion.algorithm EdDSA"
    } else if on(&ECDSA_P384_SHA384_FIXED_SIGNING) || on(&ECDSA_P521_SHA512_FIXED_SIGNING) {
        "is a key on another curve than P-256"
    } else if rsa::KeyPair::from_pkcs8(&block.der).is_ok() {
        "is an RSA key, which signs no assertion here"
    } else {
        "holds a private key that cannot be read"
    }
}
