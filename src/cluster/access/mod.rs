//! From a kubeconfig (or a pod's service account) to the settings of a connection. Connects to nothing and runs
//! no exec plugin: completion and `--offline` load it too.

mod chosen;
mod document;
pub(crate) mod encoding;
mod entries;
mod environment;
mod error;
mod fields;
mod files;
mod in_cluster;
mod kubeconfig;
mod place;
mod proxy;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use http::Uri;

use self::chosen::Chosen;
use super::identity::Identity;

pub use environment::Environment;
pub use error::AccessError;
pub use place::Place;
pub use proxy::{Proxy, ProxyKind};

/// Which kubeconfig and which context to use.
#[derive(Debug, Clone, Default)]
pub struct AccessOptions {
    /// `--kubeconfig`; `None`: `KUBECONFIG`, then `~/.kube/config`, then the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`; `None`: the kubeconfig's `current-context`.
    pub context: Option<String>,
    /// `--namespace`; `None`: the context's, then `default`.
    pub namespace: Option<String>,
    /// Where variables are read. Defaults to the process environment.
    pub environment: Environment,
}

/// How one cluster is reached, and as whom.
#[derive(Debug, Clone)]
pub struct Access {
    /// kube's settings: address, CA, credentials. Its `proxy_url` is unused, see `proxy`.
    pub config: kube::Config,
    /// The context's name; `None` in a pod.
    pub context: Option<String>,
    /// The API server's URL without a trailing slash.
    pub server: String,
    /// The namespace that `-n` would choose by default.
    pub namespace: String,
    /// The namespace that the context names, if it names one: a candidate where not all may be listed.
    pub context_namespace: Option<String>,
    /// The name of the user entry, or of the service account.
    pub user: Option<String>,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
    /// Which index belongs to this access.
    pub identity: Identity,
    /// Under what that index is found again where the access can't be loaded any more. None in a pod.
    pub places: Vec<Place>,
}

/// The names of all contexts, sorted: for completion and suggestions.
pub fn contexts(options: &AccessOptions) -> Result<Vec<String>, AccessError> {
    match kubeconfig::read(options) {
        Ok(merged) => Ok(merged.contexts()),
        Err(AccessError::NoKubeconfig { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The context that would be used when none is named.
pub fn current_context(options: &AccessOptions) -> Result<Option<String>, AccessError> {
    match kubeconfig::read(options) {
        Ok(merged) => Ok(merged.document.current_context),
        Err(AccessError::NoKubeconfig { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the index of an access may lie that can't be loaded; see [`Access::places`].
pub fn last_place(options: &AccessOptions) -> Option<Place> {
    place::to_look_at(options)
}

impl Access {
    /// Reads the kubeconfig. No connection is made and no plugin runs; files of certificates are read.
    pub fn load(options: &AccessOptions) -> Result<Self, AccessError> {
        let merged = match kubeconfig::read(options) {
            Err(AccessError::NoKubeconfig { .. }) if in_pod(options) => {
                return in_cluster::load(&options.environment, options.namespace.as_deref());
            }
            result => result?,
        };
        let document = &merged.document;
        if document.contexts.is_empty() && document.clusters.is_empty() && in_pod(options) {
            return in_cluster::load(&options.environment, options.namespace.as_deref());
        }
        Chosen::of(&merged, options)?.access(options)
    }

    /// Whether credentials may be sent: never in the clear. kubectl sends none to an `http://` server either.
    pub(super) fn is_private(&self) -> bool {
        self.config.cluster_url.scheme_str() == Some("https")
    }

    /// Whether there is anything to prove who we are with.
    pub(super) fn has_credentials(&self) -> bool {
        let user = &self.config.auth_info;
        let header = user.token.is_some() || user.token_file.is_some() || user.username.is_some();
        let asked = user.exec.is_some() || user.auth_provider.is_some();
        let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
        header || asked || certificate
    }
}

fn in_pod(options: &AccessOptions) -> bool {
    options.context.is_none() && options.kubeconfig.is_none() && in_cluster::available(&options.environment)
}

/// A URL as it is compared: lower-case scheme and host, no trailing slash.
fn normal_server(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https").to_ascii_lowercase();
    let authority = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
    let path = uri.path().trim_end_matches('/');
    format!("{scheme}://{}{path}", authority.unwrap_or_default())
}
