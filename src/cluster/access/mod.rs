//! From a kubeconfig (or a pod's service account) to the settings of a connection. Connects to nothing and runs
//! no exec plugin: completion and `--offline` load it too.

pub(crate) mod encoding;
mod environment;
mod error;
mod in_cluster;
mod kubeconfig;
mod proxy;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use http::Uri;
use kube::config::{AuthInfo, Cluster, Context, ExecAuthCluster};

use self::kubeconfig::Merged;
use super::identity::{Facts, Identity, issuer_and_subject};

pub use environment::Environment;
pub use error::AccessError;
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
        Ok(merged) => Ok(merged.config.current_context),
        Err(AccessError::NoKubeconfig { .. }) => Ok(None),
        Err(error) => Err(error),
    }
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
        if merged.config.contexts.is_empty() && merged.config.clusters.is_empty() && in_pod(options) {
            return in_cluster::load(&options.environment, options.namespace.as_deref());
        }
        Chosen::of(&merged, options)?.access(options)
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

/// The entries that one context names.
struct Chosen {
    name: String,
    files: Vec<PathBuf>,
    context: Context,
    cluster: Cluster,
    user: AuthInfo,
}

impl Chosen {
    fn of(merged: &Merged, options: &AccessOptions) -> Result<Self, AccessError> {
        let name =
            options.context.clone().or_else(|| merged.config.current_context.clone()).ok_or_else(|| {
                AccessError::NoCurrentContext { files: merged.files.clone(), contexts: merged.contexts() }
            })?;
        let contexts = &merged.config.contexts;
        let context =
            contexts.iter().find(|entry| entry.name == name).and_then(|entry| entry.context.clone());
        let context = context.ok_or_else(|| unknown_context(merged, &name))?;
        let missing = |entry, missing: &str| AccessError::UnknownEntry {
            context: name.clone(),
            entry,
            name: missing.to_owned(),
            files: merged.files.clone(),
        };
        let clusters = &merged.config.clusters;
        let cluster = clusters.iter().find(|entry| entry.name == context.cluster);
        let cluster = cluster.and_then(|entry| entry.cluster.clone());
        let cluster = cluster.ok_or_else(|| missing("cluster", &context.cluster))?;
        let user = match &context.user {
            None => AuthInfo::default(),
            Some(user) => {
                let entry = merged.config.auth_infos.iter().find(|entry| &entry.name == user);
                entry.ok_or_else(|| missing("user", user))?.auth_info.clone().unwrap_or_default()
            }
        };
        Ok(Self { name, files: merged.files.clone(), context, cluster, user })
    }

    fn access(mut self, options: &AccessOptions) -> Result<Access, AccessError> {
        let uri = self.server()?;
        if self.user.exec.as_ref().is_some_and(|exec| exec.provide_cluster_info) {
            let cluster = ExecAuthCluster::try_from(&self.cluster);
            let cluster = cluster.map_err(|_| self.field("certificate-authority", "can't be read"))?;
            self.user.exec.iter_mut().for_each(|exec| exec.cluster = Some(cluster.clone()));
        }
        let root = self.root_certificates()?;
        let proxy = match &self.cluster.proxy_url {
            Some(url) => Some(Proxy::parse(url, &uri).map_err(|problem| self.field("proxy-url", problem))?),
            None => Proxy::from_environment(&options.environment, &uri)
                .transpose()
                .map_err(|problem| self.field("the proxy of the environment (HTTPS_PROXY)", problem))?,
        };
        let identity = self.identity(&uri, root.as_deref())?;
        let mut config = kube::Config::new(uri.clone());
        config.root_cert = root;
        config.accept_invalid_certs = self.cluster.insecure_skip_tls_verify.unwrap_or(false);
        config.disable_compression = self.cluster.disable_compression.unwrap_or(false);
        config.tls_server_name = self.cluster.tls_server_name.clone();
        config.auth_info = self.user;
        let context_namespace = self.context.namespace.clone();
        let namespace = options.namespace.clone().or_else(|| context_namespace.clone());
        config.default_namespace = namespace.unwrap_or_else(|| "default".to_owned());
        Ok(Access {
            namespace: config.default_namespace.clone(),
            server: normal_server(&uri),
            config,
            context: Some(self.name),
            context_namespace,
            user: self.context.user,
            proxy,
            identity,
        })
    }

