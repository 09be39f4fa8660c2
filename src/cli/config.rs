//! `config.toml`: defaults at the top, `[cluster."<context>"]` overrides. Every complaint names its line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::env::Env;
use super::settings::{CONFIG_VARIABLE, Form, Key, Layer, Value};
use crate::text;
use crate::tui::keys::Rebinding;

/// What a configuration file sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConfigFile {
    /// For every context.
    pub(super) top: Layer,
    /// Keys of the terminal app; whether they can be had is the app's to say.
    pub(super) keys: Vec<Rebinding>,
    /// By context.
    pub(super) clusters: BTreeMap<String, Layer>,
}

/// Why a configuration file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    /// It can't be read.
    #[error("can't read the configuration")]
    Read(#[source] std::io::Error),
    /// It says something it may not.
    #[error("{}, line {line}: {message}{}", path.display(), suggestion.as_deref().map(|s| format!("; did you mean {s}?")).unwrap_or_default())]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
}

/// Which file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    /// Its path; `None` when there is no home directory to look in.
    pub(super) path: Option<PathBuf>,
    /// Somebody named it, so it must be there.
    pub(super) required: bool,
}

impl Location {
    /// `--config`, else `KUBESIFT_CONFIG`, else the XDG place.
    pub(super) fn find(flag: Option<&str>, env: &Env) -> Self {
        let given = flag.or_else(|| env.get(CONFIG_VARIABLE)).filter(|path| !path.is_empty());
        match given {
            Some(path) => Self { path: Some(path.into()), required: true },
            None => Self { path: env.config_file(), required: false },
        }
    }

    /// Reads it; a file that nobody named may be missing.
    pub(super) fn read(&self, env: &Env) -> Result<ConfigFile, ConfigError> {
        let Some(path) = &self.path else { return Ok(ConfigFile::default()) };
        match fs_err::read_to_string(path) {
            Ok(text) => parse(&text, path, env.home()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.required => {
                Ok(ConfigFile::default())
            }
            Err(error) => Err(ConfigError::Read(error)),
        }
    }
}

/// Reads the text of a configuration file.
pub(super) fn parse(text: &str, path: &Path, home: Option<&str>) -> Result<ConfigFile, ConfigError> {
    let reading = Reading { text, path, home };
    let document = DeTable::parse(text)
        .map_err(|error| reading.error(error.span().unwrap_or_default(), error.message().to_owned(), None))?;
    let mut file = ConfigFile::default();
    for (key, value) in document.get_ref() {
        if key.get_ref() == "cluster" {
            for (context, table) in reading.table(value, "cluster")? {
                let layer = reading.cluster(table, context.get_ref())?;
                file.clusters.insert(context.get_ref().to_string(), layer);
            }
            continue;
        }
        if key.get_ref() == "keys" {
            for (action, keys) in reading.table(value, "keys")? {
                file.keys.push(reading.keys(action, keys)?);
            }
            continue;
        }
        let (key, value) = reading.setting(key, value)?;
        file.top.insert(key, value);
    }
    Ok(file)
}

/// A mirror's part of a cluster's.
const MIRROR: &str = "mirror";
/// What may stand there.
const MIRROR_KEYS: [&str; 6] = ["to", "url", "collection", "profile", "tenant", "database"];

struct Reading<'a> {
    text: &'a str,
    path: &'a Path,
    home: Option<&'a str>,
}

