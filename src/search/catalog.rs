//! Words for kinds: plural, singular, short name, `name.group`, kind name, category.

use std::collections::BTreeSet;

use crate::index::terms::fold;
use crate::object::{Kind, KindKey};
use crate::query::Span;

/// The kinds of a cluster, by all their names. Made from discovery or from the stored `kinds.json`.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    kinds: Vec<Kind>,
}

/// What a kind word means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Every kind that it names, sorted; never empty.
    pub kinds: Vec<KindKey>,
    /// How it names them.
    pub by: Naming,
}

/// How a word names kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// By a name of the kind; several kinds only where several groups use it.
    Name,
    /// By a category such as `all`.
    Category,
}

/// A word that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no kind is called '{word}'{}", suggestion.as_ref().map(|s| format!(": did you mean '{s}'?")).unwrap_or_default())]
pub struct UnknownKind {
    /// The word.
    pub word: String,
    /// The nearest name there is.
    pub suggestion: Option<String>,
    /// Where the term stands in the query, when it came from one.
    pub span: Option<Span>,
}

impl Catalog {
    /// A catalog of these kinds.
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self { kinds }
    }

    /// All kinds.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The kinds that `word` names, without regard to case: by plural, singular, short name or kind name; by any of
    /// these, a dot and the start of a group (`deploy.apps`, `certificates.cert-manager`, also
    /// `deployments.v1.apps`); otherwise by category. A name in several groups means all of them.
    ///
    /// # Errors
    /// [`UnknownKind`], with the nearest name.
    pub fn resolve(&self, word: &str) -> Result<Resolution, UnknownKind> {
        let wanted = fold(word.trim());
        let find = |test: &dyn Fn(&Kind) -> bool| -> Vec<KindKey> {
            let found: BTreeSet<KindKey> =
                self.kinds.iter().filter(|kind| test(kind)).map(Kind::key).collect();
            found.into_iter().collect()
        };
        let named = find(&|kind| has_name(kind, &wanted) || has_qualified_name(kind, &wanted));
        if !named.is_empty() {
            return Ok(Resolution { kinds: named, by: Naming::Name });
        }
        let listed = find(&|kind| kind.categories.iter().any(|category| fold(category) == wanted));
        if !listed.is_empty() {
            return Ok(Resolution { kinds: listed, by: Naming::Category });
        }
        Err(UnknownKind { word: word.to_owned(), suggestion: self.suggest(&wanted), span: None })
    }

    /// The kinds whose singular or short name is this folded word.
    pub(crate) fn named_exactly(&self, word: &str) -> BTreeSet<KindKey> {
        let same = |name: &String| !name.is_empty() && fold(name) == word;
        let kinds =
            self.kinds.iter().filter(|kind| same(&kind.singular) || kind.short_names.iter().any(same));
        kinds.map(Kind::key).collect()
    }

    /// The kinds with a name (folded; also `name.group`) that passes.
    pub(crate) fn matching(&self, mut test: impl FnMut(&str) -> bool) -> BTreeSet<KindKey> {
        let mut passes = |kind: &&Kind| {
            names(kind)
                .iter()
                .any(|name| test(name) || (!kind.group.is_empty() && test(&format!("{name}.{}", kind.group))))
        };
        self.kinds.iter().filter(&mut passes).map(Kind::key).collect()
    }

    /// The shortest name that a kind has alone: its plural, or where that belongs to several kinds, `plural.group`.
    pub fn shortest(&self, kind: &Kind) -> String {
        let alone = self.kinds.iter().filter(|other| other.plural == kind.plural).count() == 1;
        if alone { kind.plural.clone() } else { kind.key().as_str().to_owned() }
    }

    /// The kind with this key.
    pub fn get(&self, key: &KindKey) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.key() == *key)
    }

    /// The nearest name: a prefix that was typed so far, or a slip of the keyboard.
    fn suggest(&self, word: &str) -> Option<String> {
        let name = word.split('.').next().filter(|name| !name.is_empty())?;
        let names =
            || self.kinds.iter().flat_map(names).chain(self.kinds.iter().flat_map(|k| k.categories.clone()));
        let nearest = names()
            .map(|candidate| (strsim::damerau_levenshtein(name, &candidate), candidate))
            .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
            .min();
        let slip = nearest.clone().filter(|(distance, _)| *distance <= 1).map(|(_, name)| name);
        let begun = || names().filter(|candidate| candidate.starts_with(name)).min_by_key(String::len);
        slip.or_else(|| begun().filter(|_| name.len() > 2))
            .or_else(|| nearest.map(|(_, candidate)| candidate))
    }
}

