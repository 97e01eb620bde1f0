//! TLS settings and the files behind them.

use rcgen::{CertificateParams, CustomExtension, KeyPair, date_time_ymd};

use super::*;

/// A certificate and its key in PEM, valid in these years.
fn pair(years: [i32; 2]) -> [String; 2] {
    pair_with(|parameters| {
        [parameters.not_before, parameters.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
    })
}

/// The same, with an extension that has to be understood and is not.
fn unknown() -> [String; 2] {
    pair_with(|parameters| parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(&[0; 32])])
}

fn pair_with(bend: impl FnOnce(&mut CertificateParams)) -> [String; 2] {
    let mut parameters = CertificateParams::new(["proxy.example".to_owned()]).unwrap();
    bend(&mut parameters);
    let key = KeyPair::generate().unwrap();
    [parameters.self_signed(&key).unwrap().pem(), key.serialize_pem()]
}

fn with(certificate: &str, key: &str) -> Start {
    Start::minimal("tls.mode = 'files'\ntls.certificate_path = 'tls.crt'\ntls.key_path = 'tls.key'")
        .file("tls.crt", certificate)
        .file("tls.key", key)
}

#[test]
fn without_a_setting_there_is_none() {
    let config = Start::minimal("").config();
    assert!(matches!(config.tls, Tls::Off));
    assert_eq!(config.server.scheme, Scheme::Http);
}

#[test]
fn a_certificate_and_its_key_come_from_two_files_or_one() {
    let [certificate, key] = pair([2020, 2090]);
    let both = format!("{key}\n{certificate}{certificate}");
    for start in [with(&certificate, &key), with(&both, &both)] {
        let config = start.config();
        assert_eq!((config.server.scheme, config.warnings.as_slice()), (Scheme::Https, [].as_slice()));
        let Tls::On { certificate, source: CertificateSource::Files { .. } } = &config.tls else {
            panic!("{config:?}")
        };
        assert_eq!(certificate.validity(), Validity::Current);
        let secret: String = key.lines().nth(1).unwrap().chars().take(20).collect();
        assert!(!format!("{config:?}").contains(&secret));
    }
}

#[test]
fn a_certificate_is_made_where_none_is_wanted_from_outside() {
    let config = Start::minimal("").variable("COGNITO_AUTH_TLS_MODE", "self-signed").config();
    let Tls::On { certificate, source: CertificateSource::SelfSigned } = &config.tls else { panic!("{config:?}") };
    assert_eq!((certificate.validity(), config.server.scheme), (Validity::Current, Scheme::Https));
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let [certificate, key] = pair([2020, 2090]);
    let [other, _] = pair([2020, 2090]);
    let [unknown, unknown_key] = unknown();
    let broken = certificate.replace("-----END", "-----ENDE");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (start, what) in [
        (with("", &key), "tls.certificate_path (file"),
        (with("", &key), "holds no PEM certificate"),
        (with(&broken, &key), "holds a broken PEM block"),
        (with(garbage, &key), "holds a certificate that cannot be read"),
        (with(&unknown, &unknown_key), "goes with a certificate that cannot be read"),
        (with(&certificate, ""), "holds no unencrypted PEM private key"),
        (with(&certificate, &certificate), "holds no unencrypted PEM private key"),
        (with(&other, &key), "holds a key that does not fit the certificate"),
    ] {
        let problem = start.problem();
        assert!(problem.contains(what), "{what}: {problem}");
    }
    let missing = Start::minimal("tls.mode = 'files'\ntls.certificate_path = 'none.crt'").refused();
    assert_eq!(missing, ["tls.certificate_path", "tls.key_path"]);
}

#[test]
fn a_chain_is_taken_whole_or_not_at_all() {
    let [certificate, key] = pair([2020, 2090]);
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let indented = certificate.replace("-----BEGIN", " -----BEGIN").replace("-----END", " -----END");
    let endless = certificate.split("-----END").next().unwrap();
    for (second, what) in [
        (indented, "holds a broken PEM block"),
        (certificate.replace("-----BEGIN", "----BEGIN"), "holds a broken PEM block"),
        (certificate.replace(" CERTIFICATE", " TRUSTED CERTIFICATE"), "holds a broken PEM block"),
        (certificate.replace("-----END", "-----ENDE"), "holds a broken PEM block"),
        (format!("{endless}{certificate}"), "holds a broken PEM block"),
        (garbage.to_owned(), "holds a certificate that cannot be read"),
        (garbage.replace("AAAA", ""), "holds a certificate that cannot be read"),
    ] {
        let problem = with(&format!("{certificate}{second}"), &key).problem();
        assert!(problem.contains("tls.certificate_path (file") && problem.contains(what), "{what}: {problem}");
    }
    let [unknown, _] = unknown();
    assert!(
        matches!(with(&format!("{certificate}{unknown}"), &key).config().tls, Tls::On { .. }),
        "clients may know it"
    );
}

#[test]
fn files_that_would_not_be_used_are_refused() {
    for mode in ["off", "self-signed"] {
        let text = format!("tls.mode = '{mode}'\ntls.certificate_path = 'a'\ntls.key_path = 'b'");
        assert_eq!(Start::minimal(&text).refused(), ["tls.certificate_path", "tls.key_path"]);
    }
    assert_eq!(Start::minimal("tls.mode = 'on'").refused(), ["tls.mode"]);
}

#[test]
fn dates_that_are_not_right_are_a_warning() {
    for (years, warning) in [([2001, 2002], "has expired"), ([2090, 2091], "is not valid yet")] {
        let [certificate, key] = pair(years);
        assert!(with(&certificate, &key).config().warns_of(warning), "{warning}");
    }
}

#[test]
fn authorities_come_from_a_file() {
    let [certificate, key] = pair([2020, 2090]);
    let start = |text: &str| Start::minimal("outgoing.ca_path = 'ca.pem'").file("ca.pem", text);
    let config = start(&certificate.repeat(2)).config();
    let Credentials::Verify(verification) = &config.credentials else { panic!("{config:?}") };
    assert_eq!(verification.authorities.iter().count(), 2);
    for (text, what) in [("", "holds no PEM certificate"), (&key, "holds no PEM certificate")] {
        assert!(start(text).problem().contains(what));
    }
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(start(garbage).problem().contains("cannot be read"));
    assert_eq!(Start::minimal("outgoing.ca_path = 'none.pem'").refused(), ["outgoing.ca_path"]);
}
