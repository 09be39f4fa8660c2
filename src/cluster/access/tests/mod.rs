//! Kubeconfigs as people have them, and what makes an identity.

mod broken;
mod places;

use std::path::{Path, PathBuf};

use super::*;

const CLUSTER: &str = "server: \"https://api.example:6443\"";

/// A directory with kubeconfigs, and the way to load them.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    /// A kubeconfig of one context `dev`.
    fn simple(&self, cluster: &str, user: &str) -> AccessOptions {
        let text = format!(
            "{{apiVersion: v1, kind: Config, current-context: dev,\
             contexts: [{{name: dev, context: {{cluster: c, user: me, namespace: team}}}}],\
             clusters: [{{name: c, cluster: {{{cluster}}}}}], users: [{{name: me, user: {{{user}}}}}]}}"
        );
        self.options(&self.write("config", &text))
    }

    fn options(&self, path: &Path) -> AccessOptions {
        AccessOptions { kubeconfig: Some(path.to_owned()), environment: self.nothing(), ..Default::default() }
    }

    fn nothing(&self) -> Environment {
        Environment::fixed([("HOME", self.0.path().as_os_str())]).service_account(self.path("account"))
    }

    fn load(&self, cluster: &str, user: &str) -> Access {
        Access::load(&self.simple(cluster, user)).unwrap()
    }

    fn error(&self, cluster: &str, user: &str) -> String {
        Access::load(&self.simple(cluster, user)).unwrap_err().to_string()
    }
}

fn contexts_only(names: &[&str]) -> String {
    let entries: Vec<_> =
        names.iter().map(|name| format!("{{name: {name}, context: {{cluster: {name}}}}}")).collect();
    let clusters: Vec<_> = names
        .iter()
        .map(|name| format!("{{name: {name}, cluster: {{server: \"https://{name}\"}}}}"))
        .collect();
    format!("contexts: [{}]\nclusters: [{}]\n", entries.join(", "), clusters.join(", "))
}

#[test]
fn a_context_gives_server_namespace_and_user() {
    let home = Home::new();
    let access = home.load(CLUSTER, "token: t");
    assert_eq!(access.context.as_deref(), Some("dev"));
    assert_eq!(access.server, "https://api.example:6443");
    assert_eq!((access.namespace.as_str(), access.context_namespace.as_deref()), ("team", Some("team")));
    assert_eq!(access.user.as_deref(), Some("me"));
    let mut options = home.simple(CLUSTER, "token: t");
    options.namespace = Some("other".into());
    let access = Access::load(&options).unwrap();
    assert_eq!((access.namespace.as_str(), access.context_namespace.as_deref()), ("other", Some("team")));
}

#[test]
fn no_plugin_runs_while_loading() {
    let home = Home::new();
    let trap = home.path("ran");
    let user = format!("exec: {{apiVersion: v1, command: touch, args: [\"{}\"]}}", trap.display());
    let access = home.load(CLUSTER, &user);
    crate::cluster::Client::new(&access, crate::cluster::ClientOptions::default()).unwrap();
    assert!(!trap.exists());
}

#[test]
fn an_unknown_context_lists_the_known_and_suggests_the_nearest() {
    let home = Home::new();
    let mut options = home.options(&home.write("config", &contexts_only(&["staging", "production"])));
    options.context = Some("prodction".into());
    let error = Access::load(&options).unwrap_err().to_string();
    for part in ["'prodction'", "did you mean 'production'?", "production, staging", "config"] {
        assert!(error.contains(part), "{error}");
    }
    options.context = Some("xyz".into());
    assert!(!Access::load(&options).unwrap_err().to_string().contains("did you mean"));
    options.context = None;
    let error = Access::load(&options).unwrap_err().to_string();
    assert!(error.contains("no current-context") && error.contains("production, staging"), "{error}");
    assert_eq!(contexts(&options).unwrap(), ["production", "staging"]);
}

#[test]
fn kubeconfigs_are_merged_and_missing_ones_passed_over() {
    let home = Home::new();
    let first = home.write("first", &(contexts_only(&["a"]) + "current-context: a\n"));
    let second = home.write("second", &(contexts_only(&["b"]) + "current-context: b\n"));
    let missing = home.path("missing");
    let list = std::env::join_paths([PathBuf::new(), missing, first, second]).unwrap();
    let environment = Environment::fixed([("KUBECONFIG", list)]);
    let options = AccessOptions { environment, ..Default::default() };
    assert_eq!(contexts(&options).unwrap(), ["a", "b"]);
    assert_eq!(current_context(&options).unwrap().as_deref(), Some("a"));
    assert_eq!(Access::load(&options).unwrap().server, "https://a");
    let options = AccessOptions { context: Some("b".into()), ..options };
    assert_eq!(Access::load(&options).unwrap().server, "https://b");
}

