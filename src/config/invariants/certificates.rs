//! What holds of every file of certificates and every file of a key: what is taken serves TLS, all of it and nothing else.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "an oracle speaks by panicking")]

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use p256::{SecretKey, elliptic_curve::pkcs8::DecodePrivateKey as _};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm};
use tokio_rustls::rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer},
    server::ParsedCertificate,
};

use crate::config::{Authorities, Secret, ServerCertificate, certificate, provider};

/// A certificate and the forms of its private key, with what stands for them in an input: DER in base64.
struct Made {
    certificate: (&'static str, CertificateDer<'static>),
    keys: Vec<(&'static str, PrivateKeyDer<'static>)>,
}

impl Made {
    fn stand_in(&self, text: String) -> String {
        let text = text.replace(self.certificate.0, &BASE64_STANDARD.encode(&self.certificate.1));
        let keys = self.keys.iter();
        keys.fold(text, |text, (name, key)| text.replace(name, &BASE64_STANDARD.encode(key.secret_der())))
    }
}

/// No private key stands in a corpus, so the keys are new ones every time.
static MADE: LazyLock<[Made; 3]> = LazyLock::new(|| {
    let [mut elliptic, edwards, rsa] = [
        ("$EC_CERTIFICATE", "$EC_KEY", &PKCS_ECDSA_P256_SHA256),
        ("$ED_CERTIFICATE", "$ED_KEY", &PKCS_ED25519),
        ("$RSA_CERTIFICATE", "$RSA_KEY", &PKCS_RSA_SHA256),
    ]
    .map(|(certificate, key, algorithm)| made(certificate, key, algorithm));
    let scalar = SecretKey::from_pkcs8_der(elliptic.keys.first().unwrap().1.secret_der()).unwrap();
    let sec1 = PrivateSec1KeyDer::from(scalar.to_sec1_der().unwrap().to_vec());
    elliptic.keys.push(("$SEC1_KEY", sec1.into()));
    [elliptic, edwards, rsa]
});

fn made(certificate: &'static str, key: &'static str, algorithm: &'static SignatureAlgorithm) -> Made {
    let pair = KeyPair::generate_for(algorithm).unwrap();
    let signed = CertificateParams::new(["proxy.example".to_owned()]).unwrap().self_signed(&pair).unwrap();
    let pair = PrivatePkcs8KeyDer::from(pair.serialize_der());
    Made { certificate: (certificate, signed.der().clone()), keys: vec![(key, pair.into())] }
}

/// A pair that is taken signs what its own certificate verifies, and is the same written anew; no certificate of a file is
/// left out, and none is half of one. A NUL stands between the two files; without one the text is both.
pub fn certificates(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let text = MADE.iter().fold(text.to_owned(), |text, made| made.stand_in(text));
    let (certificates, key) = text.split_once('\0').unwrap_or((&text, &text));
    let [certificates, key] = [certificates, key].map(|text| Secret::from_text(text.to_owned()));
    let (chain, private) = (certificate::chain(&certificates), certificate::private_key(&key));
    let taken = ServerCertificate::parse(&certificates, &key);
    let again = ServerCertificate::parse(&certificates, &key);
    assert_eq!(taken.as_ref().err(), again.as_ref().err(), "asked twice, one answer");
    if let Ok(chain) = &chain {
        assert_eq!(chain.len(), certificates.expose().split(['\r', '\n']).filter(|line| begins_one(line)).count());
        assert!(chain.iter().all(|certificate| is_one_sequence(certificate)), "half a certificate, or more than one");
    }
    match (&taken, &chain, &private) {
        (Ok(pair), Ok(chain), Ok(private)) => {
            assert_ne!(fit(chain, private), Some(false), "a key of another certificate");
            assert_eq!(&pair.certified_key().cert, chain);
            signs_for_its_certificate(pair);
            said_again(pair, chain, private);
        }
        (Ok(_), ..) => panic!("it is made of both"),
        (Err(_), Ok(chain), Ok(private)) => assert_ne!(fit(chain, private), Some(true), "a pair of ours was refused"),
        (Err(_), ..) => {}
    }
    if let Ok(authorities) = Authorities::parse(&certificates) {
        assert!(authorities.iter().eq(chain.unwrap().iter().map(AsRef::as_ref)), "whoever is named, and nobody else");
    }
}

fn begins_one(line: &str) -> bool {
    let label = line.rsplit_once("BEGIN ").and_then(|(_, label)| Some(label.split_at(label.find("--")?).0));
    label.is_some_and(|label| label.trim_end().ends_with("CERTIFICATE"))
}

/// Whether the key is that of the first certificate; `None` where one of them is not of our making.
fn fit(chain: &[CertificateDer<'_>], private: &PrivateKeyDer<'_>) -> Option<bool> {
    let certificate = MADE.iter().position(|made| Some(&made.certificate.1) == chain.first())?;
    let is_it = |made: &Made| made.keys.iter().any(|(_, key)| key == private);
    Some(certificate == MADE.iter().position(is_it)?)
}

/// As a client would have it in a handshake.
fn signs_for_its_certificate(pair: &ServerCertificate) {
    let known = provider().signature_verification_algorithms;
    let pair = pair.certified_key();
    let signer = pair.key.choose_scheme(&known.supported_schemes()).expect("a scheme that clients know");
    let signature = signer.sign(b"all that was said").unwrap();
    let own = ParsedCertificate::try_from(pair.cert.first().unwrap()).unwrap();
    let info = own.subject_public_key_info();
    let (algorithm, key) = element(element(&info).unwrap().0).unwrap();
    let key = element(key).unwrap().0.strip_prefix(b"\0").expect("whole bytes");
    let candidates =
        known.mapping.iter().filter(|(scheme, _)| *scheme == signer.scheme()).flat_map(|(_, those)| *those);
    let verified = candidates
        .filter(|candidate| candidate.public_key_alg_id().as_ref() == algorithm)
        .any(|candidate| candidate.verify_signature(key, b"all that was said", &signature).is_ok());
    assert!(verified, "the key is not the certificate's");
}

fn said_again(pair: &ServerCertificate, chain: &[CertificateDer<'_>], private: &PrivateKeyDer<'_>) {
    let written = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
    };
    let certificates: String = chain.iter().map(|certificate| written("CERTIFICATE", certificate)).collect();
    let label = match private {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        PrivateKeyDer::Pkcs8(_) => "PRIVATE KEY",
        _ => panic!("a form of key that is not known here"),
    };
    let key = written(label, private.secret_der());
    let again = ServerCertificate::parse(&Secret::from_text(certificates), &Secret::from_text(key)).unwrap();
    let (again, pair) = (again.certified_key(), pair.certified_key());
    assert_eq!(again.cert, pair.cert);
    assert_eq!(again.key.public_key(), pair.key.public_key());
}

/// The content of the first element of DER, and what follows it (X.690 §8.1).
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        length @ ..0x80 => (length, rest),
        more => {
            let (digits, rest) = rest.split_at_checked(more - 0x80)?;
            (digits.iter().try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add((*digit).into()))?, rest)
        }
    };
    rest.split_at_checked(length)
}

fn is_one_sequence(der: &[u8]) -> bool {
    der.first() == Some(&0x30) && element(der).is_some_and(|(_, after)| after.is_empty())
}
