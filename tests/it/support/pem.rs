//! Keys as an operator makes them.

use aws_lc_rs::rand;
use p256::pkcs8::{EncodePrivateKey, LineEnding};

/// A new P-256 private key.
pub(crate) fn p256_pem() -> String {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).unwrap();
    let key = p256::SecretKey::from_slice(&bytes).unwrap();
    key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}