#[test]
fn the_kubeconfig_at_home_is_the_default_and_its_absence_says_where_it_was_sought() {
    let home = Home::new();
    let options = AccessOptions { environment: home.nothing(), ..Default::default() };
    let error = Access::load(&options).unwrap_err().to_string();
    assert!(error.contains(".kube/config") && error.contains("--kubeconfig"), "{error}");
    assert!(contexts(&options).unwrap().is_empty());
    home.write(".kube/config", &(contexts_only(&["a"]) + "current-context: a\n"));
    assert_eq!(Access::load(&options).unwrap().server, "https://a");
}

#[test]
fn a_file_that_must_be_there_and_is_not_is_named() {
    let home = Home::new();
    let error = Access::load(&home.options(&home.path("nowhere"))).unwrap_err();
    assert!(
        matches!(&error, AccessError::Read { source } if source.to_string().contains("nowhere")),
        "{error:?}"
    );
    fs_err::create_dir(home.path("directory")).unwrap();
    let error = Access::load(&home.options(&home.path("directory"))).unwrap_err();
    assert!(
        matches!(&error, AccessError::Read { source } if source.to_string().contains("directory")),
        "{error:?}"
    );
}

#[test]
fn entries_that_are_missing_or_unusable_are_named() {
    let home = Home::new();
    let text = "current-context: a\ncontexts: [{name: a, context: {cluster: gone, user: me}}]\n";
    let error = Access::load(&home.options(&home.write("config", text))).unwrap_err().to_string();
    assert!(error.contains("the cluster 'gone'"), "{error}");
    let text =
        contexts_only(&["a"]).replace("cluster: a}", "cluster: a, user: nobody}") + "current-context: a\n";
    let error = Access::load(&home.options(&home.write("config", &text))).unwrap_err().to_string();
    assert!(error.contains("the user 'nobody'"), "{error}");

    for (cluster, expected) in [
        ("", "server is missing"),
        ("server: \"ftp://x\"", "server 'ftp://x'"),
        ("server: \"https://a b\"", "is not a URL"),
        ("server: https://me:s3cr3t@example.org", "holds a user name or password: put them into"),
        ("server: https://me:s3/cr3t@example.org", "server is not a URL"),
        (
            "server: \"https://a\", certificate-authority-data: \"%%\"",
            "certificate-authority data is not base64",
        ),
        ("server: \"https://a\", certificate-authority-data: aGVsbG8=", "holds no PEM certificate"),
        ("server: \"https://a\", proxy-url: \"ftp://me:s3cr3t@proxy\"", "proxy-url has the scheme 'ftp'"),
    ] {
        let error = home.error(cluster, "");
        assert!(error.contains(expected) && error.contains("'dev'") && !error.contains("s3cr3t"), "{error}");
    }
    let error =
        Access::load(&home.simple("server: \"https://a\", certificate-authority: gone.crt", "")).unwrap_err();
    let AccessError::FieldFile { field, source, .. } = error else { panic!("{error:?}") };
    assert!(field == "certificate-authority" && source.to_string().contains("gone.crt"));
}

#[test]
fn empty_values_count_as_absent_and_a_bare_host_gets_a_scheme() {
    let home = Home::new();
    let cluster = "server: \"localhost:8080\", certificate-authority-data: \"\", proxy-url: \"\", tls-server-name: \"\"";
    let access = home
        .load(cluster, "token: \"\", client-certificate-data: \"\", client-key-data: \"\", tokenFile: \"\"");
    assert_eq!(access.server, "http://localhost:8080");
    assert!(
        access.config.root_cert.is_none()
            && access.proxy.is_none()
            && access.config.auth_info.token.is_none()
    );
    let access = home.load("server: \"host:6443\", insecure-skip-tls-verify: true", "");
    assert_eq!(access.server, "https://host:6443");
}

#[test]
fn relative_files_are_found_beside_the_kubeconfig() {
    let home = Home::new();
    home.write("ca.crt", &authority("a").1);
    let access = home.load("server: \"https://a\", certificate-authority: ca.crt", "tokenFile: sub/token");
    assert_eq!(access.config.root_cert.unwrap().len(), 1);
    assert_eq!(access.config.auth_info.token_file.unwrap(), home.path("sub/token").display().to_string());
}

