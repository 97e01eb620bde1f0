//! Edge cases of signatures in the manner of Wycheproof, with another implementation's opinion beside ours.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents},
};
use base64::{Engine, prelude::*};
use p256::{
    ecdsa::{Signature, SigningKey, VerifyingKey, signature::Signer, signature::Verifier},
    pkcs8::{EncodePublicKey, LineEnding},
};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const MESSAGE: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0=";

/// The order of P-256's group.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn signer() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn pem(key: &SigningKey) -> String {
    key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap()
}

/// Our verdict, which must be p256's as well.
fn verifies(signature: &[u8]) -> bool {
    let ours = AlbKey::from_pem(&pem(&signer())).unwrap().verifies(MESSAGE, signature);
    let second = Signature::from_slice(signature);
    let second = second.is_ok_and(|signature| VerifyingKey::from(signer()).verify(MESSAGE, &signature).is_ok());
    assert_eq!(ours, second, "two implementations disagree");
    ours
}

#[test]
fn only_the_raw_64_bytes_of_the_right_numbers_verify() {
    let signature: Signature = signer().sign(MESSAGE);
    let raw: [u8; 64] = signature.to_bytes().into();
    assert!(verifies(&raw));
    let (r, s) = raw.split_at(32);
    let zero = [0; 32];
    for (what, forged) in [
        ("r = 0", [&zero, s].concat()),
        ("s = 0", [r, &zero].concat()),
        ("both 0", [zero, zero].concat()),
        ("r = n", [&ORDER, s].concat()),
        ("s = n", [r, &ORDER].concat()),
        ("both n", [ORDER, ORDER].concat()),
        ("r = 2^256 - 1", [&[0xff; 32], s].concat()),
        ("s = 2^256 - 1", [r, &[0xff; 32]].concat()),
        ("r and s exchanged", [s, r].concat()),
        ("63 bytes", raw[..63].to_vec()),
        ("63 bytes, the first gone", raw[1..].to_vec()),
        ("65 bytes", [&raw[..], &[0]].concat()),
        ("65 bytes, a zero first", [&[0], &raw[..]].concat()),
        ("66 bytes, each number with a zero", [&[0], r, &[0], s].concat()),
        ("nothing", Vec::new()),
        ("twice", [raw, raw].concat()),
        ("der", signature.to_der().as_bytes().to_vec()),
    ] {
        assert!(!verifies(&forged), "{what}");
    }
}

#[test]
fn a_signature_has_a_twin_so_token_text_identifies_nothing() {
    let signature: Signature = signer().sign(MESSAGE);
    let (r, s) = signature.split_scalars();
    let twin = Signature::from_scalars(*r, -*s).unwrap();
    assert_ne!(twin, signature);
    assert!(verifies(&twin.to_vec()));
}

#[test]
fn another_message_or_key_does_not_verify() {
    let signature: Signature = signer().sign(MESSAGE);
    let key = AlbKey::from_pem(&pem(&signer())).unwrap();
    assert!(!key.verifies(&MESSAGE[..MESSAGE.len() - 1], &signature.to_vec()), "padding is part of what is signed");
    let other = AlbKey::from_pem(&pem(&SigningKey::from_slice(&[8; 32]).unwrap())).unwrap();
    assert!(!other.verifies(MESSAGE, &signature.to_vec()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_flipped_bit_verifies(bit in 0_usize..512) {
        let signature: Signature = signer().sign(MESSAGE);
        let mut raw = signature.to_vec();
        raw[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!verifies(&raw));
    }
}

#[test]
fn an_alb_key_is_exactly_one_pem_block_of_p256() {
    let good = pem(&signer());
    let folded = good.replace('\n', "\r\n");
    let unfolded = good.lines().collect::<Vec<_>>();
    let unfolded =
        format!("{}\n{}\n{}", unfolded[0], unfolded[1..unfolded.len() - 1].concat(), unfolded[unfolded.len() - 1]);
    for accepted in [&good, &folded, &unfolded, &format!("\n{good}\n\n")] {
        AlbKey::from_pem(accepted).unwrap();
    }
    for refused in [
        String::new(),
        good.repeat(2),
        format!("junk\n{good}"),
        format!("{good}junk"),
        good.replace("PUBLIC KEY", "EC PUBLIC KEY"),
        good.replace("PUBLIC KEY", "CERTIFICATE"),
        good.replace("-----END PUBLIC KEY-----", ""),
        good.replacen("MFkw", "MFkx", 1),
        good.replacen('M', "", 1),
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned(),
        "-----BEGIN PUBLIC KEY-----".to_owned(),
    ] {
        assert!(matches!(AlbKey::from_pem(&refused), Err(FetchError::NotAnAlbKey)), "{refused}");
    }
}

#[test]
fn only_pkcs1_with_sha256_of_the_full_length_verifies() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let [n, e] = [&public.n, &public.e].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let set = json!({ "keys": [{ "kty": "RSA", "kid": "k", "n": n, "e": e }] }).to_string();
    let keys = jwks::parse(set.as_bytes()).unwrap();
    let key = &keys[&PoolKeyId::parse("k").unwrap()];
    let sign = |padding| {
        let mut signature = vec![0; 256];
        pair.sign(padding, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
        signature
    };
    let good = sign(&RSA_PKCS1_SHA256);
    assert!(key.verifies(MESSAGE, &good));
    assert!(!key.verifies(b"another message", &good));
    for (what, forged) in [
        ("sha-512", sign(&RSA_PKCS1_SHA512)),
        ("pss", sign(&RSA_PSS_SHA256)),
        ("nothing", Vec::new()),
        ("zeros", vec![0; 256]),
        ("one", [vec![0; 255], vec![1]].concat()),
        ("the modulus", public.n),
        ("a byte short", good[..255].to_vec()),
        ("a byte long", [&good[..], &[0]].concat()),
        ("a zero first", [&[0], &good[..]].concat()),
    ] {
        assert!(!key.verifies(MESSAGE, &forged), "{what}");
    }
}
