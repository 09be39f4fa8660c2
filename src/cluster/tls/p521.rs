//! Certificates and keys on the curve P-521, which Go knows and ring does not.
//!
//! ring's provider stays for everything else: these are two more algorithms beside its own.

use std::fmt;
use std::sync::{Arc, LazyLock};

use p521::ecdsa::signature::Signer as _;
use p521::ecdsa::signature::hazmat::PrehashVerifier as _;
use p521::ecdsa::{Signature, SigningKey as Secret, VerifyingKey};
use rustls::crypto::{CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer, alg_id,
};
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::cluster::x509;

/// Bytes of a number on this curve.
const SIZE: usize = 66;
/// 1.3.132.0.35
const CURVE: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// ring's provider, and P-521 beside what it has.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let ring = rustls::crypto::ring::default_provider();
        Arc::new(CryptoProvider {
            signature_verification_algorithms: with_p521(ring.signature_verification_algorithms),
            key_provider: Box::leak(Box::new(Keys(ring.key_provider))),
            ..ring
        })
    });
    Arc::clone(&PROVIDER)
}

/// Made once in a process: rustls wants them to live as long as that.
fn with_p521(ring: WebPkiSupportedAlgorithms) -> WebPkiSupportedAlgorithms {
    const WITH_SHA512: SignatureScheme = SignatureScheme::ECDSA_NISTP521_SHA512;
    let own = |hash: Hash| -> &'static dyn SignatureVerificationAlgorithm {
        match hash {
            Hash::Sha256 => &Verification(Hash::Sha256),
            Hash::Sha384 => &Verification(Hash::Sha384),
            Hash::Sha512 => &Verification(Hash::Sha512),
        }
    };
    let mut all = ring.all.to_vec();
    all.extend([Hash::Sha256, Hash::Sha384, Hash::Sha512].map(own));
    let mut mapping = ring.mapping.to_vec();
    for (scheme, algorithms) in &mut mapping {
        // In TLS 1.2 these name the hash alone.
        for (named, hash) in [
            (SignatureScheme::ECDSA_NISTP256_SHA256, Hash::Sha256),
            (SignatureScheme::ECDSA_NISTP384_SHA384, Hash::Sha384),
        ] {
            if *scheme == named {
                *algorithms = [*algorithms, &[own(hash)]].concat().leak();
            }
        }
    }
    mapping.push((WITH_SHA512, vec![own(Hash::Sha512)].leak()));
    WebPkiSupportedAlgorithms { all: all.leak(), mapping: mapping.leak() }
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The hash as a number of this curve's length: the library refuses a short one, which means the same.
    fn of(self, message: &[u8]) -> [u8; SIZE] {
        let mut number = [0; SIZE];
        let mut put = |hash: &[u8]| number[SIZE - hash.len()..].copy_from_slice(hash);
        match self {
            Self::Sha256 => put(&Sha256::digest(message)),
            Self::Sha384 => put(&Sha384::digest(message)),
            Self::Sha512 => put(&Sha512::digest(message)),
        }
        number
    }
}

/// Verifies signatures of P-521 keys.
#[derive(Debug)]
struct Verification(Hash);

impl SignatureVerificationAlgorithm for Verification {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify_prehash(&self.0.of(message), &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self.0 {
            Hash::Sha256 => alg_id::ECDSA_SHA256,
            Hash::Sha384 => alg_id::ECDSA_SHA384,
            Hash::Sha512 => alg_id::ECDSA_SHA512,
        }
    }
}

