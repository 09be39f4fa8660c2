//! Which servers are trusted, with real handshakes of both versions of TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::server::{Authority, Server, Settings, answer};
use crate::cluster::client::{Client, ClientError, ClientOptions, ConnectFailure, RequestSpec};
use crate::cluster::tls;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// What a server presents.
struct Presented {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    pem: String,
}

impl Presented {
    /// Signed by itself.
    fn own(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let made = params.self_signed(&key).unwrap();
        Self { certificate: made.der().clone(), key, pem: made.pem() }
    }

    /// Issued by somebody.
    fn issued(authority: &Authority) -> Self {
        let (made, key) = authority.issue(&["127.0.0.1"], "server");
        Self { certificate: made.der().clone(), key, pem: made.pem() }
    }

    fn config(&self, version: &'static SupportedProtocolVersion) -> ServerConfig {
        self.config_with(version, &self.key)
    }

    /// Whether the key fits is not looked at.
    fn config_with(&self, version: &'static SupportedProtocolVersion, key: &KeyPair) -> ServerConfig {
        let provider = rustls::crypto::ring::default_provider();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = provider.key_provider.load_private_key(key).unwrap();
        let resolver = SingleCertAndKey::from(CertifiedKey::new(vec![self.certificate.clone()], key));
        ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver))
    }
}

/// What a client says whose kubeconfig names this authority.
async fn asked(tls: ServerConfig, authority: &str) -> Result<(), ConnectFailure> {
    let settings = Settings { tls: Some(tls), ..Settings::default() };
    let server = Server::start(settings, |_| answer(200, "application/json", "{}")).await;
    server.write("named.crt", authority);
    let client = server.client("", "certificate-authority: named.crt");
    match client.get(&RequestSpec::new("/")).await {
        Ok(_) => Ok(()),
        Err(ClientError::Unreachable { source, .. }) => {
            assert!(server.paths().is_empty(), "nothing is sent to a server that is not trusted");
            Err(source)
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

#[tokio::test]
async fn a_servers_own_certificate_is_trusted_when_the_kubeconfig_names_it() {
    let other = Authority::new();
    for presented in [Presented::own(authority), Presented::own(|_| {}), Presented::issued(&other)] {
        for version in VERSIONS {
            assert_eq!(asked(presented.config(version), &presented.pem).await, Ok(()));
            let bundle = format!("{}{}", Authority::new().pem, presented.pem);
            assert_eq!(asked(presented.config(version), &bundle).await, Ok(()));
            let refused = asked(presented.config(version), &Presented::own(authority).pem).await;
            assert_eq!(refused, Err(ConnectFailure::UnknownAuthority));
        }
    }
}

#[tokio::test]
async fn it_has_to_be_valid_for_this_name_and_for_servers_all_the_same() {
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    };
    let early = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2090, 1, 1);
    for change in [&expired as &dyn Fn(&mut CertificateParams), &early] {
        let presented = Presented::own(change);
        assert_eq!(asked(presented.config(&TLS13), &presented.pem).await, Err(ConnectFailure::Expired));
    }
    let elsewhere = Presented::own(|params| {
        *params = CertificateParams::new(["api.example".to_owned()]).unwrap();
        authority(params);
    });
    let failure = asked(elsewhere.config(&TLS13), &elsewhere.pem).await.unwrap_err();
    assert!(matches!(failure, ConnectFailure::WrongName { .. }), "{failure:?}");
    let clients = Presented::own(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let failure = asked(clients.config(&TLS13), &clients.pem).await.unwrap_err();
    assert!(matches!(failure, ConnectFailure::Tls(_)), "{failure:?}");
}

#[tokio::test]
async fn who_shows_it_without_its_key_is_refused() {
    for presented in [Presented::own(authority), Presented::issued(&Authority::new())] {
        for version in VERSIONS {
            let stolen = presented.config_with(version, &KeyPair::generate().unwrap());
            let failure = asked(stolen, &presented.pem).await.unwrap_err();
            assert!(
                matches!(failure, ConnectFailure::UnknownAuthority | ConnectFailure::Tls(_)),
                "{failure:?}"
            );
        }
    }
}

#[tokio::test]
async fn only_an_authority_speaks_for_others() {
    for (is_ca, expected) in [
        (IsCa::Ca(BasicConstraints::Unconstrained), Ok(())),
        (IsCa::ExplicitNoCa, Err(ConnectFailure::UnknownAuthority)),
        (IsCa::NoCa, Err(ConnectFailure::UnknownAuthority)),
    ] {
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::default();
        params.is_ca = is_ca;
        let issuer_pem = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, &key);
        let issued =
            CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&other, &issuer).unwrap();
        let presented = Presented { certificate: issued.der().clone(), key: other, pem: issued.pem() };
        assert_eq!(asked(presented.config(&TLS13), &issuer_pem).await, expected);
    }
}

#[tokio::test]
async fn a_server_that_presents_an_authority_issued_by_another_is_told_what_to_do() {
    let issuer = Authority::new();
    let (made, key) = issuer.issue_with(&["127.0.0.1"], "server", authority);
    let presented = Presented { certificate: made.der().clone(), key, pem: made.pem() };
    let failure = asked(presented.config(&TLS13), &issuer.pem).await.unwrap_err();
    assert!(failure.to_string().contains("name that one as certificate-authority"), "{failure}");
    assert_eq!(asked(presented.config(&TLS13), &presented.pem).await, Ok(()));
}

#[tokio::test]
async fn servers_and_users_may_have_keys_on_the_curve_p_521() {
    // Made with OpenSSL, see the directory's `make`.
    let fixture = |name: &str| format!("{}/tests/fixtures/p521/{name}", env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| CertificateDer::from_pem_file(fixture(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(read("ca.crt")).unwrap();
    let roots = Arc::new(roots);
    for (version, presented) in VERSIONS.into_iter().zip(["server.crt", "server-sha384.crt"]) {
        let provider = tls::provider();
        let users = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(users.build().unwrap())
            .with_single_cert(vec![read(presented)], key)
            .unwrap();
        let settings = Settings { tls: Some(config), ..Settings::default() };
        let server = Server::start(settings, |_| answer(200, "application/json", "{}")).await;
        let cluster = format!("certificate-authority: {}", fixture("ca.crt"));
        for key in ["client.key", "client.pkcs8.key", "client.parameters.key"] {
            let user = format!("client-certificate: {}, client-key: {}", fixture("client.crt"), fixture(key));
            server.client(&user, &cluster).get(&RequestSpec::new("/")).await.unwrap();
        }
        let wrong =
            format!("client-certificate: {}, client-key: {}", fixture("client.crt"), fixture("server.key"));
        let access = server.access(&wrong, &cluster);
        let error = Client::new(&access, ClientOptions::default()).unwrap_err();
        assert!(format!("{error:?}").contains("does not belong to client-certificate"), "{error:?}");
    }
}
