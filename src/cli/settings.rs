//! Settings: one table says each setting's name, form and default; a flag, an environment variable, the context's
//! part of the configuration file and its top give values, in this precedence.

mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::config::ConfigFile;
use super::embedding::EMBEDDERS;
use super::env::Env;
use crate::text;
use crate::tui::keys::Rebinding;
pub(super) use value::{Form, Value};

/// The variable that names the configuration file.
pub(super) const CONFIG_VARIABLE: &str = "KUBESIFT_CONFIG";
/// What `search -o` prints.
pub(super) const OUTPUTS: [&str; 6] = ["table", "wide", "name", "json", "jsonl", "yaml"];

/// Colours of the terminal app.
pub(super) const THEMES: [&str; 4] = ["auto", "dark", "light", "plain"];

/// Ways to copy.
pub(super) const CLIPBOARDS: [&str; 3] = ["auto", "native", "osc52"];

macro_rules! settings {
    ($($(#[doc = $help:literal])+ $key:ident $name:literal $form:expr, $default:literal;)+) => {
        /// One setting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Key {
            $($(#[doc = $help])+ $key,)+
        }

        impl Key {
            /// Every setting, in the order that `config show` lists them.
            pub(super) const ALL: &[Self] = &[$(Self::$key),+];

            /// The key in the configuration file.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$key => $name),+ }
            }

            /// What its values look like.
            pub(super) fn form(self) -> Form {
                match self { $(Self::$key => $form),+ }
            }

            /// Its value when nothing sets it, as one would write it; empty for none.
            fn default(self) -> &'static str {
                match self { $(Self::$key => $default),+ }
            }

        }
    };
}

settings! {
    /// Kubeconfig context; without it the current one
    Context "context" Form::Text, "";
    /// Kubeconfig file; without it $KUBECONFIG, then ~/.kube/config
    Kubeconfig "kubeconfig" Form::Path, "";
    /// Read these namespaces only; empty for all
    Namespaces "namespaces" Form::List, "";
    /// Never read these namespaces
    ExcludeNamespaces "exclude_namespaces" Form::List, "";
    /// Read these kinds (`plural.group`) although a rule leaves them out
    Include "include" Form::List, "";
    /// Never read these kinds (`plural.group`)
    Exclude "exclude" Form::List, "";
    /// `search` reads the cluster again when the index is older than this
    MaxAge "max_age" Form::Duration, "30s";
    /// `search` waits at most this long for a large cluster to be confirmed
    Wait "wait" Form::Duration, "3s";
    /// `search` shows at most this many hits; 0 for all
    Limit "limit" Form::Number, "100";
    /// With more stored objects than this, `search` resumes by watches instead of reading everything again
    RelistLimit "relist_limit" Form::Number, "50000";
    /// Output form of `search`
    Output "output" Form::Choice(&OUTPUTS), "table";
    /// Log file; without it nothing is logged
    LogFile "log_file" Form::Path, "";
    /// Form of the log; `json` goes to stderr where no file is named and stderr is no terminal
    LogFormat "log_format" Form::Choice(&["text", "json"]), "text";
    /// `sync --watch` answers /healthz, /readyz and /metrics at this address; without it nowhere
    Listen "listen" Form::Address, "";
    /// Where the indexes lie; without it $XDG_DATA_HOME/kubesift
    DataDir "data_dir" Form::Path, "";
    /// Keep annotations as upstream's documents have them, unredacted (never those of Secrets)
    ExactUpstream "exact_upstream" Form::Bool, "false";
    /// Annotations (globs) whose values are never stored, beside the built-in ones
    DenyAnnotations "deny_annotations" Form::List, "";
    /// Regular expressions; annotation values that match are stored as `[redacted]`
    Redact "redact" Form::Lines, "";
    /// Colours of the terminal app
    Theme "theme" Form::Choice(&THEMES), "auto";
    /// The terminal app asks for the status of the objects on its screen
    StatusColumn "status_column" Form::Bool, "true";
    /// How the terminal app copies: the desktop's tool, the terminal (OSC 52), or both
    Clipboard "clipboard" Form::Choice(&CLIPBOARDS), "auto";
    /// Objects of a kind that was forbidden for this long are removed from the index
    ForbiddenAfter "forbidden_after" Form::Duration, "24h";
    /// What embeds documents for semantic search and mirrors
    Embedder "embedder" Form::Choice(&EMBEDDERS), "local";
    /// Address of a remote embedder, such as http://localhost:11434/v1; without it the provider's own
    EmbedderUrl "embedder_url" Form::Text, "";
    /// Model of a remote embedder; without it the provider's usual one
    EmbedderModel "embedder_model" Form::Text, "";
    /// Length of that model's vectors; 0 where the model is a known one
    EmbedderDimensions "embedder_dimensions" Form::Number, "0";
    /// A remote embedder may be sent names, labels and descriptions of this cluster; not at the top of the file
    AllowRemoteEmbedding "allow_remote_embedding" Form::Bool, "false";
    /// The kind of store that documents are mirrored to; without it and `url` none
    MirrorTo "mirror_to" Form::Choice(&super::mirror::STORES), "";
    /// Its URL
    MirrorUrl "mirror_url" Form::Text, "";
    /// The collection
    MirrorCollection "mirror_collection" Form::Text, "instances";
    /// Whose vectors the collection holds
    MirrorProfile "mirror_profile" Form::Choice(&crate::engine::mirror::Profile::NAMES), "default";
    /// Chroma's tenant
    MirrorTenant "mirror_tenant" Form::Text, "default_tenant";
    /// Chroma's database
    MirrorDatabase "mirror_database" Form::Text, "default_database";
}

/// What the names of a mirror's settings begin with.
const MIRROR: &str = "mirror_";

impl Key {
    /// The setting with this name.
    pub(super) fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.name() == name && !key.is_of_mirror())
    }

    /// The setting with this name in a mirror's part of the configuration file.
    pub(super) fn find_of_mirror(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.name().strip_prefix(MIRROR) == Some(name))
    }

    /// Whether it describes a mirror: set for one cluster alone.
    pub(super) fn is_of_mirror(self) -> bool {
        self.name().starts_with(MIRROR)
    }

    /// Its flag, with the dashes.
    pub(super) fn flag(self) -> String {
        let name = self.name().strip_prefix(MIRROR).unwrap_or(self.name());
        format!("--{}", name.replace('_', "-"))
    }

    /// Its environment variable.
    pub(super) fn variable(self) -> String {
        format!("KUBESIFT_{}", self.name().to_ascii_uppercase())
    }
}

