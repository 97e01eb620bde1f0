//! TLS: the certificate of the main listener, and whom we trust where we are the client.

use std::path::Path;

use crate::config::{
    Authorities, CertificateSource, Fault, Secret, SecretFile, ServerCertificate, Tls, ValueError, certificate,
    findings::Findings, raw,
};

const CERTIFICATE: &str = "tls.certificate_path";
const KEY: &str = "tls.key_path";
const CA: &str = "outgoing.ca_path";

/// Somebody means to have TLS, and would get none, or another certificate.
const UNUSED: ValueError =
    ValueError { problem: "is set, but tls.mode does not use it", remedy: "set tls.mode = \"files\", or take it out" };

#[derive(Debug, Clone, Copy)]
enum Mode {
    Files,
    Off,
    SelfSigned,
}

pub(super) fn tls(raw: &raw::Tls, working_directory: &Path, findings: &mut Findings) -> Option<Tls> {
    let modes = [("off", Mode::Off), ("files", Mode::Files), ("self-signed", Mode::SelfSigned)];
    let mode = findings.choice("tls.mode", &raw.mode, &modes)?;
    let paths = [(CERTIFICATE, raw.certificate_path.as_ref()), (KEY, raw.key_path.as_ref())];
    if matches!(mode, Mode::Off | Mode::SelfSigned) {
        for (key, _) in paths.iter().filter(|(_, path)| path.is_some()) {
            findings.refuse(key, UNUSED);
        }
    }
    match mode {
        Mode::Off => Some(Tls::Off),
        Mode::SelfSigned => {
            let certificate = findings.parsed("tls.mode", ServerCertificate::self_signed())?;
            Some(Tls::On { certificate, source: CertificateSource::SelfSigned })
        }
        Mode::Files => {
            let [certificate, key] = paths.map(|(key, path)| file(key, path, working_directory, findings));
            files(certificate?, key?, findings)
        }
    }
}

fn files(certificate: SecretFile, key: SecretFile, findings: &mut Findings) -> Option<Tls> {
    let chain = findings.parsed(CERTIFICATE, certificate::chain(&certificate.text));
    let private = findings.parsed(KEY, certificate::private_key(&key.text));
    let pair = findings.parsed(KEY, ServerCertificate::pair(chain?, private?))?;
    if let Some(warning) = pair.validity().warning() {
        findings.warn(warning);
    }
    Some(Tls::On { certificate: pair, source: CertificateSource::Files { certificate, key } })
}

/// Who may vouch for the servers that we ask, beside the system's authorities.
pub(in crate::config) fn authorities(
    raw: &raw::Outgoing,
    working_directory: &Path,
    findings: &mut Findings,
) -> Option<Authorities> {
    if raw.ca_path.is_none() {
        return Some(Authorities::default());
    }
    let file = file(CA, raw.ca_path.as_ref(), working_directory, findings)?;
    findings.parsed(CA, Authorities::parse(&file.text))
}

fn file(
    key: &'static str,
    path: Option<&String>,
    working_directory: &Path,
    findings: &mut Findings,
) -> Option<SecretFile> {
    let Some(path) = path else {
        findings.require(key, "with tls.mode = \"files\"");
        return None;
    };
    let path = working_directory.join(path);
    match Secret::read(&path) {
        Ok(text) => Some(SecretFile { path, text }),
        Err(error) => {
            findings.refuse(key, Fault::unreadable(path, error));
            None
        }
    }
}
