//! What the mapping may keep: deny list, redaction, ticking annotations.

use regex::{Regex, RegexSet};
use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use super::redact;

/// Annotations that hold manifests: never kept. The default of [`RuleOptions::deny_annotations`].
pub const DENIED_ANNOTATIONS: [&str; 4] =
    ["*last-applied*", "*last-handled*", "kapp.k14s.io/original*", "objectset.rio.cattle.io/*"];

/// Annotations that controllers write again and again without anything having changed: kept as they were at the
/// last real change, and no part of a fingerprint.
pub const TICKING_ANNOTATIONS: [&str; 24] = [
    "control-plane.alpha.kubernetes.io/leader",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "autoscaling.alpha.kubernetes.io/*",
    "cluster-autoscaler.kubernetes.io/last-updated",
    "node.alpha.kubernetes.io/ttl",
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/hydrate",
    "reconcile.fluxcd.io/*",
    "kapp.k14s.io/reconciled-at",
    "kapp-controller.carvel.dev/*reconcile*",
    "coordination.k8s.io/*renew*",
    "*/heartbeat",
    "*/last-*-time",
    "*/last-*-timestamp",
    "*/last-heartbeat*",
    "*/last-reconcile*",
    "*/last-seen*",
    "*/last-sync*",
    "*/last-probe*",
    "*/last-update",
    "*/last-updated",
    "*/lastTransitionTime",
    "*/reconciled-at",
    "*/renew-time",
];

/// Counts changes of the redaction code that its patterns don't show (shapes, what follows an assignment).
const REDACTION_VERSION: u64 = 1;

/// The settings of an index that decide what its documents hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleOptions {
    /// Globs (`*` is any run) over annotation keys; such annotations are dropped. Replaces the default list.
    pub deny_annotations: Vec<String>,
    /// Regular expressions; a value that one matches reads `[redacted]`. Adds to the built-in classes.
    pub redact: Vec<String>,
    /// Leave description annotations in `text` as upstream writes them. Never for Secrets.
    pub exact_upstream: bool,
}

impl Default for RuleOptions {
    fn default() -> Self {
        Self {
            deny_annotations: DENIED_ANNOTATIONS.map(str::to_owned).into(),
            redact: Vec::new(),
            exact_upstream: false,
        }
    }
}

