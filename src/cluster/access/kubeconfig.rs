//! Finding, reading and merging kubeconfig files as kubectl does.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Kubeconfig, KubeconfigError};

use super::error::AccessError;
use super::{AccessOptions, Environment};

/// The merged kubeconfig and the files it came from.
pub(super) struct Merged {
    pub(super) config: Kubeconfig,
    pub(super) files: Vec<PathBuf>,
}

impl Merged {
    pub(super) fn contexts(&self) -> Vec<String> {
        let mut names: Vec<String> = self.config.contexts.iter().map(|entry| entry.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Reads what `--kubeconfig`, `KUBECONFIG` or `~/.kube/config` name. Files of a list that do not exist are passed
/// over (kubectl does); a file named by `--kubeconfig` must exist.
pub(super) fn read(options: &AccessOptions) -> Result<Merged, AccessError> {
    let (paths, required) = match &options.kubeconfig {
        Some(path) => (vec![path.clone()], true),
        None => (default_paths(&options.environment), false),
    };
    let mut merged = Merged { config: Kubeconfig::default(), files: Vec::new() };
    for path in &paths {
        let Some(mut next) = read_file(path, required)? else { continue };
        normalise(&mut next);
        merged.config = merged.config.merge(next).map_err(|error| invalid(path, error))?;
        merged.files.push(path.clone());
    }
    if merged.files.is_empty() {
        return Err(AccessError::NoKubeconfig { looked: paths });
    }
    Ok(merged)
}

fn default_paths(environment: &Environment) -> Vec<PathBuf> {
    if let Some(list) = environment.get("KUBECONFIG") {
        let paths: Vec<PathBuf> =
            std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
        if !paths.is_empty() {
            return paths;
        }
    }
    environment.home().map(|home| home.join(".kube").join("config")).into_iter().collect()
}

fn read_file(path: &Path, required: bool) -> Result<Option<Kubeconfig>, AccessError> {
    // kube reads the file itself (encodings, relative paths); this names the path when that fails.
    match fs_err::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && !required => return Ok(None),
        Err(source) => return Err(AccessError::Read { source }),
        Ok(_) => {}
    }
    Kubeconfig::read_from(path).map(Some).map_err(|error| invalid(path, error))
}

fn invalid(path: &Path, error: KubeconfigError) -> AccessError {
    let file = path.to_owned();
    #[expect(clippy::wildcard_enum_match_arm, reason = "kube's other errors carry no place")]
    match error {
        KubeconfigError::ReadConfig(source, path) => AccessError::Read {
            source: std::io::Error::new(
                source.kind(),
                format!("failed to read `{}`: {source}", path.display()),
            ),
        },
        KubeconfigError::Parse(error) => {
            let error = error.without_snippet();
            let place = error.location();
            let (line, column) = place.map_or((0, 0), |place| (place.line(), place.column()));
            AccessError::Invalid { file, line, column, problem: without_values(&error.to_string()) }
        }
        other => AccessError::Invalid { file, line: 0, column: 0, problem: other.to_string() },
    }
}

/// A parser's message without the values it quotes: they may be tokens or keys.
fn without_values(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let mut text = String::with_capacity(first.len());
    for (index, part) in first.split('"').enumerate() {
        text.push_str(if index % 2 == 0 { part } else { "…" });
    }
    text
}

/// kubectl takes an empty value for an absent one; kube does not everywhere.
fn normalise(config: &mut Kubeconfig) {
    blank(&mut config.current_context);
    for cluster in config.clusters.iter_mut().filter_map(|entry| entry.cluster.as_mut()) {
        blank(&mut cluster.server);
        blank(&mut cluster.certificate_authority);
        blank(&mut cluster.certificate_authority_data);
        blank(&mut cluster.proxy_url);
        blank(&mut cluster.tls_server_name);
    }
    for context in config.contexts.iter_mut().filter_map(|entry| entry.context.as_mut()) {
        blank(&mut context.user);
        blank(&mut context.namespace);
    }
    config.auth_infos.iter_mut().filter_map(|entry| entry.auth_info.as_mut()).for_each(normalise_user);
}

fn normalise_user(user: &mut AuthInfo) {
    use secrecy::ExposeSecret as _;
    blank(&mut user.username);
    blank(&mut user.token_file);
    blank(&mut user.client_certificate);
    blank(&mut user.client_certificate_data);
    blank(&mut user.client_key);
    blank(&mut user.impersonate);
    blank(&mut user.impersonate_uid);
    for secret in [&mut user.password, &mut user.token, &mut user.client_key_data] {
        if secret.as_ref().is_some_and(|secret| secret.expose_secret().trim().is_empty()) {
            *secret = None;
        }
    }
}

fn blank(field: &mut Option<String>) {
    if field.as_ref().is_some_and(|text| text.trim().is_empty()) {
        *field = None;
    }
}