/// Variables that are nearly those of a setting, told as remarks: a slip must not look like a setting that works.
pub(super) fn misspelt_variables(env: &Env) -> Vec<String> {
    let known: Vec<String> =
        Key::ALL.iter().map(|key| key.variable()).chain([CONFIG_VARIABLE.to_owned()]).collect();
    let unknown = env.names("KUBESIFT_").filter(|name| !known.iter().any(|own| own == name));
    let remark = |name: &str| {
        let near = text::suggest(name, known.iter().map(String::as_str))?;
        Some(format!("the environment's {name} is no setting; did you mean {near}?"))
    };
    unknown.filter_map(remark).collect()
}

/// Values by setting, from one source.
pub(super) type Layer = BTreeMap<Key, Value>;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A flag on the command line.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// The context's part of the configuration file.
    Cluster(String),
    /// The top of the configuration file.
    File,
    /// Built in.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::Cluster(context) => write!(f, "config.toml [cluster.\"{context}\"]"),
            Self::File => f.write_str("config.toml"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value that its source may not have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {message}")]
pub(super) struct SettingError {
    origin: String,
    message: String,
}

/// Everything that was set, before it is known which context counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    flags: Layer,
    variables: Layer,
    file: ConfigFile,
}

impl Sources {
    /// Reads flags and variables; the file was read before.
    pub(super) fn new(matches: &ArgMatches, env: &Env, file: ConfigFile) -> Result<Self, SettingError> {
        let mut sources = Self { file, ..Self::default() };
        for key in Key::ALL.iter().copied() {
            if let Some(typed) = typed(matches, key.name()) {
                sources.flags.insert(key, parse(key, &typed, key.flag())?);
            }
            if let Some(text) = env.get(&key.variable()).filter(|text| !text.is_empty()) {
                sources.variables.insert(key, parse(key, &[text.to_owned()], key.variable())?);
            }
        }
        Ok(sources)
    }

    /// The same with another context chosen, as `--context` chooses it.
    pub(super) fn for_context(&self, context: &str) -> Self {
        let mut sources = self.clone();
        sources.flags.insert(Key::Context, Value::Text(context.to_owned()));
        sources
    }

