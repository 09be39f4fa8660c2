//! The three entries that one context names, and the settings they give.

use std::path::{Path, PathBuf};

use http::Uri;
use kube::config::{AuthInfo, ExecAuthCluster};

use super::document::find;
use super::encoding;
use super::entries::{self, Cluster, Context};
use super::error::AccessError;
use super::kubeconfig::Merged;
use super::place::{self, Place};
use super::{Access, AccessOptions, Proxy, normal_server};
use crate::cluster::identity::{Facts, Identity};
use crate::cluster::x509::Certificate;

/// The entries of one context.
pub(super) struct Chosen {
    name: String,
    files: Vec<PathBuf>,
    context: Context,
    cluster: Cluster,
    user: AuthInfo,
}

impl Chosen {
    pub(super) fn of(merged: &Merged, options: &AccessOptions) -> Result<Self, AccessError> {
        let document = &merged.document;
        let name = options.context.clone().or_else(|| document.current_context.clone()).ok_or_else(|| {
            AccessError::NoCurrentContext { files: merged.files.clone(), contexts: merged.contexts() }
        })?;
        let context = find(&document.contexts, &name).ok_or_else(|| unknown_context(merged, &name))?;
        let context = Context::read(context)?;
        let missing = |entry, missing: &str| AccessError::UnknownEntry {
            context: name.clone(),
            entry,
            name: missing.to_owned(),
            files: merged.files.clone(),
        };
        let cluster = find(&document.clusters, &context.cluster);
        let cluster = Cluster::read(cluster.ok_or_else(|| missing("cluster", &context.cluster))?)?;
        let user = match &context.user {
            None => AuthInfo::default(),
            Some(user) => entries::user(find(&document.users, user).ok_or_else(|| missing("user", user))?)?,
        };
        Ok(Self { name, files: merged.files.clone(), context, cluster, user })
    }

    pub(super) fn access(mut self, options: &AccessOptions) -> Result<Access, AccessError> {
        let uri = self.server()?;
        let places = place::to_remember(self.place(&uri), &self.name, options);
        let root = self.root_certificates()?;
        if self.user.exec.as_ref().is_some_and(|exec| exec.provide_cluster_info) {
            let cluster = self.told_to_plugins()?;
            self.user.exec.iter_mut().for_each(|exec| exec.cluster = Some(cluster.clone()));
        }
        let proxy = match &self.cluster.proxy_url {
            Some(url) => Some(Proxy::parse(url, &uri).map_err(|problem| self.field("proxy-url", problem))?),
            None => Proxy::from_environment(&options.environment, &uri)
                .transpose()
                .map_err(|problem| self.field("the proxy of the environment (HTTPS_PROXY)", problem))?,
        };
        let identity = self.identity(&uri, root.as_deref())?;
        let mut config = kube::Config::new(uri.clone());
        config.root_cert = root;
        config.accept_invalid_certs = self.cluster.insecure;
        config.disable_compression = self.cluster.disable_compression;
        config.tls_server_name = self.cluster.tls_server_name;
        config.auth_info = self.user;
        let context_namespace = self.context.namespace;
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
            places,
        })
    }

    /// What leads to the same index as the identity does, known without reading a file or asking anybody.
    pub(super) fn known_place(&self) -> Option<Place> {
        self.server().ok().map(|uri| self.place(&uri))
    }

    /// The server's URL; without a scheme it is `https` where the entry speaks of certificates, as for kubectl.
    fn server(&self) -> Result<Uri, AccessError> {
        let server = self.cluster.server.as_deref().unwrap_or_default().trim();
        let secure = self.cluster.authority.is_some()
            || self.cluster.authority_data.is_some()
            || self.cluster.insecure;
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
        const FIELD: &str = "certificate-authority";
        let Some(pem) = self.authority()? else { return Ok(None) };
        let found = encoding::authorities(&pem);
        if found.is_empty() {
            let problem = match encoding::is_pem(&pem) {
                true => "holds no certificate that can be read",
                false => "holds no PEM certificate",
            };
            return Err(self.field(FIELD, problem));
        }
        Ok(Some(found))
    }

    fn authority(&self) -> Result<Option<Vec<u8>>, AccessError> {
        let (data, file) = (self.cluster.authority_data.as_deref(), self.cluster.authority.as_deref());
        self.bytes("certificate-authority", data, file)
    }

    /// What a plugin is told of its cluster.
    fn told_to_plugins(&self) -> Result<ExecAuthCluster, AccessError> {
        let cluster = &self.cluster;
        Ok(ExecAuthCluster {
            server: cluster.server.clone(),
            insecure_skip_tls_verify: cluster.insecure.then_some(true),
            certificate_authority_data: self.authority()?,
            proxy_url: cluster.proxy_url.clone(),
            tls_server_name: cluster.tls_server_name.clone(),
            config: cluster.exec_config.clone(),
        })
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
        self.auth_facts(&mut facts);
        let data = self.user.client_certificate_data.as_deref();
        if let Some(pem) = self.bytes("client-certificate", data, self.user.client_certificate.as_deref())? {
            certificate_facts(&mut facts, &pem)
                .ok_or_else(|| self.field("client-certificate", "is not a PEM certificate"))?;
        }
        self.impersonation(&mut facts);
        Ok(facts.identity())
    }

    /// The same facts as far as the kubeconfig itself tells them: files by their name instead of what is in them.
    fn place(&self, uri: &Uri) -> Place {
        let path = |path: &String| place::absolute(Path::new(path));
        let (cluster, user) = (&self.cluster, &self.user);
        let mut facts = Facts::new();
        facts.add("server", normal_server(uri));
        facts.add_optional("ca data", cluster.authority_data.as_deref());
        facts.add_optional("ca file", cluster.authority.as_ref().map(path));
        facts.add_optional("user entry", self.context.user.as_deref());
        self.auth_facts(&mut facts);
        facts.add_optional("certificate file", user.client_certificate.as_ref().map(path));
        if let Some(pem) = user.client_certificate_data.as_deref().and_then(encoding::from_base64) {
            certificate_facts(&mut facts, &pem);
        }
        self.impersonation(&mut facts);
        Place::of(facts)
    }

    /// The auth method: names and places, never a token, a key or a certificate's bytes.
    fn auth_facts(&self, facts: &mut Facts) {
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
    }

    fn impersonation(&self, facts: &mut Facts) {
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
    }
}

/// Whose certificate it is: a renewed one is of the same user.
fn certificate_facts(facts: &mut Facts, pem: &[u8]) -> Option<()> {
    let chain = encoding::certificates(pem);
    let certificate = Certificate::read(chain.first()?)?;
    facts.add("certificate issuer", certificate.issuer);
    facts.add("certificate subject", certificate.subject);
    Some(())
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