    /// The server's URL; without a scheme it is `https` where the entry speaks of certificates, as for kubectl.
    fn server(&self) -> Result<Uri, AccessError> {
        let server = self.cluster.server.as_deref().unwrap_or_default().trim();
        let secure = self.cluster.certificate_authority.is_some()
            || self.cluster.certificate_authority_data.is_some()
            || self.cluster.insecure_skip_tls_verify == Some(true);
        let url = match server {
            "" => return Err(self.field("server", "is missing")),
            url if url.contains("://") => url.to_owned(),
            host if secure => format!("https://{host}"),
            host => format!("http://{host}"),
        };
        let authority = url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
        if authority.unwrap_or_default().contains('@') {
            // Not quoted: it would stand in every status and log.
            let problem =
                "holds a user name or password: put them into `username` and `password` of the user";
            return Err(self.field("server", problem));
        }
        let uri: Uri = url.parse().map_err(|_| match server.contains('@') {
            // A slash in a password that nobody escaped.
            true => self.field("server", "is not a URL"),
            false => self.field("server", format!("'{server}' is not a URL")),
        })?;
        // `http` takes anything for a port.
        let port = uri.authority().is_some_and(|it| it.port().is_none() && it.as_str() != it.host());
        if port {
            return Err(self.field("server", "is not a URL"));
        }
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(uri),
            _ => Err(self.field("server", format!("'{server}' is not an http or https URL"))),
        }
    }

    fn root_certificates(&self) -> Result<Option<Vec<Vec<u8>>>, AccessError> {
        let data = self.cluster.certificate_authority_data.as_deref();
        let Some(pem) =
            self.bytes("certificate-authority", data, self.cluster.certificate_authority.as_deref())?
        else {
            return Ok(None);
        };
        match encoding::certificates(&pem) {
            Some(found) if !found.is_empty() => Ok(Some(found)),
            _ => Err(self.field("certificate-authority", "holds no PEM certificate")),
        }
    }

    /// The bytes of a field that comes as base64 data or as a file; data wins.
    fn bytes(
        &self,
        field: &'static str,
        data: Option<&str>,
        file: Option<&str>,
    ) -> Result<Option<Vec<u8>>, AccessError> {
        match (data, file) {
            (Some(data), _) => match encoding::from_base64(data) {
                Some(bytes) => Ok(Some(bytes)),
                None => Err(self.field(field, "data is not base64")),
            },
            (None, Some(file)) => match fs_err::read(file) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(source) => Err(AccessError::FieldFile { context: self.name.clone(), field, source }),
            },
            (None, None) => Ok(None),
        }
    }

    fn field(&self, field: &'static str, problem: impl Into<String>) -> AccessError {
        let (context, files) = (self.name.clone(), self.files.clone());
        AccessError::Field { context, files, field, problem: problem.into() }
    }

    fn identity(&self, uri: &Uri, root: Option<&[Vec<u8>]>) -> Result<Identity, AccessError> {
        let mut facts = Facts::new();
        facts.add("server", normal_server(uri));
        root.into_iter().flatten().for_each(|certificate| facts.add("ca", certificate));
        facts.add_optional("user entry", self.context.user.as_deref());
        self.auth_facts(&mut facts)?;
        let user = &self.user;
        facts.add_optional("as", user.impersonate.as_deref());
        facts.add_optional("as uid", user.impersonate_uid.as_deref());
        user.impersonate_groups.iter().flatten().for_each(|group| facts.add("as group", group));
        let mut extra: Vec<_> = user.impersonate_user_extra.iter().flatten().collect();
        extra.sort();
        for (key, values) in extra {
            facts.add("as extra", key);
            values.iter().for_each(|value| facts.add("as extra value", value));
        }
        Ok(facts.identity())
    }

    /// The auth method: names and places, never a token, a key or a certificate's bytes.
    fn auth_facts(&self, facts: &mut Facts) -> Result<(), AccessError> {
        let user = &self.user;
        facts.add_optional("user name", user.username.as_deref());
        facts.add_optional("token", user.token.as_ref().map(|_| "inline"));
        facts.add_optional("token file", user.token_file.as_deref());
        if let Some(exec) = &user.exec {
            facts.add("exec", exec.command.as_deref().unwrap_or_default());
            exec.args.iter().flatten().for_each(|argument| facts.add("argument", argument));
            let mut names: Vec<_> = exec.env.iter().flatten().filter_map(|entry| entry.get("name")).collect();
            names.sort();
            names.iter().for_each(|name| facts.add("variable", name));
        }
        if let Some(provider) = &user.auth_provider {
            facts.add("auth provider", &provider.name);
            for key in ["idp-issuer-url", "client-id"] {
                facts.add_optional(key, provider.config.get(key));
            }
        }
        let data = user.client_certificate_data.as_deref();
        if let Some(pem) = self.bytes("client-certificate", data, user.client_certificate.as_deref())? {
            let chain = encoding::certificates(&pem).unwrap_or_default();
            let names = chain.first().and_then(|der| issuer_and_subject(der));
            let (issuer, subject) =
                names.ok_or_else(|| self.field("client-certificate", "is not a PEM certificate"))?;
            facts.add("certificate issuer", issuer);
            facts.add("certificate subject", subject);
        }
        Ok(())
    }
}

fn unknown_context(merged: &Merged, name: &str) -> AccessError {
    let contexts = merged.contexts();
    let nearest = contexts.iter().map(|other| (strsim::jaro_winkler(name, other), other));
    let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.75);
    AccessError::UnknownContext {
        context: name.to_owned(),
        files: merged.files.clone(),
        suggestion: nearest.map(|(_, other)| other.clone()),
        contexts,
    }
}
