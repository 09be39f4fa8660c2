//! The test cluster's certificate authority.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Paths of a certificate and its key, both PEM.
#[derive(Clone)]
pub(crate) struct Certified {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key, PKCS#8.
    pub key: PathBuf,
}

/// A certificate authority whose files lie in one directory.
pub(super) struct Pki {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    /// Makes the authority and the API server's own files.
    pub(super) fn new(dir: &Path) -> Self {
        fs_err::create_dir_all(dir).expect("pki directory");
        let key = KeyPair::generate().expect("key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "kubesift-test-ca");
        let certificate = params.self_signed(&key).expect("CA certificate");
        fs_err::write(dir.join("ca.crt"), certificate.pem()).expect("ca.crt");

        let pki = Self { dir: dir.to_owned(), issuer: Issuer::new(params, key) };
        pki.server("server");
        let accounts = KeyPair::generate().expect("key");
        fs_err::write(dir.join("accounts.key"), accounts.serialize_pem()).expect("accounts.key");
        fs_err::write(dir.join("accounts.pub"), accounts.public_key_pem()).expect("accounts.pub");
        pki
    }

    /// A file by name: `ca.crt`, `accounts.key`, `accounts.pub`, ...
    pub(super) fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    /// A server certificate for the loopback addresses.
    pub(super) fn server(&self, name: &str) -> Certified {
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let params = CertificateParams::new(names).expect("server names");
        self.issue(name, params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client certificate: its common name is the user, its organisations are the groups.
    pub(super) fn client(&self, user: &str, groups: &[&str]) -> Certified {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        self.issue(user, params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, name: &str, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Certified {
        let key = KeyPair::generate().expect("key");
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        let certified = Certified {
            certificate: self.dir.join(format!("{name}.crt")),
            key: self.dir.join(format!("{name}.key")),
        };
        fs_err::write(&certified.certificate, certificate.pem()).expect("certificate file");
        fs_err::write(&certified.key, key.serialize_pem()).expect("key file");
        certified
    }
}
