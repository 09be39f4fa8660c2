//! Under what an index is found again when its access can't be loaded any more, and so its identity is not known.

use std::path::{Path, PathBuf};

use super::AccessOptions;
use super::chosen::Chosen;
use super::error::AccessError;
use super::files;
use super::kubeconfig;
use crate::cluster::identity::Facts;

/// A key for the table of places: a hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place(String);

impl Place {
    pub(super) fn of(facts: Facts) -> Self {
        Self(facts.identity().as_str().to_owned())
    }

    /// A context of these files, whatever it says. `None` where one of them is a pipe or a device: the next one of that
    /// name may give anything.
    fn in_files(files: &[PathBuf], context: &str) -> Option<Self> {
        let mut facts = Facts::new();
        facts.add("context", context);
        for file in files {
            if file.exists() && !file.is_file() {
                return None;
            }
            facts.add("kubeconfig", absolute(file));
        }
        Some(Self::of(facts))
    }

    /// The hash as 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A path as bytes to be hashed, the same from every working directory.
pub(super) fn absolute(path: &Path) -> Vec<u8> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.into_os_string().into_encoded_bytes()
}

/// The places of an access that was loaded: what its entries say, and where they stand.
pub(super) fn to_remember(own: Place, context: &str, options: &AccessOptions) -> Vec<Place> {
    let (files, _) = files::paths(options);
    std::iter::once(own).chain(Place::in_files(&files, context)).collect()
}

/// Where to look for the index of an access that can't be loaded. What the kubeconfig says decides: server, authority
/// and user, files by their names. Only where it can't be read at all does the place where it stands count.
pub(super) fn to_look_at(options: &AccessOptions) -> Option<Place> {
    match kubeconfig::read(options) {
        Ok(merged) => Chosen::of(&merged, options).ok()?.known_place(),
        Err(
            AccessError::Read { .. }
            | AccessError::Invalid { .. }
            | AccessError::NamedTwice { .. }
            | AccessError::NoKubeconfig { .. },
        ) => Place::in_files(&files::paths(options).0, options.context.as_deref()?),
        Err(_) => None,
    }
}
