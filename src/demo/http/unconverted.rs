//! Objects that no conversion webhook converts, as the API server speaks of them.
//!
//! They are stored in a version that only the webhook can turn into the one asked for. So the watch cache is never
//! filled, and what would come out of it is refused as long as that lasts; what is read from etcd tells why.

use tokio::time::Instant;

use super::reply::Refusal;
use super::route::Query;
use crate::demo::catalog::Served;
use crate::demo::faults::Verb;
use crate::demo::store::{State, path};
use crate::object::KindKey;

/// The longest `Retry-After` of a cache that is not filled yet.
const LONGEST: f64 = 30.0;

/// A kind whose objects can't be converted.
pub(super) struct Unconverted {
    why: String,
    since: Instant,
    kind: KindKey,
    /// Where the first object lies in etcd, below the prefix of all keys.
    place: String,
    revision: u64,
}

impl Unconverted {
    /// `None` where all is well; a kind without objects has nothing to convert.
    pub(super) fn new(served: &Served, state: &State, key: &KindKey) -> Option<Self> {
        let broken = served.unconverted.as_ref()?;
        let first = state.objects(key).next()?;
        let path = path(&first.object.namespace, &first.object.name);
        Some(Self {
            why: broken.why.clone(),
            since: broken.since,
            kind: key.clone(),
            place: format!("/{}/{}/{path}", served.kind.group, served.kind.plural),
            revision: first.revision,
        })
    }

    /// What a read of the kind is answered.
    pub(super) fn refusal(&self, verb: Verb, query: &Query, minor: u32) -> Refusal {
        // Servers since 1.34 name the object.
        let detailed = minor >= 34;
        match (from_cache(verb, query, minor), verb, detailed) {
            (true, _, true) => {
                self.initializing(&format!(": failed to list <unspecified>: {}", self.unreadable()))
            }
            (true, _, false) => self.initializing(""),
            (false, Verb::Get, true) => {
                let message = format!("Internal error occurred: {}", self.corrupt(""));
                Refusal::new(500, "InternalError", message)
            }
            (false, _, true) => Refusal::new(500, "StorageReadError", self.unreadable()),
            (false, _, false) => Refusal::new(500, "", self.why.clone()),
        }
    }

    fn initializing(&self, more: &str) -> Refusal {
        // The longer it lasts, the later one should come back.
        let seconds = (self.since.elapsed().as_secs_f64() * 0.06).exp().clamp(1.0, LONGEST);
        let mut refusal = Refusal::initializing(seconds as u32);
        refusal.0.message.push_str(more);
        refusal
    }

    fn unreadable(&self) -> String {
        format!("failed to read one or more {} from the storage: {}", self.kind, self.corrupt("/registry"))
    }

    fn corrupt(&self, prefix: &str) -> String {
        format!(
            "StorageError: corrupt object, Code: 7, Key: {prefix}{}, ResourceVersion: 0, AdditionalErrorMsg: object not \
             decodable revision={}: {}",
            self.place, self.revision, self.why
        )
    }
}

// Whether an answer would come out of the watch cache.
fn from_cache(verb: Verb, query: &Query, minor: u32) -> bool {
    let paged = query.number("limit").is_some_and(|limit| limit > 0) || query.get("continue").is_some();
    match verb {
        Verb::Watch => true,
        Verb::List if paged => false,
        Verb::List if minor >= 34 => true,
        // Before 1.31 a cache that is not filled yet passes lists on.
        Verb::List => {
            let exact = query.get("resourceVersionMatch") == Some("Exact");
            minor >= 31 && query.get("resourceVersion").is_some() && !exact
        }
        Verb::Get | Verb::Discovery | Verb::Review | Verb::Other => false,
    }
}
