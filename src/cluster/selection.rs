//! Which kinds and namespaces are read: the default exclusions, and what the configuration adds or takes back.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::object::{Kind, KindKey};

/// The choices of a configuration.
#[derive(Debug, Clone, Default)]
pub struct SelectionOptions {
    /// Kinds (`plural.group`, `plural` for the core group) to read although a rule excludes them. Not empty does not
    /// mean "only these".
    pub include: Vec<String>,
    /// Kinds not to read. `*.group` means a whole group.
    pub exclude: Vec<String>,
    /// Only these namespaces, if any are named.
    pub namespaces: Vec<String>,
    /// Not these namespaces.
    pub exclude_namespaces: Vec<String>,
}

/// What is read of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    include: BTreeSet<String>,
    exclude: BTreeSet<String>,
    namespaces: BTreeSet<String>,
    exclude_namespaces: BTreeSet<String>,
}

/// Whether a kind is read, and the rule that says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is read.
    Read,
    /// It is neither indexed nor read for the index.
    Excluded {
        /// The rule, for people: where it stands and why.
        rule: String,
    },
    /// It offers no watch: it is not read while nothing of it is held. What is held was read when it did offer one, and
    /// is kept true by lists.
    Unwatchable,
}

/// Why a kind that can't be watched is not read, for people.
pub const NO_WATCH: &str = "default: offers no watch";

/// Plural and group: a foreign CRD of the same plural is not meant.
const DEFAULT: [(&str, &str); 17] = [
    ("events", ""),
    ("events", "events.k8s.io"),
    ("componentstatuses", ""),
    ("endpoints", ""),
    ("endpointslices", "discovery.k8s.io"),
    ("leases", "coordination.k8s.io"),
    ("customresourcedefinitions", "apiextensions.k8s.io"),
    ("managedresourcedefinitions", "apiextensions.crossplane.io"),
    ("bindings", ""),
    ("tokenreviews", "authentication.k8s.io"),
    ("selfsubjectreviews", "authentication.k8s.io"),
    ("subjectaccessreviews", "authorization.k8s.io"),
    ("selfsubjectaccessreviews", "authorization.k8s.io"),
    ("selfsubjectrulesreviews", "authorization.k8s.io"),
    ("localsubjectaccessreviews", "authorization.k8s.io"),
    ("imagereviews", "imagepolicy.k8s.io"),
    ("tokenrequests", "authentication.k8s.io"),
];

impl Selection {
    /// Takes the choices of a configuration.
    pub fn new(options: &SelectionOptions) -> Self {
        let set = |names: &[String]| names.iter().map(|name| name.trim().to_lowercase()).collect();
        Self {
            include: set(&options.include),
            exclude: set(&options.exclude),
            namespaces: options.namespaces.iter().cloned().collect(),
            exclude_namespaces: options.exclude_namespaces.iter().cloned().collect(),
        }
    }

    /// Whether a kind is read. What the configuration excludes wins over what it includes, and both over the
    /// default.
    pub fn decide(&self, kind: &Kind) -> Decision {
        let key = kind.key();
        match self.excludes(&key) {
            Some(rule) => Decision::Excluded { rule },
            None if !kind.watchable && !self.includes(&key) => Decision::Unwatchable,
            None => Decision::Read,
        }
    }

    /// The rule that excludes a kind, whether it is served or not.
    pub fn excludes(&self, key: &KindKey) -> Option<String> {
        let whole_group = format!("*.{}", key.group());
        if self.exclude.contains(key.as_str()) {
            return Some(format!("configured: exclude {key}"));
        }
        if self.exclude.contains(&whole_group) && !self.include.contains(key.as_str()) {
            return Some(format!("configured: exclude {whole_group}"));
        }
        (is_default(key) && !self.includes(key)).then(|| format!("default: {key}"))
    }

    fn includes(&self, key: &KindKey) -> bool {
        self.include.contains(key.as_str()) || self.include.contains(&format!("*.{}", key.group()))
    }

