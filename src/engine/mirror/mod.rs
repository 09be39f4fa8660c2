//! The mirror in the writer's process: what it reads of the index, which vectors it gets, when it runs.
//!
//! ```text
//!   pump ──ids that changed──> Feed ──> Mirror ──records──> store
//!     ^                                   │ documents: from the index snapshot, when a batch leaves
//!     └────── what may be deleted? ───────┘ vectors: by form
//! ```

mod source;
mod task;
mod vectors;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::embed::Vectors;
use crate::index::{Reader, Store};
use crate::mirror::core::marker::Marker;
use crate::mirror::source::Feed;
use crate::mirror::{
    AnyStore, Comparison, Depth, Halt, Mirror, MirrorOptions, MirrorStatus, VectorStore as _,
};
use crate::text::Clock;

pub(super) use source::{Covered, IndexSource};
pub(super) use task::{MirrorTask, Parts, shown};
use vectors::FormVectors;
pub use vectors::Profile;

/// A difference may be a change on its way: it is looked at again so often, at this distance.
const LOOKS: u32 = 4;
/// See [`LOOKS`].
const LOOK_AFTER: Duration = Duration::from_millis(1_500);

/// So long is waited for a look at the collection before the cluster is read.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// A mirror as it is configured.
#[derive(Clone)]
pub struct MirrorSettings {
    /// The store.
    pub store: AnyStore,
    /// Its URL, for status.
    pub url: String,
    /// The collection, for status.
    pub collection: String,
    /// Which vectors.
    pub profile: Profile,
    /// They come from here; `None` where nothing is written.
    pub vectors: Option<Vectors>,
    /// Hash of what is included and excluded.
    pub scope: String,
    /// Takes over another cluster's collection.
    pub adopt: bool,
    /// Releases so many held-back deletes, once.
    pub allow_mass_delete: Option<usize>,
    /// Where it has its time from.
    pub clock: Clock,
}

impl MirrorSettings {
    /// Where the namespace kube-system may not be read, at least the same address and user are the same cluster.
    fn options(&self, cluster: Option<String>, store: &Store) -> MirrorOptions {
        MirrorOptions {
            cluster,
            index: format!("index:{}", store.identity()),
            scope: self.scope.clone(),
            profile: self.profile.name().to_owned(),
            seen_free: None,
            adopt: self.adopt,
            allow_mass_delete: self.allow_mass_delete,
            clock: self.clock.clone(),
        }
    }

    /// Who wrote the collection last, and its last beat, if nobody writes now. What is read of the cluster from now on is
    /// newer than all that this one knew. A store that takes its time is asked no longer: then nothing is known.
    pub(super) async fn seen_free(&self) -> Option<(String, i64)> {
        let found = tokio::time::timeout(SEEN_WITHIN, self.store.find()).await.ok()?.ok()??;
        let marker = Marker::read(&found.fields).unwrap_or_default();
        marker.writer.is_empty().then_some((marker.last, marker.beat))
    }

    fn status(&self) -> MirrorStatus {
        MirrorStatus {
            to: self.store.name(),
            url: self.url.clone(),
            collection: self.collection.clone(),
            profile: self.profile.name().to_owned(),
            ..MirrorStatus::default()
        }
    }

    fn mirror(
        &self,
        source: IndexSource,
        feed: Arc<Feed>,
        store: &Store,
        cluster: Option<String>,
        status: watch::Sender<MirrorStatus>,
    ) -> Mirror<AnyStore, IndexSource, FormVectors> {
        let file = source::File::of(store.clone(), &self.store.name());
        let memo = match file.read() {
            Ok(memo) => memo.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "what the mirror remembered is lost");
                Default::default()
            }
        };
        let kept: (_, Box<dyn crate::mirror::source::Keep>) = (memo, Box::new(file));
        let vectors = FormVectors::new(self.profile, self.vectors.clone());
        let options = self.options(cluster, store);
        Mirror::new(self.store.clone(), Arc::new(source), vectors, feed, kept, options, status)
    }
}

/// Compares a store with the index as it is on disk, as deep as asked for, and writes nothing. What differs is looked at again for some
/// seconds: it may be on its way.
///
/// # Errors
/// Store or index can't be read, or the collection is another's.
pub async fn compare(
    settings: &MirrorSettings,
    reader: &Reader,
    store: &Store,
    depth: Depth,
    progress: watch::Sender<MirrorStatus>,
) -> Result<Comparison, Halt> {
    let source = IndexSource::beside(reader.clone(), store.clone());
    let cluster = reader.checkpoint().cluster_uid;
    let mut mirror = settings.mirror(source, Arc::default(), store, cluster, progress);
    let mut comparison = mirror.compare(depth).await?;
    for _ in 0..LOOKS {
        if comparison.divergent.is_empty() || comparison.no_collection {
            break;
        }
        tokio::time::sleep(LOOK_AFTER).await;
        // The writer may have committed since.
        if let Err(error) = reader.reload() {
            tracing::warn!(%error, "the index can't be read again");
        }
        mirror.look_again(&mut comparison, depth).await?;
    }
    Ok(comparison)
}

/// Makes a store equal to the index on disk, beside the process that writes the index: nothing is known of what is
/// complete, so nothing is deleted.
///
/// # Errors
/// Why that was not possible.
pub async fn mirror_beside(
    settings: &MirrorSettings,
    reader: &Reader,
    store: &Store,
    status: watch::Sender<MirrorStatus>,
) -> Result<(), Halt> {
    status.send_replace(settings.status());
    let source = IndexSource::without_authority(reader.clone(), store.clone());
    let cluster = reader.checkpoint().cluster_uid;
    settings.mirror(source, Arc::default(), store, cluster, status).once().await
}
