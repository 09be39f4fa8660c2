//! The mirror's task within one life of the engine.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::index::{Reader, Store};
#[cfg(doc)]
use crate::mirror::MirrorOptions;
use crate::mirror::source::Feed;
use crate::mirror::{Halt, MirrorStatus};

use super::super::confirm::Confirm;
use super::super::pump::Message;
use super::super::status::{Phase, Status};
use super::{IndexSource, MirrorSettings};

/// A mirror that runs beside the readers.
pub(in crate::engine) struct MirrorTask {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What a mirror is made of in the writer's process.
pub(in crate::engine) struct Parts {
    pub(in crate::engine) settings: MirrorSettings,
    pub(in crate::engine) reader: Reader,
    pub(in crate::engine) store: Store,
    pub(in crate::engine) pump: mpsc::Sender<Message>,
    /// Where kinds are confirmed on a wish.
    pub(in crate::engine) confirm: Option<mpsc::Sender<Confirm>>,
    pub(in crate::engine) feed: Arc<Feed>,
    pub(in crate::engine) engine: watch::Receiver<Status>,
    pub(in crate::engine) cluster_uid: Option<String>,
    /// What the collection said before the cluster was read: see [`MirrorOptions::seen_free`].
    pub(in crate::engine) seen_free: Option<(String, i64)>,
}

impl Parts {
    fn source(&self) -> IndexSource {
        IndexSource::of_writer(
            self.reader.clone(),
            self.store.clone(),
            self.pump.clone(),
            self.confirm.clone(),
            self.engine.clone(),
        )
    }

    /// Makes the collection equal once, and says how that went.
    pub(in crate::engine) async fn once(self, status: watch::Sender<MirrorStatus>) -> Result<(), Halt> {
        status.send_replace(self.settings.status());
        let (source, cluster) = (self.source(), self.cluster_uid.clone());
        let mirror = self.settings.mirror(source, self.feed.clone(), &self.store, cluster, status);
        mirror.seen_free(self.seen_free).once().await
    }

    /// Starts mirroring; the first comparison waits until the index has been read.
    pub(in crate::engine) fn start(self, status: watch::Sender<MirrorStatus>) -> MirrorTask {
        status.send_replace(self.settings.status());
        let stop = CancellationToken::new();
        let (source, cluster) = (self.source(), self.cluster_uid.clone());
        let mirror = self.settings.mirror(source, self.feed.clone(), &self.store, cluster, status);
        let (mut engine, stopped) = (self.engine, stop.clone());
        let task = tokio::spawn(async move {
            let read = async {
                // Closed: the engine ends, and this with it.
                _ = engine.wait_for(|status| has_read(&status.phase)).await;
            };
            tokio::select! {
                () = read => mirror.run(stopped).await,
                () = stopped.cancelled() => {}
            }
        });
        MirrorTask { stop, task }
    }
}

impl MirrorTask {
    /// Lets what is dirty leave, gives the collection free, and waits for that.
    pub(in crate::engine) async fn close(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "the mirror ended badly");
        }
    }
}

fn has_read(phase: &Phase) -> bool {
    match phase {
        Phase::Connecting | Phase::Syncing { .. } => false,
        Phase::Live
        | Phase::Offline { .. }
        | Phase::Unwritable { .. }
        | Phase::Unauthorized { .. }
        | Phase::Stopped => true,
    }
}
