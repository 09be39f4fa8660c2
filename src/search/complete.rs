//! Completion at the cursor: which values go on from what was typed, with the number of objects that have them. From
//! dictionaries and columns of the index, never from documents.

use std::collections::BTreeMap;

use crate::index::facts::parse_owner;
use crate::index::terms::{CLUSTER, fold};
use crate::index::{IndexError, Next, Snapshot, Terms};
use crate::object::{Kind, KindKey};
use crate::query::{Known, Place, Span, at_cursor};

use super::Searcher;
use super::facets::{label_keys, label_values};

/// Completions at most.
const MOST: usize = 50;

/// Terms that are read of one dictionary of one segment: 10,000 take about a millisecond.
const READ: usize = 10_000;

/// A way to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What replaces the span.
    pub text: String,
    /// The part of the query that it replaces, in bytes.
    pub span: Span,
    /// Objects that have it; `None` for words of the language.
    pub count: Option<u64>,
    /// What it is: `qualifier`, `kind`, `namespace`, `group`, `version`, `label-key`, `label`, `annotation-key`, `annotation`,
    /// `owner` or `word` (a value of the language itself).
    pub kind: &'static str,
}

/// Values with their counts, and what they are.
struct Values {
    counts: BTreeMap<String, u64>,
    kind: &'static str,
}

