//! The pod's own service account, used where no kubeconfig is.

use kube::config::AuthInfo;

use super::encoding::{authorities, token_subject};
use super::error::AccessError;
use super::{Access, Environment};
use crate::cluster::identity::Facts;

/// Whether this process runs in a pod with a service account.
pub(super) fn available(environment: &Environment) -> bool {
    environment.get("KUBERNETES_SERVICE_HOST").is_some()
        && environment.service_account_directory().join("token").exists()
}

/// Access through the service account.
pub(super) fn load(environment: &Environment, namespace: Option<&str>) -> Result<Access, AccessError> {
    let uri = address(environment)?;
    let directory = environment.service_account_directory();
    let read = |name: &str| fs_err::read(directory.join(name));
    let token_file = directory.join("token");
    let token =
        fs_err::read_to_string(&token_file).map_err(|source| AccessError::ServiceAccount { source })?;
    let ca = read("ca.crt").map_err(|source| AccessError::ServiceAccount { source })?;
    let own_namespace = read("namespace").ok().and_then(|text| String::from_utf8(text).ok());
    let own_namespace = own_namespace.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());

    let root = authorities(&ca);
    if root.is_empty() {
        let file = directory.join("ca.crt");
        let problem = format!("{} holds no PEM certificate that can be read", file.display());
        return Err(AccessError::ServiceAccount { source: std::io::Error::other(problem) });
    }
    let account = token_subject(&token).unwrap_or_else(|| "service account".to_owned());
    let mut facts = Facts::new();
    facts.add("server", super::normal_server(&uri));
    root.iter().for_each(|certificate| facts.add("ca", certificate));
    facts.add("service account", &account);

    let mut config = kube::Config::new(uri.clone());
    config.root_cert = Some(root);
    config.root_cert_file = Some(directory.join("ca.crt"));
    config.auth_info = AuthInfo { token_file: Some(token_file.display().to_string()), ..AuthInfo::default() };
    let context_namespace = own_namespace.clone();
    config.default_namespace =
        namespace.map(str::to_owned).or(own_namespace).unwrap_or_else(|| "default".to_owned());
    Ok(Access {
        namespace: config.default_namespace.clone(),
        server: super::normal_server(&uri),
        config,
        context: None,
        context_namespace,
        user: Some(account),
        proxy: None,
        identity: facts.identity(),
        places: Vec::new(),
    })
}

fn address(environment: &Environment) -> Result<http::Uri, AccessError> {
    let host = environment.text("KUBERNETES_SERVICE_HOST").unwrap_or_default();
    let port = environment.text("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    let address = format!("https://{host}:{port}");
    match (port.parse::<u16>(), address.parse()) {
        (Ok(_), Ok(uri)) => Ok(uri),
        _ => Err(AccessError::ServiceAddress { address }),
    }
}
