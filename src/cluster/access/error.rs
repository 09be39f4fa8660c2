//! Why a kubeconfig can't be used, in words that name the file, the entry and what to do.

use std::path::PathBuf;

/// Why no access to a cluster could be built. Nothing was connected and no plugin ran.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Nothing names a cluster.
    #[error("no kubeconfig found (looked at {}): set KUBECONFIG or pass --kubeconfig", list(.looked))]
    NoKubeconfig {
        /// The files that would have been read.
        looked: Vec<PathBuf>,
    },
    /// A file can't be read.
    #[error("the kubeconfig can't be read")]
    Read {
        /// Names the file.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a kubeconfig. The text is not quoted: it may hold credentials.
    #[error("{} is not a valid kubeconfig: {problem}", place(.file, *.line, *.column))]
    Invalid {
        /// The file.
        file: PathBuf,
        /// Line, from 1; 0 when unknown.
        line: u64,
        /// Column, from 1; 0 when unknown.
        column: u64,
        /// What is wrong there, without values of the file.
        problem: String,
    },
    /// The kubeconfig chooses no context and neither did the caller.
    #[error("no current-context in {}: choose one with --context ({})", list(.files), names(.contexts))]
    NoCurrentContext {
        /// The files read.
        files: Vec<PathBuf>,
        /// The contexts there are.
        contexts: Vec<String>,
    },
    /// The context is in no file.
    #[error("no context '{context}' in {}{}; there are: {}", list(.files), did_you_mean(.suggestion), names(.contexts))]
    UnknownContext {
        /// The context asked for.
        context: String,
        /// The files read.
        files: Vec<PathBuf>,
        /// The nearest name.
        suggestion: Option<String>,
        /// The contexts there are.
        contexts: Vec<String>,
    },
    /// A context names a cluster or a user that is in no file.
    #[error("context '{context}' names the {entry} '{name}', which is not in {}", list(.files))]
    UnknownEntry {
        /// The context.
        context: String,
        /// `cluster` or `user`.
        entry: &'static str,
        /// The name that is missing.
        name: String,
        /// The files read.
        files: Vec<PathBuf>,
    },
    /// A list of one file names something twice. Which one is meant nobody knows; kubectl refuses it as well.
    #[error("{} has two entries named '{name}' in its {list}: rename or remove one of them", .file.display())]
    NamedTwice {
        /// The file.
        file: PathBuf,
        /// `contexts`, `clusters` or `users`.
        list: &'static str,
        /// The name.
        name: String,
    },
    /// A field of an entry that is used is not what it should be.
    #[error("the {kind} '{name}' in {}: {}{problem}", .file.display(), field_word(.field))]
    Entry {
        /// The file.
        file: PathBuf,
        /// `context`, `cluster` or `user`.
        kind: &'static str,
        /// The entry's name.
        name: String,
        /// The field, e.g. `exec.env[0]`; empty when the whole entry is meant.
        field: String,
        /// What is wrong with it, without its value where that may be secret.
        problem: String,
    },
    /// A field of an entry can't be used.
    #[error("context '{context}' (in {}): {field} {problem}", list(.files))]
    Field {
        /// The context.
        context: String,
        /// The files read.
        files: Vec<PathBuf>,
        /// The field, e.g. `certificate-authority-data`.
        field: &'static str,
        /// What is wrong with it, without its value where that may be secret.
        problem: String,
    },
    /// A file that an entry names can't be read.
    #[error("context '{context}': the file of {field} can't be read")]
    FieldFile {
        /// The context.
        context: String,
        /// The field, e.g. `client-certificate`.
        field: &'static str,
        /// Names the file.
        #[source]
        source: std::io::Error,
    },
    /// A file of the pod's service account can't be used.
    #[error("the pod's service account can't be used")]
    ServiceAccount {
        /// Names the file.
        #[source]
        source: std::io::Error,
    },
    /// `KUBERNETES_SERVICE_HOST` and `_PORT` do not give an address.
    #[error("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT give no usable address: {address}")]
    ServiceAddress {
        /// What they give.
        address: String,
    },
}

fn list(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn names(contexts: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = contexts.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if text.is_empty() {
        text.push_str("no context at all");
    }
    if contexts.len() > SHOWN {
        text.push_str(&format!(" and {} more", contexts.len() - SHOWN));
    }
    text
}

fn field_word(field: &str) -> String {
    if field.is_empty() { "it ".to_owned() } else { format!("{field} ") }
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default()
}

fn place(file: &std::path::Path, line: u64, column: u64) -> String {
    match line {
        0 => file.display().to_string(),
        _ => format!("{}, line {line}, column {column},", file.display()),
    }
}
