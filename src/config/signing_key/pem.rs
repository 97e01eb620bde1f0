//! Splits a text into its PEM blocks (RFC 7468) and refuses what is not the private key of a signer, saying why.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::config::{Secret, ValueError};

/// A block that can hold a private key, decoded.
pub(super) struct Block {
    pub(super) form: Form,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// How a private key is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `PRIVATE KEY` (RFC 5958).
    Pkcs8,
    /// `EC PRIVATE KEY` (RFC 5915).
    Sec1,
}

/// The private keys in `text`, in order. Text between blocks is explanation (RFC 7468 section 5.2) and skipped.
/// `make_one` is the remedy where there is no usable key.
pub(super) fn private_keys(text: &Secret, make_one: &'static str) -> Result<Vec<Block>, ValueError> {
    let broken = |problem| ValueError { problem, remedy: WHOLE_FILE };
    let mut blocks = Vec::new();
    let mut rest = text.expose();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----").ok_or_else(|| broken("has a BEGIN line without an end"))?;
        let (body, after) = after
            .split_once("-----END ")
            .and_then(|(body, after)| Some((body, after.strip_prefix(label)?.strip_prefix("-----")?)))
            .ok_or_else(|| broken("has a PEM block without its END line"))?;
        rest = after;
        // `openssl ecparam -genkey` writes the curve's name as a block of its own before the key.
        if label == "EC PARAMETERS" {
            continue;
        }
        let form = form(label, make_one)?;
        // OpenSSL's older encrypted form keeps the label and adds header lines.
        if body.contains("Proc-Type:") {
            return Err(ENCRYPTED);
        }
        let base64: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
        let der = STANDARD.decode(base64.as_bytes()).map_err(|_| broken("has a PEM block that is not base64"))?;
        blocks.push(Block { form, der: Zeroizing::new(der) });
    }
    if blocks.is_empty() {
        return Err(ValueError { problem: "holds no PEM private key", remedy: make_one });
    }
    Ok(blocks)
}

fn form(label: &str, make_one: &'static str) -> Result<Form, ValueError> {
    let refused = |problem| Err(ValueError { problem, remedy: make_one });
    match label {
        "PRIVATE KEY" => Ok(Form::Pkcs8),
        "EC PRIVATE KEY" => Ok(Form::Sec1),
        "ENCRYPTED PRIVATE KEY" => Err(ENCRYPTED),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => refused("is a public key, and signing needs the private one"),
        "CERTIFICATE" => refused("is a certificate, and signing needs a private key"),
        "RSA PRIVATE KEY" => refused("is an RSA key, which signs no assertion here"),
        "OPENSSH PRIVATE KEY" => refused("is an OpenSSH key, not PKCS #8"),
        _ => refused("holds a PEM block that is no private key"),
    }
}

const ENCRYPTED: ValueError = ValueError {
    problem: "is an encrypted private key, and there is nobody to ask for the pass phrase",
    remedy: "decrypt it with: openssl pkey -in encrypted.pem -out key.pem",
};

const WHOLE_FILE: &str = "give the whole PEM text with its line breaks, or the path of the file that holds it";
