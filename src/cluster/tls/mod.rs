//! TLS settings: what is trusted, and the client certificate.
//!
//! kube (and rustls's own check) refuse what kubectl takes: client certificates of X.509 version 1, as
//! `openssl x509 -req` makes them, keys with an `EC PARAMETERS` section before them, and servers whose own certificate is
//! the authority.

mod p521;
mod trust;

use std::sync::Arc;

use kube::config::AuthInfo;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use secrecy::{ExposeSecret as _, SecretString};

use super::access::encoding::{certificates, from_base64};

/// Why the TLS settings of a context can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authorities can't be used, or the machine has none.
    #[error("the trusted certificate authorities: {0}")]
    Authorities(String),
    /// The file of the certificate or key can't be read.
    #[error("{field}")]
    File {
        /// The kubeconfig's field.
        field: &'static str,
        /// Names the file.
        #[source]
        source: std::io::Error,
    },
    /// A field does not hold what it should.
    #[error("{field} {problem}")]
    Field {
        /// The kubeconfig's field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// A client certificate and its key, both PEM.
#[derive(Clone)]
pub(super) struct ClientCertificate {
    pub(super) certificate: String,
    pub(super) key: SecretString,
}

/// Builds the TLS configuration; certificate files are read now. `given` is what an exec plugin gave.
pub(super) fn client_config(
    config: &kube::Config,
    given: Option<&ClientCertificate>,
    protocols: &[&[u8]],
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let verifier = trust::verifier(config, &provider)?;
    let mut tls = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Authorities(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let own = match given {
        Some(given) => Some(given.clone()),
        None => own_certificate(&config.auth_info)?,
    };
    if let Some(pair) = own {
        tls.client_auth_cert_resolver = Arc::new(certified(&provider, &pair)?);
    }
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(tls))
}

/// The cryptography of connections to API servers.
pub(super) fn provider() -> Arc<CryptoProvider> {
    p521::provider()
}

/// Whether a new connection may find other certificates on disk.
pub(super) fn reads_files(config: &kube::Config) -> bool {
    config.auth_info.client_certificate.is_some() || config.root_cert_file.is_some()
}

fn own_certificate(info: &AuthInfo) -> Result<Option<ClientCertificate>, TlsError> {
    const CERTIFICATE: &str = "client-certificate";
    const KEY: &str = "client-key";
    let certificate =
        text(CERTIFICATE, info.client_certificate_data.as_deref(), info.client_certificate.as_deref())?;
    let key_data = info.client_key_data.as_ref().map(|data| data.expose_secret());
    let key = text(KEY, key_data, info.client_key.as_deref())?;
    let missing = |field| TlsError::Field { field, problem: "is missing beside its other half".to_owned() };
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(ClientCertificate { certificate, key: key.into() })),
        (None, Some(_)) => Err(missing(CERTIFICATE)),
        (Some(_), None) => Err(missing(KEY)),
    }
}

fn text(field: &'static str, data: Option<&str>, file: Option<&str>) -> Result<Option<String>, TlsError> {
    let wrong = |problem: &str| TlsError::Field { field, problem: problem.to_owned() };
    match (data, file) {
        (Some(data), _) => {
            let bytes = from_base64(data).ok_or_else(|| wrong("data is not base64"))?;
            String::from_utf8(bytes).map(Some).map_err(|_| wrong("data is not PEM"))
        }
        (None, Some(file)) => {
            fs_err::read_to_string(file).map(Some).map_err(|source| TlsError::File { field, source })
        }
        (None, None) => Ok(None),
    }
}

fn certified(provider: &CryptoProvider, pair: &ClientCertificate) -> Result<SingleCertAndKey, TlsError> {
    let wrong = |field, problem: String| TlsError::Field { field, problem };
    let chain: Vec<_> =
        certificates(pair.certificate.as_bytes()).into_iter().map(CertificateDer::from).collect();
    if chain.is_empty() {
        return Err(wrong("client-certificate", "holds no PEM certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(pair.key.expose_secret().as_bytes());
    let key = key.map_err(|_| wrong("client-key", "holds no unencrypted PEM key".to_owned()))?;
    let key = provider.key_provider.load_private_key(key);
    let known = "known are RSA, ECDSA on P-256, P-384 and P-521, and Ed25519";
    let key = key.map_err(|error| wrong("client-key", format!("can't be used ({known}): {error}")))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err(wrong("client-key", "does not belong to client-certificate".to_owned()))
        }
        // Not to be compared is no mismatch: the server looks again.
        Ok(()) | Err(_) => Ok(SingleCertAndKey::from(certified)),
    }
}
