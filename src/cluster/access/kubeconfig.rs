//! All kubeconfig files as one, merged as kubectl does.

use std::path::PathBuf;

use super::AccessOptions;
use super::document::Document;
use super::error::AccessError;
use super::files;

/// The merged kubeconfig and the files it came from.
pub(super) struct Merged {
    pub(super) document: Document,
    pub(super) files: Vec<PathBuf>,
}

impl Merged {
    pub(super) fn contexts(&self) -> Vec<String> {
        let mut names: Vec<String> = self.document.contexts.iter().map(|entry| entry.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Reads what `--kubeconfig`, `KUBECONFIG` or `~/.kube/config` name.
pub(super) fn read(options: &AccessOptions) -> Result<Merged, AccessError> {
    let (paths, required) = files::paths(options);
    let mut merged = Merged { document: Document::default(), files: Vec::new() };
    for path in &paths {
        let Some(text) = files::read(path, required)? else { continue };
        merged.document.merge(Document::read(path, &text)?);
        merged.files.push(path.clone());
    }
    if merged.files.is_empty() {
        return Err(AccessError::NoKubeconfig { looked: paths });
    }
    Ok(merged)
}
