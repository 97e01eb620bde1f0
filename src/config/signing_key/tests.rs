use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::verify,
    jwk::{JwkSet, ThumbprintHash},
};
use p256::{
    SecretKey,
    ecdsa::{Signature, VerifyingKey, signature::Verifier},
    pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding},
};

use serde_json::Value;

use super::*;

const ES256: AssertionAlgorithm = AssertionAlgorithm::Es256;
const EDDSA: AssertionAlgorithm = AssertionAlgorithm::EdDsa;
const HS256: AssertionAlgorithm = AssertionAlgorithm::Hs256;

fn parse(algorithm: AssertionAlgorithm, text: &str) -> Result<SigningKeys, ValueError> {
    SigningKeys::parse(algorithm, &Secret::from_text(text.to_owned()))
}

fn problem(algorithm: AssertionAlgorithm, text: &str) -> &'static str {
    parse(algorithm, text).unwrap_err().problem
}

fn published(keys: &SigningKeys) -> JwkSet {
    serde_json::from_slice(&keys.jwks()).unwrap()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn p256_key(seed: u8) -> SecretKey {
    SecretKey::from_slice(&[seed; 32]).unwrap()
}

fn es256_pem(seed: u8) -> String {
    p256_key(seed).to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

/// The example key of RFC 8037 appendix A.1, in PKCS #8.
fn rfc_8037_pem() -> String {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    der.extend(seed);
    pem("PRIVATE KEY", &der)
}

#[test]
fn an_ed25519_key_has_the_thumbprint_rfc_8037_gives() {
    let keys = parse(EDDSA, &rfc_8037_pem()).unwrap();
    let kid = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    assert_eq!(keys.kid(), Some(kid));
    assert_eq!(
        serde_json::from_slice::<Value>(&keys.jwks()).unwrap(),
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "use": "sig", "alg": "EdDSA", "kid": kid}]})
    );
}

#[test]
fn an_es256_key_has_the_thumbprint_another_library_computes() {
    let keys = parse(ES256, &es256_pem(7)).unwrap();
    let [jwk] = published(&keys).keys.try_into().unwrap();
    assert_eq!(keys.kid(), jwk.common.key_id.as_deref());
    assert_eq!(keys.kid(), Some(jwk.thumbprint(ThumbprintHash::SHA256).unwrap().as_str()));
}

#[test]
fn the_first_key_signs_and_all_are_published() {
    let keys = parse(ES256, &format!("first\n{}second\n{}", es256_pem(7), es256_pem(8))).unwrap();
    assert_eq!(published(&keys).keys.len(), 2);
    let signature = Signature::from_slice(&keys.sign(b"message").unwrap()).unwrap();
    VerifyingKey::from(p256_key(7).public_key()).verify(b"message", &signature).unwrap();
    VerifyingKey::from(p256_key(8).public_key()).verify(b"message", &signature).unwrap_err();
}

#[test]
fn a_signature_verifies_with_the_published_key() {
    for (keys, algorithm) in [
        (SigningKeys::generate(ES256).unwrap(), Algorithm::ES256),
        (SigningKeys::generate(EDDSA).unwrap(), Algorithm::EdDSA),
    ] {
        let [jwk] = published(&keys).keys.try_into().unwrap();
        let signature = URL_SAFE_NO_PAD.encode(keys.sign(b"message").unwrap());
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        assert!(verify(&signature, b"message", &key, algorithm).unwrap());
        assert!(!verify(&signature, b"massage", &key, algorithm).unwrap());
        assert!(
            !serde_json::from_slice::<Value>(&keys.jwks()).unwrap()["keys"][0].as_object().unwrap().contains_key("d")
        );
    }
}

#[test]
fn a_made_key_is_never_made_twice() {
    assert_ne!(SigningKeys::generate(ES256).unwrap().kid(), SigningKeys::generate(ES256).unwrap().kid());
}

#[test]
fn a_shared_secret_publishes_nothing() {
    let keys = parse(HS256, "0123456789abcdef0123456789abcdef\n").unwrap();
    assert_eq!((keys.kid(), &keys.jwks()[..]), (None, &br#"{"keys":[]}"#[..]));
    let signature = URL_SAFE_NO_PAD.encode(keys.sign(b"message").unwrap());
    let key = DecodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
    assert!(verify(&signature, b"message", &key, Algorithm::HS256).unwrap());
}

#[test]
fn sec1_keys_are_read_with_and_without_their_parameters_block() {
    let sec1 = p256_key(7).to_sec1_pem(LineEnding::CRLF).unwrap();
    let parameters = pem("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    let expected = parse(ES256, &es256_pem(7)).unwrap();
    for text in [sec1.to_string(), format!("{parameters}{}", *sec1)] {
        assert_eq!(parse(ES256, &text).unwrap().kid(), expected.kid());
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_by_name() {
    let es256 = es256_pem(7);
    let public = p256_key(7).public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    for (text, expected) in [
        ("", "holds no PEM private key"),
        ("secret", "holds no PEM private key"),
        (&*public, "is a public key, and signing needs the private one"),
        (&*pem("CERTIFICATE", b"x"), "is a certificate, and signing needs a private key"),
        (&*pem("RSA PRIVATE KEY", b"x"), "is an RSA key, which signs no assertion here"),
        (&*pem("OPENSSH PRIVATE KEY", b"x"), "is an OpenSSH key, not PKCS #8"),
        (&*pem("ENCRYPTED PRIVATE KEY", b"x"), ENCRYPTED),
        ("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----", ENCRYPTED),
        (&*pem("PRIVATE KEY", p384.as_ref()), "is a key on another curve than P-256"),
        (&*pem("PRIVATE KEY", b"x"), "holds a private key that cannot be read"),
        (&*rfc_8037_pem(), "is an Ed25519 key, which is for assertion.algorithm EdDSA"),
        (&*es256.replace("-----END", "====="), "has a PEM block without its END line"),
        (&*es256.replace('\n', "\\n"), "has a PEM block that is not base64"),
        (&*format!("{es256}{es256}"), "holds the same key twice"),
    ] {
        assert_eq!(problem(ES256, text), expected);
    }
    assert_eq!(problem(EDDSA, &es256), "is a P-256 key, which is for assertion.algorithm ES256");
}

const ENCRYPTED: &str = "is an encrypted private key, and there is nobody to ask for the pass phrase";

#[test]
fn one_bad_key_among_good_ones_is_refused() {
    assert_eq!(
        problem(ES256, &format!("{}{}", es256_pem(7), rfc_8037_pem())),
        "is an Ed25519 key, which is for assertion.algorithm EdDSA"
    );
}

#[test]
fn a_weak_or_wrong_shared_secret_is_refused() {
    assert_eq!(problem(HS256, "0123456789abcdef0123456789abcde "), "is shorter than the 32 bytes HS256 needs");
    assert_eq!(problem(HS256, &es256_pem(7)), "is a PEM key, and HS256 takes a shared secret");
    assert_eq!(
        SigningKeys::generate(HS256).unwrap_err().problem,
        "is required for HS256, whose secret the application must know"
    );
}

#[test]
fn keys_never_print() {
    assert_eq!(format!("{:?}", parse(ES256, &es256_pem(7)).unwrap()), "SigningKeys(REDACTED)");
}
