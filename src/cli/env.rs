//! The environment: variables, directories, terminals. Read once, at the start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The environment variables at the start; those that are not UTF-8 are as good as unset.
#[derive(Debug, Clone, Default)]
pub(super) struct Env {
    variables: BTreeMap<String, String>,
}

impl Env {
    /// This process's environment.
    pub(super) fn current() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { variables: std::env::vars_os().filter_map(text).collect() }
    }

    /// A variable.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The names of all variables with this prefix.
    pub(super) fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.variables.keys().map(String::as_str).filter(move |name| name.starts_with(prefix))
    }

    /// The home directory.
    pub(super) fn home(&self) -> Option<&str> {
        self.get("HOME").filter(|home| Path::new(home).is_absolute())
    }

    /// Where the configuration file is looked for; `None` without a home directory.
    pub(super) fn config_file(&self) -> Option<PathBuf> {
        self.directory("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("kubesift/config.toml"))
    }

    /// Where the indexes lie by default; `None` without a home directory.
    ///
    /// Data and not cache: what an index holds can be read again, but the history that later joins it can't.
    pub(super) fn data_dir(&self) -> Option<PathBuf> {
        self.directory("XDG_DATA_HOME", ".local/share").map(|dir| dir.join("kubesift"))
    }

    // The XDG specification has relative paths ignored.
    fn directory(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let given = self.get(variable).map(PathBuf::from).filter(|dir| dir.is_absolute());
        given.or_else(|| Some(Path::new(self.home()?).join(below_home)))
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Env {
    fn from(variables: [(&str, &str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { variables: owned.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_follow_xdg() {
        let plain = Env::from([("HOME", "/home/me")]);
        assert_eq!(plain.config_file(), Some("/home/me/.config/kubesift/config.toml".into()));
        assert_eq!(plain.data_dir(), Some("/home/me/.local/share/kubesift".into()));
        let given =
            Env::from([("HOME", "/home/me"), ("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "relative")]);
        assert_eq!(given.config_file(), Some("/c/kubesift/config.toml".into()));
        assert_eq!(given.data_dir(), Some("/home/me/.local/share/kubesift".into()));
        assert_eq!(Env::default().data_dir(), None);
    }
}