fn names(kind: &Kind) -> Vec<String> {
    let all = [&kind.plural, &kind.singular, &kind.kind].into_iter().chain(&kind.short_names);
    all.filter(|name| !name.is_empty()).map(|name| fold(name)).collect()
}

fn has_name(kind: &Kind, word: &str) -> bool {
    names(kind).iter().any(|name| name == word)
}

/// `name.group`, where the group may be cut short at any place, and `name.version.group`.
fn has_qualified_name(kind: &Kind, word: &str) -> bool {
    let Some((name, group)) = word.split_once('.') else { return false };
    let versioned = group.strip_prefix(&*kind.version).and_then(|rest| rest.strip_prefix('.'));
    let in_group = |part: &str| !part.is_empty() && kind.group.starts_with(part);
    has_name(kind, name)
        && (in_group(group) || versioned.is_some_and(|part| part == kind.group || in_group(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(group: &str, kind: &str, plural: &str, short: &[&str], categories: &[&str]) -> Kind {
        Kind {
            group: group.into(),
            version: "v1".into(),
            kind: kind.into(),
            plural: plural.into(),
            singular: fold(kind),
            short_names: short.iter().map(|s| (*s).into()).collect(),
            categories: categories.iter().map(|s| (*s).into()).collect(),
            namespaced: true,
            watchable: true,
        }
    }

    fn catalog() -> Catalog {
        Catalog::new(vec![
            kind("", "Pod", "pods", &["po"], &["all"]),
            kind("apps", "Deployment", "deployments", &["deploy"], &["all"]),
            kind("cert-manager.io", "Certificate", "certificates", &["cert", "certs"], &["cert-manager"]),
            kind("networking.internal.knative.dev", "Certificate", "certificates", &["kcert"], &[]),
        ])
    }

    fn resolved(word: &str) -> String {
        match catalog().resolve(word) {
            Ok(found) => found.kinds.iter().map(KindKey::as_str).collect::<Vec<_>>().join(" "),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn every_name_of_a_kind_resolves_without_regard_to_case() {
        for word in [
            "deployments",
            "deployment",
            "deploy",
            "Deployment",
            "DEPLOY",
            "deploy.apps",
            "deployments.v1.apps",
        ] {
            assert_eq!(resolved(word), "deployments.apps", "{word}");
        }
    }

    #[test]
    fn a_name_in_several_groups_means_all_of_them_and_a_group_chooses() {
        let both = "certificates.cert-manager.io certificates.networking.internal.knative.dev";
        assert_eq!(resolved("certificate"), both);
        assert_eq!(resolved("certificates.cert"), "certificates.cert-manager.io");
        assert_eq!(resolved("certificates.networking"), "certificates.networking.internal.knative.dev");
        assert_eq!(resolved("kcert"), "certificates.networking.internal.knative.dev");
    }

    #[test]
    fn a_category_means_all_its_kinds() {
        assert_eq!(resolved("all"), "deployments.apps pods");
        assert_eq!(catalog().resolve("all").map(|r| r.by), Ok(Naming::Category));
    }

    #[test]
    fn an_unknown_word_is_an_error_with_the_nearest_name() {
        assert_eq!(resolved("deploymets"), "no kind is called 'deploymets': did you mean 'deployments'?");
        assert_eq!(resolved("certif"), "no kind is called 'certif': did you mean 'certificate'?");
        assert_eq!(resolved("xyzzy"), "no kind is called 'xyzzy'");
        assert_eq!(resolved(""), "no kind is called ''");
        assert_eq!(resolved("pods.apps"), "no kind is called 'pods.apps': did you mean 'pods'?");
    }
}