impl Searcher {
    /// What may stand at `cursor` (a byte of `text`) instead of what was typed there: what begins so first, then what
    /// has it elsewhere, each the most frequent first; 50 at most. Counts may include objects that were just deleted.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn complete(&self, text: &str, cursor: usize) -> Result<Vec<Completion>, IndexError> {
        let at = at_cursor(text, cursor);
        let snapshot = self.reader().snapshot();
        let mut all: Vec<(bool, Completion)> = Vec::new();
        let typed = fold(&at.prefix);
        for word in at.place.fixed_words().into_iter().filter(|word| word.starts_with(&typed)) {
            let kind = if at.place == Place::Word { "qualifier" } else { "word" };
            all.push((true, Completion { text: word, span: at.span.clone(), count: None, kind }));
        }
        if at.place != Place::Word || !at.prefix.is_empty() {
            for Values { counts, kind } in self.values(&at.place, &at.prefix, &snapshot)? {
                all.extend(
                    counts.into_iter().filter(|(value, count)| *count > 0 && *value != at.prefix).map(
                        |(value, count)| {
                            let begins = fold(&value).starts_with(&typed);
                            let span = at.span.clone();
                            (begins, Completion { text: value, span, count: Some(count), kind })
                        },
                    ),
                );
            }
        }
        all.sort_by_key(|(begins, completion)| (!begins, std::cmp::Reverse(completion.count.unwrap_or(0))));
        Ok(all.into_iter().take(MOST).map(|(_, completion)| completion).collect())
    }

    /// The values that may stand at `place` and begin with `prefix`.
    pub(super) fn known(
        &self,
        place: &Place,
        prefix: &str,
        snapshot: &Snapshot,
    ) -> Result<Vec<String>, IndexError> {
        let values = self.values(place, prefix, snapshot)?.into_iter();
        let present = values.flat_map(|values| values.counts).filter(|(_, count)| *count > 0);
        Ok(present.map(|(value, _)| value).collect())
    }

    fn values(&self, place: &Place, prefix: &str, snapshot: &Snapshot) -> Result<Vec<Values>, IndexError> {
        let of = |kind, counts| Ok(vec![Values { counts, kind }]);
        match place {
            Place::Word => Ok(vec![
                Values { counts: suffixed(self.kind_names(prefix), "/"), kind: "kind" },
                Values { counts: suffixed(keys(snapshot, Terms::Label, prefix)?, "="), kind: "label-key" },
            ]),
            Place::Kind => of("kind", self.kind_names(prefix)),
            Place::Namespace => of("namespace", self.namespace_names(prefix)),
            Place::Group => of("group", self.by_kind(prefix, |kind| group(&kind.group).to_owned())),
            Place::Version => of("version", self.by_kind(prefix, |kind| kind.version.clone())),
            Place::LabelKey => of("label-key", keys(snapshot, Terms::Label, prefix)?),
            Place::AnnotationKey => of("annotation-key", keys(snapshot, Terms::Annotation, prefix)?),
            Place::LabelValue { key } => of("label", values(snapshot, Terms::Label, key, prefix)?),
            Place::AnnotationValue { key } => {
                of("annotation", values(snapshot, Terms::Annotation, key, prefix)?)
            }
            Place::Owner { kind } => of("owner", self.owners(kind.as_deref(), prefix, snapshot)?),
            Place::Name { .. }
            | Place::Uid
            | Place::Cluster
            | Place::Manager
            | Place::Is
            | Place::Has
            | Place::Sort
            | Place::Free => Ok(Vec::new()),
        }
    }

    /// The shortest name of every kind that has a name with these letters.
    fn kind_names(&self, prefix: &str) -> BTreeMap<String, u64> {
        let typed = fold(prefix);
        let counts = self.counts();
        let fits = |kind: &&Kind| {
            let mut names = [&kind.plural, &kind.singular].into_iter().chain(&kind.short_names);
            names.any(|name| name.starts_with(&typed)) || kind.key().as_str().contains(&typed)
        };
        let all = self.catalog().kinds();
        let count = |key: KindKey| counts.get(&key).copied().unwrap_or(0);
        all.iter().filter(fits).map(|kind| (self.catalog().shortest(kind), count(kind.key()))).collect()
    }

    fn by_kind(&self, prefix: &str, name: impl Fn(&Kind) -> String) -> BTreeMap<String, u64> {
        let counts = self.counts();
        let mut found = BTreeMap::new();
        for kind in self.catalog().kinds() {
            let name = name(kind);
            if fold(&name).contains(&fold(prefix)) {
                *found.entry(name).or_default() += counts.get(&kind.key()).copied().unwrap_or(0);
            }
        }
        found
    }

    fn namespace_names(&self, prefix: &str) -> BTreeMap<String, u64> {
        let all = self.namespaces().into_iter().filter(|(name, _)| **name != *CLUSTER);
        all.filter(|(name, _)| name.contains(&fold(prefix))).map(|(name, n)| (name.to_string(), n)).collect()
    }

    /// Names of owners, of the kinds that a word names if there is one.
    pub(super) fn owners(
        &self,
        kind: Option<&str>,
        prefix: &str,
        snapshot: &Snapshot,
    ) -> Result<BTreeMap<String, u64>, IndexError> {
        let kinds = kind.and_then(|word| self.catalog().resolve(word).ok()).map(|found| found.kinds);
        let names: Option<Vec<String>> = kinds.map(|kinds| {
            let kinds = kinds.iter().filter_map(|key| self.catalog().get(key));
            kinds.map(|kind| crate::index::facts::owner_kind(&kind.kind, &kind.group)).collect()
        });
        if kind.is_some() && names.is_none() {
            return Ok(BTreeMap::new());
        }
        let mut counts = BTreeMap::new();
        for segment in snapshot.segments() {
            let mut read = 0;
            segment.each_term(Terms::Owner, fold(prefix).as_bytes(), |term, count| {
                read += 1;
                let owner = std::str::from_utf8(term).ok().and_then(parse_owner);
                if let Some((_, kind, name)) = owner
                    && names.as_ref().is_none_or(|names| names.iter().any(|wanted| wanted == kind))
                {
                    *counts.entry(name.to_owned()).or_default() += u64::from(count);
                }
                if read < READ { Next::Term } else { Next::Stop }
            })?;
        }
        Ok(counts)
    }
}

