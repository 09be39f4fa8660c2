//! Which servers are trusted, as Go's verifier decides it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::TlsError;
use crate::cluster::access::encoding::authorities;
use crate::cluster::x509::Certificate;

/// What decides about servers of this access.
pub(super) fn verifier(
    config: &kube::Config,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if config.accept_invalid_certs {
        return Ok(Arc::new(Anybody(Arc::clone(provider))));
    }
    match configured(config) {
        Some(certificates) => Ok(Arc::new(Configured::new(certificates, provider)?)),
        None => match rustls_platform_verifier::Verifier::new(Arc::clone(provider)) {
            Ok(verifier) => Ok(Arc::new(verifier)),
            Err(error) => Err(TlsError::Authorities(error.to_string())),
        },
    }
}

/// The certificates of the access. A pod's file is read again, because it is renewed in place; where it can't be read,
/// what it held before still counts.
fn configured(config: &kube::Config) -> Option<Vec<Vec<u8>>> {
    let file = config.root_cert_file.as_ref();
    let now = file.and_then(|file| fs_err::read(file).ok()).map(|pem| authorities(&pem));
    now.filter(|found| !found.is_empty()).or_else(|| config.root_cert.clone())
}

/// Trusts what the kubeconfig names, and nothing else.
///
/// webpki takes what is trusted for authorities alone: a server that presents the very certificate which the kubeconfig
/// names is refused when it was issued by somebody else, or says that it is an authority. Go trusts it, and so do people
/// who copy a server's certificate into their kubeconfig. On the other hand webpki believes what any of them signed; Go
/// believes only those that say they are authorities.
#[derive(Debug)]
struct Configured {
    /// `None` where no certificate is an authority's.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    certificates: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Configured {
    fn new(certificates: Vec<Vec<u8>>, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let certificates: Vec<_> = certificates.into_iter().map(CertificateDer::from).collect();
        let signs = |der: &&CertificateDer<'_>| Certificate::read(der).is_none_or(|read| read.is_authority);
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().filter(signs).cloned());
        let authorities = match roots.is_empty() {
            true => None,
            false => {
                let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
                Some(builder.build().map_err(|error| TlsError::Authorities(error.to_string()))?)
            }
        };
        Ok(Self { authorities, certificates, provider: Arc::clone(provider) })
    }
}

impl ServerCertVerifier for Configured {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificates.iter().any(|own| own.as_ref() == end_entity.as_ref()) {
            return verify_named(end_entity, server_name, now);
        }
        match &self.authorities {
            Some(all) => all
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| in_words(error, end_entity)),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate that is trusted by itself still has to be valid now, for servers, and for this name; that the server
/// has its key is shown by the signature of the handshake, as always.
fn verify_named(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let read = Certificate::read(certificate).ok_or(CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < read.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > read.not_after {
        return Err(CertificateError::Expired.into());
    }
    if !read.is_for_servers {
        return Err(CertificateError::InvalidPurpose.into());
    }
    verify_server_name(&parsed, name)?;
    Ok(ServerCertVerified::assertion())
}

/// webpki refuses a server that presents an authority's certificate before it looks who issued it.
fn in_words(error: Error, end_entity: &CertificateDer<'_>) -> Error {
    match (&error, Certificate::read(end_entity)) {
        (Error::InvalidCertificate(CertificateError::Other(_)), Some(read)) if read.is_authority => {
            match read.issuer == read.subject {
                true => CertificateError::UnknownIssuer.into(),
                false => Error::General(
                    "the server presents an authority's certificate: name that one as certificate-authority"
                        .to_owned(),
                ),
            }
        }
        _ => error,
    }
}

/// Trusts everybody: `insecure-skip-tls-verify`.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