/// A setting that can't be used.
#[derive(Debug, Error)]
pub enum RuleError {
    /// A redaction pattern that is no regular expression.
    #[error("redaction pattern `{pattern}` is no valid regular expression")]
    Pattern {
        /// The pattern as configured.
        pattern: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// A redaction pattern or a glob that matches everything by matching nothing in particular.
    #[error("an empty {0} would match every annotation")]
    Empty(&'static str),
    /// A deny list too large to compile.
    #[error("the deny list for annotations is too large")]
    DenyList(#[source] Box<regex::Error>),
}

/// [`RuleOptions`], checked and compiled.
#[derive(Debug, Clone)]
pub struct Rules {
    denied: Option<Regex>,
    ticking: Option<Regex>,
    redact: RegexSet,
    exact_upstream: bool,
    version: u64,
}

impl Rules {
    /// Checks and compiles the settings.
    ///
    /// # Errors
    /// A pattern that is no regular expression, an empty pattern or glob, a deny list beyond the automaton's limit.
    pub fn new(options: &RuleOptions) -> Result<Self, RuleError> {
        let RuleOptions { deny_annotations, redact, exact_upstream } = options;
        if deny_annotations.iter().any(String::is_empty) {
            return Err(RuleError::Empty("glob in the deny list"));
        }
        if redact.iter().any(String::is_empty) {
            return Err(RuleError::Empty("redaction pattern"));
        }
        for pattern in redact {
            Regex::new(pattern).map_err(|source| RuleError::Pattern {
                pattern: pattern.clone(),
                source: Box::new(source),
            })?;
        }
        let set = RegexSet::new(redact).map_err(|source| RuleError::Pattern {
            pattern: redact.join("`, `"),
            source: Box::new(source),
        })?;
        let compile =
            |globs: &[&str]| globs_to_regex(globs).map_err(|error| RuleError::DenyList(Box::new(error)));
        Ok(Self {
            denied: compile(&deny_annotations.iter().map(String::as_str).collect::<Vec<_>>())?,
            ticking: compile(&TICKING_ANNOTATIONS)?,
            redact: set,
            exact_upstream: *exact_upstream,
            version: version(options),
        })
    }

    /// Hash of everything that decides what a document holds: part of an index's schema version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether an annotation is dropped.
    pub(super) fn denies(&self, key: &str) -> bool {
        self.denied.as_ref().is_some_and(|denied| denied.is_match(key))
    }

    /// Whether an annotation takes no part in fingerprints.
    pub(super) fn ticks(&self, key: &str) -> bool {
        self.ticking.as_ref().is_some_and(|ticking| ticking.is_match(key))
    }

    /// Whether a value is replaced by `[redacted]`.
    pub(super) fn redacts(&self, key: &str, value: &str) -> bool {
        redact::is_secret(key, value) || (!self.redact.is_empty() && self.redact.is_match(value))
    }

    /// Whether descriptions stay in `text` as they are.
    pub(super) fn exact_upstream(&self) -> bool {
        self.exact_upstream
    }
}

impl Default for Rules {
    #[expect(clippy::expect_used, reason = "the built-in lists are constants; a test compiles them")]
    fn default() -> Self {
        Self::new(&RuleOptions::default()).expect("the built-in rules")
    }
}

fn globs_to_regex(globs: &[&str]) -> Result<Option<Regex>, regex::Error> {
    if globs.is_empty() {
        return Ok(None);
    }
    let one = |glob: &&str| glob.split('*').map(regex::escape).collect::<Vec<_>>().join(".*");
    let all = globs.iter().map(one).collect::<Vec<_>>().join("|");
    Regex::new(&format!("(?s)^(?:{all})$")).map(Some)
}

fn version(options: &RuleOptions) -> u64 {
    let RuleOptions { deny_annotations, redact, exact_upstream } = options;
    let mut hash = Xxh3::new();
    let mut put = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    put(if *exact_upstream { "exact" } else { "redacted" });
    redact::patterns().for_each(&mut put);
    TICKING_ANNOTATIONS.iter().for_each(|glob| put(glob));
    for list in [deny_annotations, redact] {
        put(&list.len().to_string());
        list.iter().for_each(|text| put(text));
    }
    hash.update(&REDACTION_VERSION.to_le_bytes());
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_deny_list_holds_manifests_and_nothing_else() {
        let rules = Rules::default();
        for key in [
            "kubectl.kubernetes.io/last-applied-configuration",
            "kopf.zalando.org/last-handled-configuration",
            "kapp.k14s.io/original",
            "kapp.k14s.io/original-diff-md5",
            "objectset.rio.cattle.io/applied",
        ] {
            assert!(rules.denies(key), "{key}");
        }
        for key in ["description", "kapp.k14s.io/identity", "meta.helm.sh/release-name", "lastapplied", ""] {
            assert!(!rules.denies(key), "{key}");
        }
    }

    #[test]
    fn ticking_annotations_are_told_from_the_ones_people_set() {
        let rules = Rules::default();
        for key in [
            "control-plane.alpha.kubernetes.io/leader",
            "endpoints.kubernetes.io/last-change-trigger-time",
            "autoscaling.alpha.kubernetes.io/conditions",
            "example.com/last-reconciled",
        ] {
            assert!(rules.ticks(key), "{key}");
        }
        for key in ["kubectl.kubernetes.io/restartedAt", "deployment.kubernetes.io/revision", "description"] {
            assert!(!rules.ticks(key), "{key}");
        }
    }

    #[test]
    fn globs_match_the_whole_key_and_take_nothing_but_stars_as_special() {
        let deny = |glob: &str, key: &str| {
            let options = RuleOptions { deny_annotations: vec![glob.to_owned()], ..RuleOptions::default() };
            Rules::new(&options).unwrap().denies(key)
        };
        assert!(deny("a.b/*", "a.b/c\nd") && deny("*x*", "x") && deny("a", "a") && deny("grüß*", "grüße"));
        assert!(
            !deny("a.b", "axb")
                && !deny("a", "ab")
                && !deny("a", "ba")
                && !deny("a|b", "a")
                && !deny("(", "x")
        );
    }

    #[test]
    fn an_empty_deny_list_denies_nothing() {
        let rules = Rules::new(&RuleOptions { deny_annotations: vec![], ..RuleOptions::default() }).unwrap();
        assert!(!rules.denies("kubectl.kubernetes.io/last-applied-configuration"));
    }

    #[test]
    fn own_patterns_add_to_the_built_in_ones() {
        let options = RuleOptions { redact: vec!["(?i)project x".to_owned()], ..RuleOptions::default() };
        let rules = Rules::new(&options).unwrap();
        assert!(rules.redacts("note", "about Project X") && rules.redacts("note", "password=abc"));
        assert!(!rules.redacts("note", "about nothing"));
    }

    #[test]
    fn what_can_not_be_used_is_an_error_that_names_it() {
        let pattern = |text: &str| RuleOptions { redact: vec![text.to_owned()], ..RuleOptions::default() };
        let error = Rules::new(&pattern("(unclosed")).unwrap_err();
        assert_eq!(error.to_string(), "redaction pattern `(unclosed` is no valid regular expression");
        assert!(std::error::Error::source(&error).is_some());
        let error = Rules::new(&pattern("")).unwrap_err();
        assert_eq!(error.to_string(), "an empty redaction pattern would match every annotation");
        let options = RuleOptions { deny_annotations: vec![String::new()], ..RuleOptions::default() };
        let error = Rules::new(&options).unwrap_err();
        assert_eq!(error.to_string(), "an empty glob in the deny list would match every annotation");
    }

    #[test]
    fn the_version_is_stable_and_changes_with_every_setting() {
        let version = |deny: &[&str], redact: &[&str], exact_upstream| {
            let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
            let options = RuleOptions { deny_annotations: own(deny), redact: own(redact), exact_upstream };
            Rules::new(&options).unwrap().version()
        };
        let all = [
            version(&[], &[], false),
            version(&[], &[], true),
            version(&["a"], &[], false),
            version(&[], &["a"], false),
            version(&["a", "b"], &[], false),
            version(&["ab"], &[], false),
            version(&["a"], &["b"], false),
        ];
        let distinct: std::collections::HashSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(Rules::default().version(), Rules::default().version());
    }
}