impl Known for Searcher {
    fn begins(&self, place: &Place, prefix: &str) -> bool {
        let typed = fold(prefix);
        let snapshot = self.reader().snapshot();
        let some = |terms: Terms, start: &str| {
            snapshot.segments().iter().any(|segment| {
                let mut any = false;
                let read = segment.each_term(terms, start.as_bytes(), |_, _| {
                    any = true;
                    Next::Stop
                });
                read.is_ok() && any
            })
        };
        match place {
            Place::Kind => {
                let categories = self.catalog().kinds().iter().flat_map(|kind| &kind.categories);
                !self.catalog().matching(|name| name.starts_with(&typed)).is_empty()
                    || categories.into_iter().any(|category| fold(category).starts_with(&typed))
            }
            Place::Namespace => some(Terms::Namespace, &typed),
            Place::Group => self.catalog().kinds().iter().any(|kind| group(&kind.group).starts_with(&typed)),
            Place::Version => self.catalog().kinds().iter().any(|kind| kind.version.starts_with(&typed)),
            Place::LabelKey => some(Terms::Label, prefix),
            Place::AnnotationKey => some(Terms::Annotation, prefix),
            Place::LabelValue { key } => some(Terms::Label, &[key, "=", prefix].concat()),
            Place::AnnotationValue { key } => some(Terms::Annotation, &[key, "=", prefix].concat()),
            Place::Owner { .. } => some(Terms::Owner, &typed),
            Place::Word | Place::Name { .. } | Place::Uid => true,
            Place::Is | Place::Has | Place::Sort => {
                place.fixed_words().iter().any(|word| word.starts_with(&typed))
            }
            Place::Cluster | Place::Manager | Place::Free => false,
        }
    }

    fn holds(&self, place: &Place, value: &str) -> bool {
        let wanted = fold(value);
        let snapshot = self.reader().snapshot();
        // Terms are sorted: the value itself is the first that begins so.
        let first = |terms: Terms, whole: &str| {
            snapshot.segments().iter().any(|segment| {
                let mut same = false;
                let read = segment.each_term(terms, whole.as_bytes(), |term, _| {
                    same = term == whole.as_bytes();
                    Next::Stop
                });
                read.is_ok() && same
            })
        };
        let holds_key =
            |terms: Terms| keys(&snapshot, terms, value).is_ok_and(|keys| keys.contains_key(value));
        let kinds = self.catalog().kinds();
        match place {
            Place::Kind => self.catalog().resolve(value).is_ok(),
            Place::Namespace => first(Terms::Namespace, &wanted),
            Place::Group => kinds.iter().any(|kind| {
                let rest = group(&kind.group).strip_prefix(&*wanted);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }),
            Place::Version => kinds.iter().any(|kind| kind.version == wanted),
            Place::LabelKey => holds_key(Terms::Label),
            Place::AnnotationKey => holds_key(Terms::Annotation),
            Place::LabelValue { key } => first(Terms::Label, &[key, "=", value].concat()),
            Place::AnnotationValue { key } => first(Terms::Annotation, &[key, "=", value].concat()),
            Place::Owner { kind } => self
                .owners(kind.as_deref(), value, &snapshot)
                .is_ok_and(|names| names.keys().any(|name| fold(name) == wanted)),
            Place::Word
            | Place::Name { .. }
            | Place::Uid
            | Place::Is
            | Place::Has
            | Place::Sort
            | Place::Cluster
            | Place::Manager
            | Place::Free => false,
        }
    }
}

/// The name of a group as the language writes it.
fn group(group: &str) -> &str {
    if group.is_empty() { "core" } else { group }
}

fn suffixed(counts: BTreeMap<String, u64>, end: &str) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(text, count)| (text + end, count)).collect()
}

/// Keys that begin so; where there are none, those that have it after a dot or slash (`name` of
/// `app.kubernetes.io/name`).
fn keys(snapshot: &Snapshot, terms: Terms, prefix: &str) -> Result<BTreeMap<String, u64>, IndexError> {
    let mut counts = BTreeMap::new();
    for segment in snapshot.segments() {
        for (key, count) in label_keys(segment, terms, "")? {
            let inner = || key.match_indices(prefix).any(|(at, _)| key[..at].ends_with(['.', '/']));
            if key.starts_with(prefix) || inner() {
                *counts.entry(key).or_default() += u64::from(count);
            }
        }
    }
    Ok(counts)
}

fn values(
    snapshot: &Snapshot,
    terms: Terms,
    key: &str,
    prefix: &str,
) -> Result<BTreeMap<String, u64>, IndexError> {
    let mut counts = BTreeMap::new();
    for segment in snapshot.segments() {
        for (value, count) in label_values(segment, terms, key, prefix, READ)?.0 {
            *counts.entry(value).or_default() += u64::from(count);
        }
    }
    Ok(counts)
}
