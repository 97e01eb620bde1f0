use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};
use p256::{
    SecretKey,
    ecdsa::{Signature, VerifyingKey, signature::Verifier},
    elliptic_curve::Generate,
    pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding},
};

use super::*;

/// The example key of RFC 8037 appendix A.1, in PKCS #8.
fn rfc_8037_key() -> String {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend(seed);
    pem("PRIVATE KEY", &der)
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn es256_key() -> String {
    SecretKey::generate().to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

fn parse(algorithm: AssertionAlgorithm, text: &str) -> Result<SigningKeys, ValueError> {
    SigningKeys::parse(algorithm, &Secret::from_text(text.to_owned()))
}

fn published(keys: &SigningKeys) -> JwkSet {
    serde_json::from_slice(&keys.jwks()).unwrap()
}

#[test]
fn the_thumbprint_is_that_of_rfc_8037() {
    let keys = parse(AssertionAlgorithm::EdDsa, &rfc_8037_key()).unwrap();
    assert_eq!(keys.kid(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    let jwks: Value = serde_json::from_slice(&keys.jwks()).unwrap();
    assert_eq!(
        jwks,
        json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwNxXZtbt_o".replace("xXZtbt_o", ""),
            "use": "sig", "alg": "EdDSA", "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        }]})
    );
}
