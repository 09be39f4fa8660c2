//! Kubeconfig files for the test cluster.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::ControlPlane;
use super::pki::Certified;

/// How a kubeconfig authenticates.
pub(crate) enum Auth {
    /// A bearer token.
    Token(String),
    /// A client certificate.
    Certificate(Certified),
    /// The user entry as it stands in the file.
    Raw(Value),
}

/// A kubeconfig with one context, to be changed before it is written.
pub(crate) struct Kubeconfig {
    /// The context's name, and its cluster's and user entry's.
    pub context: String,
    /// The server's URL.
    pub server: String,
    /// The proxy's URL.
    pub proxy: Option<String>,
    /// The context's namespace.
    pub namespace: Option<String>,
    /// The user entry.
    pub auth: Auth,
}

impl Kubeconfig {
    /// The file's contents (JSON is YAML).
    fn render(&self, ca: &str) -> Value {
        let mut cluster = json!({ "server": self.server, "certificate-authority": ca });
        if let Some(proxy) = &self.proxy {
            cluster["proxy-url"] = json!(proxy);
        }
        let mut context = json!({ "cluster": self.context, "user": self.context });
        if let Some(namespace) = &self.namespace {
            context["namespace"] = json!(namespace);
        }
        let user = match &self.auth {
            Auth::Token(token) => json!({ "token": token }),
            Auth::Certificate(files) => {
                json!({ "client-certificate": files.certificate, "client-key": files.key })
            }
            Auth::Raw(value) => value.clone(),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.context,
            "clusters": [{ "name": self.context, "cluster": cluster }],
            "contexts": [{ "name": self.context, "context": context }],
            "users": [{ "name": self.context, "user": user }],
        })
    }
}

impl ControlPlane {
    /// A kubeconfig of one of [`super::USERS`] whose context is the user's name.
    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.kubeconfig_with(user, |_| {})
    }

    /// The same, changed first: another server, a proxy, a namespace, a certificate.
    pub(crate) fn kubeconfig_with(&self, user: &str, change: impl FnOnce(&mut Kubeconfig)) -> PathBuf {
        let mut config = Kubeconfig {
            context: user.to_owned(),
            server: self.url(),
            proxy: None,
            namespace: None,
            auth: Auth::Token(super::token(user)),
        };
        change(&mut config);
        let text = config.render(&self.pki.path("ca.crt")).to_string();
        // Equal contents share a file, so that concurrent tests never write over each other's.
        let path = self.dir.join("kubeconfig").join(format!(
            "{}-{:x}.yaml",
            config.context,
            xxhash_rust::xxh3::xxh3_64(text.as_bytes())
        ));
        let new = path.with_extension(format!("{:?}", std::thread::current().id()));
        fs_err::write(&new, text).expect("kubeconfig");
        fs_err::rename(&new, &path).expect("kubeconfig");
        path
    }
}
