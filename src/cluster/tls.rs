//! TLS settings: kube reads CA, client certificate and flags into a rustls configuration.

use std::sync::Arc;

use kube::client::ConfigExt as _;
use kube::config::AuthInfo;
use rustls::ClientConfig;

use super::access::encoding::to_base64;

/// A client certificate that an exec plugin gave, both parts PEM.
#[derive(Clone)]
pub(super) struct ClientCertificate {
    pub(super) certificate: String,
    pub(super) key: secrecy::SecretString,
}

/// Builds the TLS configuration; certificate files are read now.
pub(super) fn client_config(
    config: &kube::Config,
    certificate: Option<&ClientCertificate>,
    protocols: &[&[u8]],
) -> Result<Arc<ClientConfig>, Box<kube::Error>> {
    let mut config = config.clone();
    config.auth_info = credentials(&config.auth_info, certificate);
    if config.accept_invalid_certs {
        // kube would load the machine's roots first, and fail where there are none.
        config.root_cert = Some(Vec::new());
        config.root_cert_file = None;
    }
    let mut tls = config.rustls_client_config().map_err(Box::new)?;
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(tls))
}

/// Whether a new connection may find other certificates on disk.
pub(super) fn reads_files(config: &kube::Config) -> bool {
    config.auth_info.client_certificate.is_some() || config.root_cert_file.is_some()
}

/// Only what TLS needs. With the exec plugin or auth provider still in it, kube would run their commands here,
/// once more than needed and with their errors swallowed.
fn credentials(own: &AuthInfo, given: Option<&ClientCertificate>) -> AuthInfo {
    use secrecy::ExposeSecret as _;
    match given {
        Some(given) => AuthInfo {
            client_certificate_data: Some(to_base64(given.certificate.as_bytes())),
            client_key_data: Some(to_base64(given.key.expose_secret().as_bytes()).into()),
            ..AuthInfo::default()
        },
        None => AuthInfo {
            client_certificate: own.client_certificate.clone(),
            client_certificate_data: own.client_certificate_data.clone(),
            client_key: own.client_key.clone(),
            client_key_data: own.client_key_data.clone(),
            ..AuthInfo::default()
        },
    }
}
