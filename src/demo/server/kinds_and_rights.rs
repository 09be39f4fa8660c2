//! Kinds that come, change and go, and who may read them.

use std::sync::Arc;

use tokio::time::Instant;

use super::Server;
use crate::demo::catalog::{Listing, Origin, Served, Unconverted};
use crate::demo::rights::Rights;
use crate::demo::store::State;
use crate::demo::{DemoError, Formats, custom};
use crate::object::{Kind, KindKey};

impl Server {
    /// Every kind that can be listed, in its preferred version.
    pub fn kinds(&self) -> Vec<Kind> {
        let state = self.shared.state();
        let listable = state.catalog.all().filter(|served| served.has("list"));
        listable.map(|served| served.kind.clone()).collect()
    }

    /// Adds a custom resource: its CustomResourceDefinition, its APIService and the kind itself.
    pub fn add_crd(&self, crd: &custom::Crd) -> Result<(), DemoError> {
        let now = self.shared.now();
        self.shared.update(|state| custom::add(state, crd, now))
    }

    /// Removes a custom resource by its name (`plural.group`), with all its objects. False when there is none.
    pub fn remove_crd(&self, name: &str) -> bool {
        self.shared.update(|state| custom::remove(state, name))
    }

    /// Adds a kind of an API server behind an APIService.
    pub fn add_aggregated(
        &self,
        kind: Kind,
        formats: Formats,
        opaque_versions: bool,
    ) -> Result<(), DemoError> {
        let now = self.shared.now();
        self.shared.update(|state| {
            let versions = vec![kind.version.clone()];
            custom::add_api_service(state, &kind.group, &kind.version, "False", now)?;
            let served = Served::new(kind, versions, Origin::Aggregated);
            state.catalog.add(Served { formats, opaque_versions, ..served });
            Ok(())
        })
    }

    /// Prefers a version for every kind of a group that has it.
    pub fn set_preferred_version(&self, group: &str, version: &str) {
        self.shared.update(|state| state.catalog.prefer(group, version));
    }

    /// Serves a kind in these versions, the preferred one first; its objects stay. The definition and the APIServices of
    /// a custom resource follow.
    pub fn set_versions(&self, kind: &str, versions: &[&str]) -> Result<(), DemoError> {
        let now = self.shared.now();
        self.shared.update(|state| custom::set_versions(state, &KindKey::from(kind), versions, now))
    }

    /// Gives a kind other verbs, `get` and `list` without `watch` for example. Open watches of a kind that can't be
    /// watched any more end.
    pub fn set_verbs(&self, kind: &str, verbs: &[&str]) -> Result<(), DemoError> {
        self.change_kind(kind, |served| {
            served.verbs = verbs.iter().map(|&verb| verb.to_owned()).collect();
            served.kind.watchable = served.has("watch");
        })
    }

    /// Serves a kind no longer, or again, while its definition or its APIService stands and its objects stay: requests
    /// are answered 404 and discovery lacks it.
    pub fn set_served(&self, kind: &str, served: bool) -> Result<(), DemoError> {
        self.change_kind(kind, |own| own.hidden = !served)
    }

    /// Breaks a custom resource's conversion webhook with what the API server says about it, or mends it. As after a start
    /// of the API server: the watch cache of the kind is never filled, so that watches, and lists that would come out of
    /// it, are answered 429 `storage is (re)initializing` (1.37 adds why); what is read from etcd, pages for example, is
    /// answered 500 with the reason. A kind
    /// without objects has nothing to convert.
    pub fn set_conversion(&self, kind: &str, failure: Option<&str>) -> Result<(), DemoError> {
        let since = Instant::now();
        self.change_kind(kind, |served| {
            served.unconverted = failure.map(|why| Unconverted { why: why.to_owned(), since });
        })
    }

    /// Gives a kind an etcd of its own, as most API servers behind an APIService have, and Events in many large
    /// clusters; its revisions begin at this one. Objects that it had are gone.
    pub fn set_own_storage(&self, kind: &str, revision: u64) -> Result<(), DemoError> {
        let kind = KindKey::from(kind);
        self.shared.update(|state| {
            state.catalog.get(&kind).ok_or_else(|| DemoError::UnknownKind(kind.to_string()))?;
            state.give_own(&kind, revision);
            Ok(())
        })
    }

    /// Removes a kind of an API server behind an APIService, with its objects, and the APIService when no other kind
    /// needs it. False when there is no such kind.
    pub fn remove_aggregated(&self, kind: &str) -> bool {
        let key = KindKey::from(kind);
        self.shared.update(|state| {
            let found = state.catalog.get(&key).is_some_and(|served| served.origin == Origin::Aggregated);
            if found {
                custom::remove_kind(state, &key);
            }
            found
        })
    }

    /// Shows a group in discovery as it is, as stale, or not at all; its requests are answered all the same.
    pub fn set_listing(&self, group: &str, listing: Listing) {
        self.shared.update(|state| state.catalog.set_listing(group, listing));
    }

    fn change_kind(&self, kind: &str, change: impl FnOnce(&mut Served)) -> Result<(), DemoError> {
        let served = |state: &mut State| match state.catalog.get_mut(&KindKey::from(kind)) {
            Some(served) => {
                change(served);
                Ok(())
            }
            None => Err(DemoError::UnknownKind(kind.to_owned())),
        };
        self.shared.update(served)
    }

    /// Breaks or mends a group's API server: its requests answer 503, and discovery shows the group empty and stale.
    pub fn set_broken(&self, group: &str, broken: bool) {
        self.shared.update(|state| state.catalog.set_broken(group, broken));
    }

    /// Limits the encodings that a kind knows. False when there is no such kind.
    pub fn set_formats(&self, kind: &str, formats: Formats) -> bool {
        self.shared.update(|state| {
            state.catalog.get_mut(&KindKey::from(kind)).map(|served| served.formats = formats).is_some()
        })
    }

    /// Gives a user other rights. Open watches go on, as on the real server.
    pub fn set_rights(&self, user: &str, rights: Rights) {
        self.shared.update(|state| state.rights.insert(user.to_owned(), Arc::new(rights)));
    }
}