impl Reading<'_> {
    fn error(&self, span: Range<usize>, message: String, suggestion: Option<String>) -> ConfigError {
        let line = self.line(span.start);
        ConfigError::Content { path: self.path.to_owned(), line, message, suggestion }
    }

    fn table<'v, 'i>(
        &self,
        value: &'v Spanned<DeValue<'i>>,
        name: &str,
    ) -> Result<&'v DeTable<'i>, ConfigError> {
        value.get_ref().as_table().ok_or_else(|| {
            self.error(value.span(), format!("{name} must be a table such as [cluster.\"my-context\"]"), None)
        })
    }

    fn cluster(&self, value: &Spanned<DeValue<'_>>, context: &str) -> Result<Layer, ConfigError> {
        let mut layer = Layer::new();
        for (key, value) in self.table(value, &format!("cluster.\"{context}\""))? {
            if key.get_ref() == Key::Context.name() {
                let message = "context can't be set for one context".to_owned();
                return Err(self.error(key.span(), message, None));
            }
            if key.get_ref() == MIRROR {
                for (key, value) in self.table(value, &format!("cluster.\"{context}\".mirror"))? {
                    let (key, value) =
                        self.setting_of(key, value, Key::find_of_mirror(key.get_ref()), &MIRROR_KEYS)?;
                    layer.insert(key, value);
                }
                continue;
            }
            let (key, value) = self.setting(key, value)?;
            layer.insert(key, value);
        }
        Ok(layer)
    }

    // A string of keys with spaces between them, or a list of keys.
    fn keys(
        &self,
        action: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Rebinding, ConfigError> {
        let keys = match value.get_ref() {
            DeValue::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
            DeValue::Array(items) => {
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => None,
        };
        let keys = keys.ok_or_else(|| {
            let expected = "expected a key such as \"ctrl-y\", or a list of them".to_owned();
            self.error(value.span(), format!("keys.{}: {expected}", action.get_ref()), None)
        })?;
        Ok(Rebinding { action: action.get_ref().to_string(), keys, line: self.line(action.span().start) })
    }

    fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    fn setting(
        &self,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(Key, Value), ConfigError> {
        let of_mirror = |key: &&Key| !key.is_of_mirror();
        let names: Vec<&str> = Key::ALL
            .iter()
            .filter(of_mirror)
            .map(|key| key.name())
            .chain(["cluster", "keys", MIRROR])
            .collect();
        self.setting_of(name, value, Key::find(name.get_ref()), &names)
    }

    fn setting_of(
        &self,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        key: Option<Key>,
        names: &[&str],
    ) -> Result<(Key, Value), ConfigError> {
        let Some(key) = key else {
            let near =
                text::suggest(&name.get_ref().replace('-', "_"), names.iter().copied()).map(str::to_owned);
            return Err(self.error(name.span(), format!("unknown setting {}", name.get_ref()), near));
        };
        let parsed = self.value(key.form(), value.get_ref());
        let value = parsed
            .map_err(|message| self.error(value.span(), format!("{}: {message}", name.get_ref()), None))?;
        Ok((key, value.expand_home(key.form(), self.home)))
    }

    fn value(&self, form: Form, value: &DeValue<'_>) -> Result<Value, String> {
        let wrong = || format!("expected {}, got {}", form.expected(), value.type_str());
        let typed = match (form, value) {
            (Form::List | Form::Lines, DeValue::Array(items)) => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
                return texts.collect::<Option<_>>().map(Value::List).ok_or_else(wrong);
            }
            (Form::Number, DeValue::Integer(number)) if number.radix() == 10 => number.as_str().to_owned(),
            (Form::Bool, DeValue::Boolean(on)) => on.to_string(),
            (
                Form::Text | Form::Path | Form::Duration | Form::Address | Form::Choice(_),
                DeValue::String(text),
            ) => text.to_string(),
            _ => return Err(wrong()),
        };
        form.parse(&[typed])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(text: &str) -> ConfigFile {
        parse(text, Path::new("config.toml"), Some("/home/me")).unwrap()
    }

    fn complaint(text: &str) -> String {
        parse(text, Path::new("config.toml"), None).unwrap_err().to_string()
    }

    #[test]
    fn defaults_and_overrides_are_read() {
        let file = read(
            "max_age = '1m'\nlimit = 1_000\nkubeconfig = '~/kube'\nexact_upstream = true\n\
             redact = ['a{1,3}', 'b']\n[cluster.\"prod/eu\"]\nexclude = ['secrets']\nnamespaces = []\n",
        );
        assert_eq!(file.top[&Key::MaxAge], Value::Duration(Duration::from_secs(60)));
        assert_eq!(file.top[&Key::Limit], Value::Number(1_000));
        assert_eq!(file.top[&Key::Kubeconfig], Value::Text("/home/me/kube".into()));
        assert_eq!(file.top[&Key::ExactUpstream], Value::Bool(true));
        assert_eq!(file.top[&Key::Redact], Value::List(vec!["a{1,3}".into(), "b".into()]));
        let cluster = &file.clusters["prod/eu"];
        assert_eq!(cluster[&Key::Exclude], Value::List(vec!["secrets".into()]));
        assert_eq!(cluster[&Key::Namespaces], Value::List(vec![]));
        assert_eq!(read(""), ConfigFile::default());
    }

    #[test]
    fn every_complaint_names_its_line() {
        for (text, expected) in [
            (
                "limit = 5\nmax_ages = '1m'",
                "config.toml, line 2: unknown setting max_ages; did you mean max_age?",
            ),
            ("max-age = '1m'", "config.toml, line 1: unknown setting max-age; did you mean max_age?"),
            (
                "\n\n[cluster.prod]\nlimits = 3",
                "config.toml, line 4: unknown setting limits; did you mean limit?",
            ),
            ("[clusters.prod]", "config.toml, line 1: unknown setting clusters; did you mean cluster?"),
            ("[zzz]", "config.toml, line 1: unknown setting zzz"),
            ("[cluster.prod]\ncontext = 'x'", "config.toml, line 2: context can't be set for one context"),
            ("cluster = 3", "config.toml, line 1: cluster must be a table such as [cluster.\"my-context\"]"),
            ("limit = '5'", "config.toml, line 1: limit: expected a whole number, got string"),
            ("limit = 0x10", "config.toml, line 1: limit: expected a whole number, got integer"),
            ("limit = -1", "config.toml, line 1: limit: expected a whole number, got \"-1\""),
            (
                "max_age = 30",
                "config.toml, line 1: max_age: expected a string with a time such as \"30s\", got integer",
            ),
            ("include = 'pods'", "config.toml, line 1: include: expected a list of strings, got string"),
            ("include = ['pods', 3]", "config.toml, line 1: include: expected a list of strings, got array"),
            (
                "output = 'xml'",
                "config.toml, line 1: output: expected one of table, wide, name, json, jsonl, yaml, got \"xml\"",
            ),
        ] {
            assert_eq!(complaint(text), expected, "{text}");
        }
        assert!(complaint("limit = 1\nlimit = 2").starts_with("config.toml, line 2: duplicate key"));
        assert!(complaint("a b c").starts_with("config.toml, line 1: "));
    }

    #[test]
    fn a_mirror_belongs_to_one_cluster() {
        let file = read(
            "[cluster.prod.mirror]\nto = 'chroma'\nurl = 'http://c:8000'\nprofile = 'cluster-whisperer'\n",
        );
        let cluster = &file.clusters["prod"];
        assert_eq!(cluster[&Key::MirrorUrl], Value::Text("http://c:8000".into()));
        assert_eq!(cluster[&Key::MirrorProfile], Value::Text("cluster-whisperer".into()));
        for (text, expected) in [
            (
                "[cluster.a.mirror]\nurls = 'x'",
                "config.toml, line 2: unknown setting urls; did you mean url?",
            ),
            ("mirror_url = 'x'", "config.toml, line 1: unknown setting mirror_url"),
            (
                "[cluster.a.mirror]\nto = 'qdrant'",
                "config.toml, line 2: to: expected one of chroma, got \"qdrant\"",
            ),
        ] {
            assert_eq!(complaint(text), expected, "{text}");
        }
    }

    #[test]
    fn only_a_named_file_must_exist() {
        let env = Env::from([("HOME", "/nowhere")]);
        let default = Location::find(None, &env);
        assert_eq!(default.path, Some("/nowhere/.config/kubesift/config.toml".into()));
        assert_eq!(default.read(&env).unwrap(), ConfigFile::default());
        let named = Location::find(Some("/nowhere/c.toml"), &env);
        assert!(matches!(named.read(&env), Err(ConfigError::Read(_))));
        let by_variable = Location::find(None, &Env::from([("KUBESIFT_CONFIG", "/nowhere/d.toml")]));
        assert_eq!(by_variable, Location { path: Some("/nowhere/d.toml".into()), required: true });
    }
}