#[test]
fn a_pod_uses_its_service_account_where_no_kubeconfig_is() {
    let home = Home::new();
    let pod = |home: &Home| {
        let variables = [
            ("HOME", home.0.path().display().to_string()),
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1".to_owned()),
            ("KUBERNETES_SERVICE_PORT", "443".to_owned()),
        ];
        let environment = Environment::fixed(variables).service_account(home.path("account"));
        AccessOptions { environment, ..Default::default() }
    };
    assert!(matches!(Access::load(&pod(&home)), Err(AccessError::NoKubeconfig { .. })));
    home.write("account/ca.crt", &authority("a").1);
    home.write("account/namespace", "own\n");
    let token = |subject: &str, salt: &str| {
        let claims = serde_json::json!({"sub": subject, "salt": salt}).to_string();
        format!("h.{}.s", encoding::to_base64(claims.as_bytes()).trim_end_matches('='))
    };
    let load = |subject: &str, salt: &str| {
        home.write("account/token", &token(subject, salt));
        Access::load(&pod(&home)).unwrap()
    };
    let access = load("system:serviceaccount:own:reader", "1");
    assert_eq!((access.server.as_str(), access.namespace.as_str()), ("https://10.0.0.1:443", "own"));
    assert_eq!(access.context, None);
    assert_eq!(access.user.as_deref(), Some("system:serviceaccount:own:reader"));
    assert_eq!(access.identity, load("system:serviceaccount:own:reader", "2").identity);
    assert_ne!(access.identity, load("system:serviceaccount:own:other", "1").identity);
    home.write(".kube/config", "");
    assert_eq!(Access::load(&pod(&home)).unwrap().context, None);
    home.write(".kube/config", &(contexts_only(&["a"]) + "current-context: a\n"));
    assert_eq!(Access::load(&pod(&home)).unwrap().context.as_deref(), Some("a"));
}

/// A new authority of this name, and its PEM.
fn authority(name: &str) -> (rcgen::Issuer<'static, rcgen::KeyPair>, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let pem = params.self_signed(&key).unwrap().pem();
    (rcgen::Issuer::new(params, key), pem)
}

/// A new certificate for a user.
fn certificate(issuer: &rcgen::Issuer<'static, rcgen::KeyPair>, name: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.signed_by(&key, issuer).unwrap().pem()
}

#[test]
fn rotated_credentials_keep_the_identity() {
    let home = Home::new();
    let same = |cluster: &str, one: &str, other: &str| {
        assert_eq!(home.load(cluster, one).identity, home.load(cluster, other).identity, "{one} / {other}");
    };
    same(CLUSTER, "token: a", "token: b");
    same(CLUSTER, "username: me, password: a", "username: me, password: b");
    let exec =
        |value: &str| format!("exec: {{command: aws, args: [x], env: [{{name: PROFILE, value: {value}}}]}}");
    same(CLUSTER, &exec("a"), &exec("b"));
    same("server: \"https://API.example:6443/\"", "token: a", "token: a");
    let slash = home.load("server: \"https://API.example:6443/\"", "token: a").identity;
    assert_eq!(slash, home.load(CLUSTER, "token: a").identity);

    let (issuer, _) = authority("users");
    let user = |name: &str| {
        home.write("user.crt", &certificate(&issuer, name));
        home.load(CLUSTER, "client-certificate: user.crt, client-key: user.key").identity
    };
    let first = user("jane");
    assert_eq!(first, user("jane"));
    assert_ne!(first, user("joe"));
}

#[test]
fn another_server_authority_user_method_or_impersonation_is_another_identity() {
    let home = Home::new();
    home.write("one.crt", &authority("same name").1);
    home.write("two.crt", &authority("same name").1);
    let access = |cluster: &str, user: &str| home.load(cluster, user).identity;
    let exec = |text: &str| access(CLUSTER, &format!("exec: {{{text}}}"));
    let mut seen = vec![
        access(CLUSTER, ""),
        access(CLUSTER, "token: a"),
        access(CLUSTER, "tokenFile: /a"),
        access(CLUSTER, "tokenFile: /b"),
        access(CLUSTER, "username: a, password: p"),
        access(CLUSTER, "username: b, password: p"),
        access("server: \"https://api.example:6444\"", "token: a"),
        access("server: \"https://api.example:6443/k8s\"", "token: a"),
        access("server: \"https://api.example:6443\", certificate-authority: one.crt", "token: a"),
        access("server: \"https://api.example:6443\", certificate-authority: two.crt", "token: a"),
        access(CLUSTER, "token: a, as: jane"),
        access(CLUSTER, "token: a, as: joe"),
        access(CLUSTER, "token: a, as: joe, as-uid: \"7\""),
        access(CLUSTER, "token: a, as: joe, as-groups: [x, y]"),
        access(CLUSTER, "token: a, as: joe, as-groups: [xy]"),
        access(CLUSTER, "token: a, as: joe, as-user-extra: {k: [v]}"),
        exec("command: aws"),
        exec("command: gcloud"),
        exec("command: aws, args: [one, two]"),
        exec("command: aws, args: [onetwo]"),
        exec("command: aws, env: [{name: PROFILE, value: x}]"),
        access(CLUSTER, "auth-provider: {name: oidc, config: {idp-issuer-url: a, client-id: b}}"),
        access(CLUSTER, "auth-provider: {name: oidc, config: {idp-issuer-url: c, client-id: b}}"),
    ];
    let other_entry = home.simple(CLUSTER, "token: a");
    let text =
        fs_err::read_to_string(home.path("config")).unwrap().replace("me", "you").replace("nayou", "name");
    home.write("config", &text);
    seen.push(Access::load(&other_entry).unwrap().identity);
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}