    /// The same without the mirror of flags and variables, which is meant for the context of the start. What the
    /// configuration file says of a cluster stays.
    pub(super) fn without_a_mirror_of_the_start(mut self) -> Self {
        self.flags.retain(|key, _| !key.is_of_mirror());
        self.variables.retain(|key, _| !key.is_of_mirror());
        self
    }

    /// The keys that the configuration file binds.
    pub(super) fn keys(&self) -> &[Rebinding] {
        &self.file.keys
    }

    /// The settings for a context; with `None` (not known yet, or in a cluster) no cluster's part counts.
    pub(super) fn settings(&self, context: Option<&str>) -> Settings {
        let cluster = context.and_then(|name| Some((name, self.file.clusters.get(name)?)));
        let values = Key::ALL.iter().map(|key| (*key, self.find(*key, cluster))).collect();
        Settings { values }
    }

    fn find(&self, key: Key, cluster: Option<(&str, &Layer)>) -> (Value, Origin) {
        let flag = || Some((self.flags.get(&key)?.clone(), Origin::Flag(key.flag())));
        let variable = || Some((self.variables.get(&key)?.clone(), Origin::Variable(key.variable())));
        let cluster = || {
            let (name, layer) = cluster?;
            Some((layer.get(&key)?.clone(), Origin::Cluster(name.to_owned())))
        };
        let file = || Some((self.file.top.get(&key)?.clone(), Origin::File));
        let default = || (key.form().parse_default(key.default()), Origin::Default);
        flag().or_else(variable).or_else(cluster).or_else(file).unwrap_or_else(default)
    }
}

fn parse(key: Key, typed: &[String], origin: String) -> Result<Value, SettingError> {
    key.form().parse(typed).map_err(|message| SettingError { origin, message })
}

// A flag's values as typed, wherever it stands: clap hands global flags down to the innermost command.
fn typed(matches: &ArgMatches, id: &str) -> Option<Vec<String>> {
    if let Some((_, inner)) = matches.subcommand()
        && let Some(found) = typed(inner, id)
    {
        return Some(found);
    }
    let raw = matches.try_get_raw(id).ok()??;
    if matches.value_source(id) != Some(ValueSource::CommandLine) {
        return None;
    }
    let values: Vec<String> = raw.map(|value| value.to_string_lossy().into_owned()).collect();
    (!values.is_empty()).then_some(values)
}

/// Settings in effect.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    values: BTreeMap<Key, (Value, Origin)>,
}

impl Settings {
    /// Every setting with its value and origin.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Value, &Origin)> {
        self.values.iter().map(|(key, (value, origin))| (*key, value, origin))
    }

    /// Where a value comes from.
    pub(super) fn origin(&self, key: Key) -> Option<&Origin> {
        self.values.get(&key).map(|(_, origin)| origin)
    }

    fn value(&self, key: Key) -> Option<&Value> {
        self.values.get(&key).map(|(value, _)| value)
    }

    /// A text; `None` when nothing sets it.
    pub(super) fn text(&self, key: Key) -> Option<&str> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            Some(Value::None | Value::List(_) | Value::Number(_) | Value::Duration(_) | Value::Bool(_))
            | None => None,
        }
    }

    /// A path; `None` when nothing sets it.
    pub(super) fn path(&self, key: Key) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// An address to listen on; `None` when nothing sets it.
    pub(super) fn address(&self, key: Key) -> Option<SocketAddr> {
        self.text(key)?.parse().ok()
    }

    /// A list.
    pub(super) fn list(&self, key: Key) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(list)) => list.clone(),
            Some(Value::None | Value::Text(_) | Value::Number(_) | Value::Duration(_) | Value::Bool(_))
            | None => Vec::new(),
        }
    }

    /// A number.
    pub(super) fn number(&self, key: Key) -> u64 {
        match self.value(key) {
            Some(Value::Number(number)) => *number,
            Some(Value::None | Value::Text(_) | Value::List(_) | Value::Duration(_) | Value::Bool(_))
            | None => 0,
        }
    }

    /// A duration.
    pub(super) fn duration(&self, key: Key) -> Duration {
        match self.value(key) {
            Some(Value::Duration(duration)) => *duration,
            Some(Value::None | Value::Text(_) | Value::List(_) | Value::Number(_) | Value::Bool(_))
            | None => Duration::ZERO,
        }
    }

    /// A switch.
    pub(super) fn is_on(&self, key: Key) -> bool {
        self.value(key) == Some(&Value::Bool(true))
    }
}

#[cfg(test)]
mod tests;
