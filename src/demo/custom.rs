//! Custom resources, and the objects that announce them.

use super::DemoError;
use super::catalog::{Origin, Served};
use super::seed::Random;
use super::store::State;
use crate::object::{Kind, KindKey, Object};

/// A custom resource to add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Crd {
    /// API group, e.g. `platform.example.org`.
    pub group: String,
    /// Served versions, the preferred one first.
    pub versions: Vec<String>,
    /// Kind name, e.g. `SqlClaim`.
    pub kind: String,
    /// Plural, e.g. `sqlclaims`.
    pub plural: String,
    /// Short names.
    pub short_names: Vec<String>,
    /// Categories.
    pub categories: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// So many first requests for it are answered 429 `storage is (re)initializing`.
    pub initializing: u32,
    /// What it is for: the annotation `description` of the definition.
    pub description: String,
}

impl Crd {
    /// A namespaced custom resource with one version.
    pub fn new(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        Self {
            group: group.to_owned(),
            versions: vec![version.to_owned()],
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced: true,
            ..Self::default()
        }
    }
}

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
const API_SERVICES: &str = "apiservices.apiregistration.k8s.io";

pub(super) fn add(state: &mut State, crd: &Crd, now: i64) -> Result<(), DemoError> {
    let Some(version) = crd.versions.first() else { return Err(DemoError::NoVersion(crd.plural.clone())) };
    let mut definition = object(state, &format!("{}.{}", crd.plural, crd.group), now);
    definition.generation = 1;
    if !crd.description.is_empty() {
        definition.annotations.insert("description".to_owned(), crd.description.clone());
    }
    state.apply(&KindKey::from(DEFINITIONS), definition)?;
    for version in &crd.versions {
        add_api_service(state, &crd.group, version, "true", now)?;
    }
    let kind = Kind {
        group: crd.group.clone(),
        version: version.clone(),
        kind: crd.kind.clone(),
        plural: crd.plural.clone(),
        singular: crd.kind.to_lowercase(),
        short_names: crd.short_names.clone(),
        categories: crd.categories.clone(),
        namespaced: crd.namespaced,
        watchable: true,
    };
    let served = Served::new(kind, crd.versions.clone(), Origin::Custom);
    state.catalog.add(Served { initializing: crd.initializing, ..served });
    Ok(())
}

/// Announces a group's version; `automanaged` is what stands in the label that tells CRDs from API servers.
pub(super) fn add_api_service(
    state: &mut State,
    group: &str,
    version: &str,
    automanaged: &str,
    now: i64,
) -> Result<(), DemoError> {
    let key = KindKey::from(API_SERVICES);
    let name = format!("{version}.{group}");
    if state.get(&key, &name).is_some() {
        return Ok(());
    }
    let mut service = object(state, &name, now);
    if automanaged != "False" {
        let label = "kube-aggregator.kubernetes.io/automanaged".to_owned();
        service.labels.insert(label, automanaged.to_owned());
    }
    state.apply(&key, service).map(|_| ())
}

fn object(state: &State, name: &str, now: i64) -> Object {
    let uid = Random::new(state.seed() ^ 0xc4d).uid();
    Object { name: name.to_owned(), uid, created: Some(now), ..Object::default() }
}

/// Removes a custom resource.
pub(super) fn remove(state: &mut State, name: &str) -> bool {
    let key = KindKey::from(name);
    if state.catalog.get(&key).is_none_or(|served| served.origin != Origin::Custom) {
        return false;
    }
    // As the real server: the objects go first, then the kind, then its definition.
    remove_kind(state, &key);
    state.delete(&KindKey::from(DEFINITIONS), name);
    true
}

/// Removes a kind with its objects, and the APIServices that only it needed.
pub(super) fn remove_kind(state: &mut State, key: &KindKey) {
    state.clear(key);
    state.drop_own(key);
    let Some(served) = state.catalog.remove(key) else { return };
    remove_api_services(state, &served.kind.group, &served.versions);
}

// Removes the APIServices of versions that no kind is served in any more.
fn remove_api_services(state: &mut State, group: &str, versions: &[String]) {
    for version in versions {
        let needed =
            state.catalog.all().any(|other| other.kind.group == group && other.versions.contains(version));
        if !needed {
            state.delete(&KindKey::from(API_SERVICES), &format!("{version}.{group}"));
        }
    }
}

/// Serves a kind in other versions, the preferred one first. A custom resource's definition and APIServices follow.
pub(super) fn set_versions(
    state: &mut State,
    key: &KindKey,
    versions: &[&str],
    now: i64,
) -> Result<(), DemoError> {
    let Some(first) = versions.first() else { return Err(DemoError::NoVersion(key.to_string())) };
    let Some(served) = state.catalog.get_mut(key) else {
        return Err(DemoError::UnknownKind(key.to_string()));
    };
    let (group, custom) = (served.kind.group.clone(), served.origin == Origin::Custom);
    served.kind.version = (*first).to_owned();
    let before =
        std::mem::replace(&mut served.versions, versions.iter().map(|&own| own.to_owned()).collect());
    if !custom {
        return Ok(());
    }
    define_again(state, key)?;
    for version in versions {
        add_api_service(state, &group, version, "true", now)?;
    }
    remove_api_services(state, &group, &before);
    Ok(())
}

/// Writes a custom resource's definition as whoever changes its spec does.
pub(super) fn define_again(state: &mut State, key: &KindKey) -> Result<(), DemoError> {
    let definitions = KindKey::from(DEFINITIONS);
    let Some(stored) = state.get(&definitions, key.as_str()) else { return Ok(()) };
    let mut definition = stored.object.clone();
    definition.generation += 1;
    state.apply(&definitions, definition).map(|_| ())
}
