//! Custom resources, and the objects that announce them.

use super::DemoError;
use super::catalog::{Origin, Served};
use super::seed::Random;
use super::store::{State, path};
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
    let uid = Random::new(state.revision() ^ 0xc4d).uid();
    Object { name: name.to_owned(), uid, created: Some(now), ..Object::default() }
}

pub(super) fn remove(state: &mut State, name: &str) -> bool {
    let key = KindKey::from(name);
    if state.catalog.get(&key).is_none_or(|served| served.origin != Origin::Custom) {
        return false;
    }
    // As the real server: the objects go first, then the kind, then its definition.
    let paths: Vec<_> =
        state.objects(&key).map(|own| path(&own.object.namespace, &own.object.name)).collect();
    for path in paths {
        state.delete(&key, &path);
    }
    let Some(served) = state.catalog.remove(&key) else { return false };
    state.delete(&KindKey::from(DEFINITIONS), name);
    let group = &served.kind.group;
    for version in &served.versions {
        let mut others = state.catalog.all();
        if !others.any(|other| other.kind.group == *group && other.versions.contains(version)) {
            drop(others);
            state.delete(&KindKey::from(API_SERVICES), &format!("{version}.{group}"));
        }
    }
    true
}
