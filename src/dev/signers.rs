//! The keys of a stand-in load balancer and user pool, and the two spellings of a token.

use aws_lc_rs::{
    rand::{self, SystemRandom},
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use p256::{
    ecdsa::{Signature, SigningKey, signature::Signer},
    pkcs8::{EncodePublicKey, LineEnding},
};
use serde_json::{Value, json};
use thiserror::Error;

/// A key could not be made: the system gives no random numbers.
#[derive(Debug, Error)]
#[error("a signing key cannot be made")]
pub struct SignerError;

/// How the parts of a token are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenShape {
    /// The load balancer's: base64url with padding, and the padded text is what is signed.
    Alb,
    /// RFC 7515: no padding.
    Compact,
}

impl TokenShape {
    /// A token of this header and payload (JSON text, or whatever a test wants there) with the signature `sign` makes
    /// of its signing input.
    pub fn token(self, header: &str, payload: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let engine = match self {
            Self::Alb => BASE64_URL_SAFE,
            Self::Compact => BASE64_URL_SAFE_NO_PAD,
        };
        let mut token = engine.encode(header);
        token.push('.');
        engine.encode_string(payload, &mut token);
        let signature = sign(token.as_bytes());
        token.push('.');
        engine.encode_string(signature, &mut token);
        token
    }
}

/// Signs as a load balancer: ES256. It uses another implementation of the curve than verification does.
pub(super) struct AlbSigner {
    pub(super) id: String,
    key: SigningKey,
}

impl AlbSigner {
    pub(super) fn generate() -> Result<Self, SignerError> {
        let key = SigningKey::from_slice(&random::<32>()?).map_err(|_| SignerError)?;
        Ok(Self { id: uuid()?, key })
    }

    /// Raw `r || s`.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(message);
        signature.to_vec()
    }

    /// The public key as the key endpoint serves it.
    pub(super) fn pem(&self) -> Result<String, SignerError> {
        self.key.verifying_key().to_public_key_pem(LineEnding::LF).map_err(|_| SignerError)
    }
}

/// Signs as a user pool: RS256 with 2048 bits.
pub(super) struct PoolSigner {
    pub(super) id: String,
    key: RsaKeyPair,
}

impl PoolSigner {
    pub(super) fn generate() -> Result<Self, SignerError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SignerError)?;
        // Cognito's ids are base64 text of 32 bytes; here always with each character that needs care in a URL.
        let id = format!("+/{}", BASE64_STANDARD.encode(random::<32>()?));
        Ok(Self { id, key })
    }

    #[expect(clippy::expect_used, reason = "a generated key signs; without random numbers there would be no key")]
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("an RSA signature");
        signature
    }

    /// The public key as a member of the pool's key set.
    pub(super) fn jwk(&self) -> Value {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.key.public_key());
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            "n": BASE64_URL_SAFE_NO_PAD.encode(public.n),
            "e": BASE64_URL_SAFE_NO_PAD.encode(public.e),
        })
    }
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], SignerError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| SignerError)?;
    Ok(bytes)
}

/// A random id in the form of a UUID.
pub(super) fn uuid() -> Result<String, SignerError> {
    Ok(uuid_text(u128::from_be_bytes(random()?)))
}

/// An id as the text of a UUID.
pub(super) fn uuid_text(id: u128) -> String {
    let group = |shift: u32, digits: u32| (id >> shift) & ((1 << (4 * digits)) - 1);
    let (a, b, c, d, e) = (group(96, 8), group(80, 4), group(64, 4), group(48, 4), group(0, 12));
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
}
