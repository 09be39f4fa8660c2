//! The three entries that a context names, understood: only these of a kubeconfig have to be right.

use std::collections::HashMap;

use kube::config::{AuthInfo, AuthProviderConfig, ExecConfig, ExecInteractiveMode};

use super::document::Entry;
use super::error::AccessError;
use super::fields::Fields;

/// Where exec plugins look for their own settings among a cluster's extensions.
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// What a context says.
pub(super) struct Context {
    pub(super) cluster: String,
    pub(super) user: Option<String>,
    pub(super) namespace: Option<String>,
}

impl Context {
    pub(super) fn read(entry: &Entry) -> Result<Self, AccessError> {
        let fields = Fields::of("context", entry)?;
        let cluster = fields.name("cluster")?.ok_or_else(|| fields.wrong("cluster", "is missing"))?;
        Ok(Self { cluster, user: fields.name("user")?, namespace: fields.text("namespace")? })
    }
}

/// What a cluster says.
pub(super) struct Cluster {
    pub(super) server: Option<String>,
    pub(super) insecure: bool,
    pub(super) authority: Option<String>,
    pub(super) authority_data: Option<String>,
    pub(super) proxy_url: Option<String>,
    pub(super) tls_server_name: Option<String>,
    pub(super) disable_compression: bool,
    /// What is meant for an exec plugin.
    pub(super) exec_config: Option<serde_json::Value>,
}

impl Cluster {
    pub(super) fn read(entry: &Entry) -> Result<Self, AccessError> {
        let fields = Fields::of("cluster", entry)?;
        Ok(Self {
            server: fields.text("server")?,
            insecure: fields.flag("insecure-skip-tls-verify")?.unwrap_or_default(),
            authority: fields.file("certificate-authority")?,
            authority_data: fields.text("certificate-authority-data")?,
            proxy_url: fields.text("proxy-url")?,
            tls_server_name: fields.text("tls-server-name")?,
            disable_compression: fields.flag("disable-compression")?.unwrap_or_default(),
            exec_config: exec_config(&fields)?,
        })
    }
}

fn exec_config(cluster: &Fields<'_>) -> Result<Option<serde_json::Value>, AccessError> {
    for extension in cluster.all_fields("extensions")? {
        if extension.name("name")?.as_deref() == Some(EXEC_EXTENSION) {
            return Ok(extension.value("extension").cloned());
        }
    }
    Ok(None)
}

/// What a user says.
pub(super) fn user(entry: &Entry) -> Result<AuthInfo, AccessError> {
    let fields = Fields::of("user", entry)?;
    let user = AuthInfo {
        username: fields.text("username")?,
        password: fields.secret("password")?,
        token: fields.secret("token")?,
        token_file: fields.file("tokenFile")?,
        client_certificate: fields.file("client-certificate")?,
        client_certificate_data: fields.text("client-certificate-data")?,
        client_key: fields.file("client-key")?,
        client_key_data: fields.secret("client-key-data")?,
        impersonate: fields.text("as")?,
        impersonate_uid: fields.text("as-uid")?,
        impersonate_groups: fields.texts("as-groups")?,
        impersonate_user_extra: match fields.fields("as-user-extra")? {
            Some(extra) => Some(extra.all_lists()?),
            None => None,
        },
        auth_provider: auth_provider(&fields)?,
        exec: exec(&fields)?,
        ..AuthInfo::default()
    };
    if user.exec.is_some() && user.auth_provider.is_some() {
        return Err(fields.wrong("exec", "and auth-provider can't be used together: remove one"));
    }
    Ok(user)
}

fn auth_provider(user: &Fields<'_>) -> Result<Option<AuthProviderConfig>, AccessError> {
    let Some(fields) = user.fields("auth-provider")? else { return Ok(None) };
    let name = fields.text("name")?.ok_or_else(|| fields.wrong("name", "is missing"))?;
    let config = match fields.fields("config")? {
        Some(config) => config.all_texts()?,
        None => HashMap::new(),
    };
    // Empty values are absent ones, as everywhere.
    let config = config.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    Ok(Some(AuthProviderConfig { name, config, ..AuthProviderConfig::default() }))
}

fn exec(user: &Fields<'_>) -> Result<Option<ExecConfig>, AccessError> {
    let Some(fields) = user.fields("exec")? else { return Ok(None) };
    // A bare name is looked up in PATH; what has a slash is a file.
    let command = match fields.text("command")? {
        Some(command) if command.contains('/') => fields.file("command")?,
        command => command,
    };
    let interactive_mode = match fields.text("interactiveMode")?.as_deref() {
        None => None,
        Some("Never") => Some(ExecInteractiveMode::Never),
        Some("IfAvailable") => Some(ExecInteractiveMode::IfAvailable),
        Some("Always") => Some(ExecInteractiveMode::Always),
        Some(other) => {
            let problem = format!("is '{other}'; known are Never, IfAvailable and Always");
            return Err(fields.wrong("interactiveMode", problem));
        }
    };
    let mut env = Vec::new();
    for variable in fields.all_fields("env")? {
        let name = variable.text("name")?.ok_or_else(|| variable.wrong("name", "is missing"))?;
        let value = variable.any_text("value")?.unwrap_or_default();
        env.push(HashMap::from([("name".to_owned(), name), ("value".to_owned(), value)]));
    }
    Ok(Some(ExecConfig {
        api_version: fields.text("apiVersion")?,
        command,
        args: fields.texts("args")?,
        env: (!env.is_empty()).then_some(env),
        install_hint: fields.text("installHint")?,
        interactive_mode,
        provide_cluster_info: fields.flag("provideClusterInfo")?.unwrap_or_default(),
        ..ExecConfig::default()
    }))
}
