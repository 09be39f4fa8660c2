//! What a simulated server is started with.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::object::KindKey;
use crate::text::Clock;

/// Which Kubernetes version the server plays: which kinds it has, and in which form it lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// 1.27: aggregated discovery as `v2beta1` only, no `SelfSubjectReview` v1, ignores `sendInitialEvents`.
    V1_27,
    /// 1.30: aggregated discovery as `v2` and `v2beta1`.
    V1_30,
    /// 1.33: as 1.30, with more kinds; `sendInitialEvents` is refused.
    V1_33,
    /// 1.37: aggregated discovery as `v2` only, `sendInitialEvents` works.
    V1_37,
}

impl Profile {
    /// The minor version.
    pub fn minor(self) -> u32 {
        match self {
            Self::V1_27 => 27,
            Self::V1_30 => 30,
            Self::V1_33 => 33,
            Self::V1_37 => 37,
        }
    }
}

impl std::str::FromStr for Profile {
    type Err = super::DemoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1.27" => Ok(Self::V1_27),
            "1.30" => Ok(Self::V1_30),
            "1.33" => Ok(Self::V1_33),
            "1.37" => Ok(Self::V1_37),
            other => Err(super::DemoError::UnknownProfile(other.to_owned())),
        }
    }
}

/// How connections are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Plain HTTP/1.
    Off,
    /// TLS with a certificate made at start, for `localhost`, `127.0.0.1` and the address listened on; the kubeconfig
    /// carries it.
    SelfSigned,
    /// TLS with a given chain and key.
    Given {
        /// Certificates in PEM, the server's own first; the last also goes into the kubeconfig as authority.
        chain_pem: String,
        /// Its private key in PEM.
        key_pem: String,
    },
}

/// Which encodings a server, or one kind of it, knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formats {
    /// Metadata in protobuf and JSON, full objects in JSON.
    All,
    /// No protobuf.
    Json,
    /// No protobuf and no metadata either: full objects as plain JSON, as some aggregated APIs have it.
    PlainJson,
}

/// Someone who may knock, known by a bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, e.g. `ada`.
    pub name: String,
    /// The bearer token.
    pub token: String,
    /// Groups besides `system:authenticated`.
    pub groups: Vec<String>,
}

/// Options of [`Server::start`](super::Server::start).
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen. Defaults to `127.0.0.1:0`, a free port.
    pub addr: SocketAddr,
    /// What the objects are drawn from: equal seeds give equal clusters. Defaults to 1.
    pub seed: u64,
    /// About how many objects. Defaults to 400; 0 is a cluster with nothing but its system namespaces.
    pub objects: usize,
    /// The seconds since 1970 that object ages are counted back from. Defaults to the start of today (UTC).
    pub epoch: Option<i64>,
    /// The version that is played. Defaults to 1.37.
    pub profile: Profile,
    /// Discovery in its classic form only, whatever the profile. Defaults to false.
    pub classic_discovery: bool,
    /// Defaults to [`Tls::SelfSigned`].
    pub tls: Tls,
    /// Offer HTTP/1 only, as some proxies and load balancers do. Defaults to false.
    pub http1_only: bool,
    /// Streams per HTTP/2 connection. Defaults to 100, as kube-apiserver.
    pub streams: u32,
    /// Connections at once; more wait. Defaults to 2,000.
    pub connections: usize,
    /// Defaults to [`Formats::All`].
    pub formats: Formats,
    /// The first user is the one of [`Server::kubeconfig`](super::Server::kubeconfig). Defaults to `demo`, whose token
    /// comes from the seed.
    pub users: Vec<User>,
    /// Takes requests without a token as this user's: behind another API server, which has asked for the token itself.
    /// Defaults to none, so that they are answered 401; without TLS to the first user, as behind `kubectl proxy`, because
    /// no client sends a token in the clear.
    pub anonymous: Option<String>,
    /// Bodies of this size are gzipped when asked for. Defaults to 128 KiB, as kube-apiserver.
    pub gzip_from: usize,
    /// Pause between bookmarks. Defaults to 60 s, as kube-apiserver.
    pub bookmark_every: Duration,
    /// How long a read waits for a resourceVersion of the future. Defaults to 3 s, as kube-apiserver.
    pub fresh_wait: Duration,
    /// Changes remembered for watches; older versions are expired. Defaults to 10,000.
    pub history: usize,
    /// Only these of the built-in kinds (`plural.group`); `None` for all. Defaults to all.
    pub built_in: Option<BTreeSet<KindKey>>,
    /// Where it has its time from. Defaults to the system's clock.
    pub clock: Clock,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            objects: 400,
            epoch: None,
            profile: Profile::V1_37,
            classic_discovery: false,
            tls: Tls::SelfSigned,
            http1_only: false,
            streams: 100,
            connections: 2000,
            formats: Formats::All,
            users: Vec::new(),
            anonymous: None,
            gzip_from: 128 << 10,
            bookmark_every: Duration::from_secs(60),
            fresh_wait: Duration::from_secs(3),
            history: 10_000,
            built_in: None,
            clock: Clock::system(),
        }
    }
}