/// Loads keys of this curve, and leaves all others to ring.
#[derive(Debug)]
struct Keys(&'static dyn KeyProvider);

impl KeyProvider for Keys {
    fn load_private_key(&self, der: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        match secret(&der) {
            Some(secret) => Ok(Arc::new(Key(secret))),
            None => self.0.load_private_key(der),
        }
    }
}

/// The secret of a key of this curve; `None` where it is another one's.
fn secret(der: &PrivateKeyDer<'_>) -> Option<Secret> {
    let key = match der {
        PrivateKeyDer::Sec1(der) => x509::ec_private_key(der.secret_sec1_der())?,
        PrivateKeyDer::Pkcs8(der) => {
            let (curve, inner) = x509::ec_in_pkcs8(der.secret_pkcs8_der())?;
            let key = x509::ec_private_key(inner)?;
            x509::EcPrivateKey { curve: key.curve.or(Some(curve)), ..key }
        }
        PrivateKeyDer::Pkcs1(_) | _ => return None,
    };
    // Without a name the length tells it: no other curve has numbers of 521 bits.
    let is_ours = key.curve.map_or(key.secret.len() == SIZE, |curve| curve == CURVE);
    let mut number = [0; SIZE];
    let start = SIZE.checked_sub(key.secret.len()).filter(|_| is_ours)?;
    number[start..].copy_from_slice(key.secret);
    Secret::from_slice(&number).ok()
}

/// A key that signs.
#[derive(Clone)]
struct Key(Secret);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a P-521 key")
    }
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let can = offered.contains(&SignatureScheme::ECDSA_NISTP521_SHA512);
        can.then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let point = VerifyingKey::from(&self.0).to_encoded_point(false);
        Some(public_key_to_spki(&alg_id::ECDSA_P521, point.as_bytes()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signed: Result<Signature, _> = self.0.try_sign(message);
        let signature = signed.map_err(|_| Error::General("signing with a P-521 key failed".to_owned()))?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        fs_err::read(format!("{}/tests/fixtures/p521/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn load(name: &str) -> Arc<dyn SigningKey> {
        let der = PrivateKeyDer::from_pem_slice(&fixture(name)).unwrap();
        provider().key_provider.load_private_key(der).unwrap()
    }

    /// The point of a key, as a certificate has it: at the end of the SubjectPublicKeyInfo.
    fn point(key: &dyn SigningKey) -> Vec<u8> {
        let spki = key.public_key().unwrap();
        spki[spki.len() - (2 * SIZE + 1)..].to_vec()
    }

    #[test]
    fn keys_are_read_in_every_form_that_openssl_writes() {
        let expected = point(&*load("client.key"));
        for name in ["client.pkcs8.key", "client.parameters.key"] {
            assert_eq!(point(&*load(name)), expected, "{name}");
        }
        assert_ne!(point(&*load("server.key")), expected);
        assert!(format!("{:?}", load("client.key")).len() < 20, "a key shows nothing of itself");
    }

    #[test]
    fn other_keys_are_left_to_ring() {
        for algorithm in
            [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519]
        {
            let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let der = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
            assert!(secret(&der).is_none());
            assert!(provider().key_provider.load_private_key(der).is_ok());
        }
        for der in [&b""[..], b"0", &[0x30; 300]] {
            assert!(secret(&PrivateKeyDer::Sec1(der.to_vec().into())).is_none());
            assert!(secret(&PrivateKeyDer::Pkcs8(der.to_vec().into())).is_none());
        }
    }

    #[test]
    fn what_openssl_signed_is_verified_and_nothing_else() {
        let (key, signature) = (load("client.key"), fixture("client.signature"));
        let verification = Verification(Hash::Sha512);
        let verify = |key: &[u8], message: &[u8], signature: &[u8]| {
            verification.verify_signature(key, message, signature).is_ok()
        };
        let message = b"signed by somebody else";
        let point = point(&*key);
        assert!(verify(&point, message, &signature));
        assert!(!verify(&point, b"signed by somebody else!", &signature));
        assert!(!verify(&self::point(&*load("server.key")), message, &signature));
        assert!(Verification(Hash::Sha384).verify_signature(&point, message, &signature).is_err());
        for at in 0..signature.len() {
            let mut damaged = signature.clone();
            damaged[at] ^= 1;
            assert!(!verify(&point, message, &damaged), "{at}");
        }
        assert!(!verify(&[], message, &signature) && !verify(&point, message, &[]));
        assert!(!verify(&vec![4; point.len()], message, &signature), "no point of the curve");
    }

    #[test]
    fn what_is_signed_here_verifies_and_no_signature_is_made_twice() {
        let key = load("client.key");
        assert!(key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]).is_none());
        let offered = [SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP521_SHA512];
        let signer = key.choose_scheme(&offered).unwrap();
        let (one, two) = (signer.sign(b"hello").unwrap(), signer.sign(b"hello").unwrap());
        assert_ne!(one, two);
        for signature in [one, two] {
            Verification(Hash::Sha512).verify_signature(&point(&*key), b"hello", &signature).unwrap();
        }
    }

    #[test]
    fn certificates_of_this_curve_are_verified_with_every_hash() {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&fixture("ca.crt")).unwrap()).unwrap();
        let roots = Arc::new(roots);
        let verifier =
            rustls::client::WebPkiServerVerifier::builder_with_provider(roots, provider()).build().unwrap();
        for name in ["server.crt", "server-sha256.crt", "server-sha384.crt"] {
            let certificate = CertificateDer::from_pem_slice(&fixture(name)).unwrap();
            let verify = |certificate: &CertificateDer<'_>| {
                use rustls::client::danger::ServerCertVerifier as _;
                let (server, now) = ("p521.example".try_into().unwrap(), rustls::pki_types::UnixTime::now());
                verifier.verify_server_cert(certificate, &[], &server, &[], now)
            };
            verify(&certificate).unwrap();
            let mut forged = certificate.to_vec();
            let last = forged.len() - 1;
            forged[last] ^= 1;
            assert!(verify(&CertificateDer::from(forged)).is_err(), "{name}");
        }
    }
}