    /// A number for these choices; the same ones in another order have the same.
    pub fn hash(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.digest();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The same as one short word: two writers of a collection with different ones would fight.
    pub fn word(&self) -> String {
        self.digest().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest(&self) -> [u8; 32] {
        let mut sha = Sha256::new();
        for (name, names) in [
            ("include", &self.include),
            ("exclude", &self.exclude),
            ("namespaces", &self.namespaces),
            ("exclude_namespaces", &self.exclude_namespaces),
        ] {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            sha.update(format!("{name}={}\n", names.join(",")));
        }
        sha.finalize().into()
    }

    /// Whether objects of a namespace are read; objects without one always are.
    pub fn namespace(&self, namespace: &str) -> bool {
        namespace.is_empty()
            || ((self.namespaces.is_empty() || self.namespaces.contains(namespace))
                && !self.exclude_namespaces.contains(namespace))
    }

    /// The namespaces that the configuration names, if it names any.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().filter(|name| self.namespace(name)).map(String::as_str)
    }

    /// Configured names that no served kind answers to: likely a slip of the pen.
    pub fn unmatched<'a>(&'a self, kinds: &'a [Kind]) -> impl Iterator<Item = &'a str> {
        let names = self.include.iter().chain(&self.exclude);
        names.map(String::as_str).filter(|name| {
            !kinds.iter().any(|kind| kind.key().as_str() == *name || format!("*.{}", kind.group) == **name)
        })
    }
}

fn is_default(key: &KindKey) -> bool {
    DEFAULT.iter().any(|(plural, group)| (key.plural(), key.group()) == (*plural, *group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(plural: &str, group: &str) -> Kind {
        Kind {
            group: group.into(),
            version: "v1".into(),
            kind: "Thing".into(),
            plural: plural.into(),
            singular: String::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            watchable: true,
        }
    }

    fn rule(selection: &Selection, kind: &Kind) -> Option<String> {
        match selection.decide(kind) {
            Decision::Read => None,
            Decision::Excluded { rule } => Some(rule),
            Decision::Unwatchable => Some(NO_WATCH.to_owned()),
        }
    }

    #[test]
    fn the_default_rules_name_group_and_plural() {
        let default = Selection::default();
        assert_eq!(rule(&default, &kind("events", "")).as_deref(), Some("default: events"));
        assert_eq!(
            rule(&default, &kind("events", "events.k8s.io")).as_deref(),
            Some("default: events.events.k8s.io")
        );
        for read in [
            kind("pods", ""),
            kind("events", "calendar.example"),
            kind("leases", "cars.example"),
            kind("endpoints", "x.y"),
        ] {
            assert_eq!(default.decide(&read), Decision::Read);
        }
    }

    #[test]
    fn a_kind_without_watch_is_off_unless_included() {
        let silent = Kind { watchable: false, ..kind("reports", "a.b") };
        assert_eq!(rule(&Selection::default(), &silent).as_deref(), Some("default: offers no watch"));
        let include =
            SelectionOptions { include: vec!["Reports.a.b".into(), "events".into()], ..Default::default() };
        let selection = Selection::new(&include);
        assert_eq!(selection.decide(&silent), Decision::Read);
        assert_eq!(selection.decide(&kind("events", "")), Decision::Read);
    }

    #[test]
    fn the_configuration_excludes_kinds_groups_and_namespaces() {
        let selection = Selection::new(&SelectionOptions {
            include: vec!["keep.noisy.example".into()],
            exclude: vec!["secrets".into(), "*.noisy.example".into(), "typo.example".into()],
            namespaces: vec!["a".into(), "b".into()],
            exclude_namespaces: vec!["b".into()],
        });
        assert_eq!(rule(&selection, &kind("secrets", "")).as_deref(), Some("configured: exclude secrets"));
        assert_eq!(selection.decide(&kind("secrets", "other.example")), Decision::Read);
        assert_eq!(
            rule(&selection, &kind("x", "noisy.example")).as_deref(),
            Some("configured: exclude *.noisy.example")
        );
        assert_eq!(selection.decide(&kind("keep", "noisy.example")), Decision::Read);
        assert!(
            selection.namespace("a")
                && selection.namespace("")
                && !selection.namespace("b")
                && !selection.namespace("c")
        );
        assert_eq!(selection.namespaces().collect::<Vec<_>>(), ["a"]);
        let served = [kind("secrets", ""), kind("keep", "noisy.example")];
        assert_eq!(selection.unmatched(&served).collect::<Vec<_>>(), ["typo.example"]);
    }
}
