//! What access reads from the process environment; fixed in tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where `KUBECONFIG`, `HOME`, the proxy variables and the pod's variables come from.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: Option<BTreeMap<String, OsString>>,
    service_account: Option<PathBuf>,
}

impl Environment {
    /// Exactly these variables instead of the process's.
    pub fn fixed<K: Into<String>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables: Some(variables), service_account: None }
    }

    /// Another directory than `/var/run/secrets/kubernetes.io/serviceaccount`.
    #[must_use]
    pub fn service_account(mut self, directory: impl Into<PathBuf>) -> Self {
        self.service_account = Some(directory.into());
        self
    }

    /// A variable's value, if it is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<OsString> {
        let value = match &self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var_os(name),
        };
        value.filter(|value| !value.is_empty())
    }

    /// A variable as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.into_string().ok()
    }

    /// The user's home directory.
    pub(super) fn home(&self) -> Option<PathBuf> {
        match &self.variables {
            Some(_) => self.get("HOME").map(PathBuf::from),
            None => std::env::home_dir(),
        }
    }

    /// The directory of the pod's service account.
    pub(super) fn service_account_directory(&self) -> PathBuf {
        let default = || PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount");
        self.service_account.clone().unwrap_or_else(default)
    }
}
