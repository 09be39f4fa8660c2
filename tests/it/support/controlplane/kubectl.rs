//! kubectl: the second opinion that answers are compared with, and the hand that changes the cluster.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::super::binary::Output;
use super::ControlPlane;

impl ControlPlane {
    /// Runs kubectl as admin and hands back its stdout; panics when it fails.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        self.run_kubectl("admin", arguments, None).await.success()
    }

    /// Runs kubectl as a user, failing or not.
    pub(crate) async fn kubectl_as(&self, user: &str, arguments: &[&str]) -> Output {
        self.run_kubectl(user, arguments, None).await
    }

    /// `kubectl get ... -o json`.
    pub(crate) async fn kubectl_json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["-o", "json"]].concat();
        serde_json::from_str(&self.kubectl(&arguments).await).expect("kubectl writes JSON")
    }

    /// `kubectl apply --server-side` of one or more documents (YAML or JSON).
    pub(crate) async fn apply(&self, manifest: &str) {
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.run_kubectl("admin", &arguments, Some(manifest)).await.success();
    }

    /// Applies JSON objects.
    pub(crate) async fn apply_objects(&self, objects: &[Value]) {
        self.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string()).await;
    }

    /// Makes a namespace.
    pub(crate) async fn namespace(&self, name: &str) {
        self.apply_objects(&[
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }),
        ])
        .await;
    }

    /// Gives a user the verbs `get,list,watch` on resources, everywhere or in one namespace. A resource is
    /// written `plural` or `plural.group`; `*` is every resource of every group.
    pub(crate) async fn grant(&self, user: &str, namespace: Option<&str>, resources: &[&str]) {
        let rules: Vec<Value> = resources.iter().map(|resource| rule(resource)).collect();
        let name = grant_name(user);
        let (role, binding) =
            if namespace.is_some() { ("Role", "RoleBinding") } else { ("ClusterRole", "ClusterRoleBinding") };
        let api = "rbac.authorization.k8s.io";
        let mut metadata = json!({ "name": name });
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        self.apply_objects(&[
            json!({ "apiVersion": format!("{api}/v1"), "kind": role, "metadata": metadata, "rules": rules }),
            json!({
                "apiVersion": format!("{api}/v1"), "kind": binding, "metadata": metadata,
                "roleRef": { "apiGroup": api, "kind": role, "name": name },
                "subjects": [{ "apiGroup": api, "kind": "User", "name": user }],
            }),
        ])
        .await;
    }

    /// Takes back what [`Self::grant`] gave.
    pub(crate) async fn revoke(&self, user: &str, namespace: Option<&str>) {
        let name = grant_name(user);
        match namespace {
            Some(namespace) => self.kubectl(&["delete", "rolebinding", &name, "-n", namespace]).await,
            None => self.kubectl(&["delete", "clusterrolebinding", &name]).await,
        };
    }

    /// A command that runs kubectl as a user.
    pub(crate) fn kubectl_command(&self, user: &str) -> std::process::Command {
        let mut command = std::process::Command::new(self.programs.join("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig(user)).env("HOME", self.dir.join("kubectl"));
        command
    }

    async fn run_kubectl(&self, user: &str, arguments: &[&str], stdin: Option<&str>) -> Output {
        let mut child = tokio::process::Command::from(self.kubectl_command(user))
            .args(arguments)
            .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("kubectl starts");
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // kubectl may end early and close the pipe; its own message then says why.
            _ = pipe.write_all(text.as_bytes()).await;
        }
        Output::from(child.wait_with_output().await.expect("kubectl runs"))
    }
}

fn grant_name(user: &str) -> String {
    format!("granted-to-{user}")
}

fn rule(resource: &str) -> Value {
    let (plural, group) = match resource {
        "*" => ("*", "*"),
        _ => resource.split_once('.').unwrap_or((resource, "")),
    };
    json!({ "apiGroups": [group], "resources": [plural], "verbs": ["get", "list", "watch"] })
}
