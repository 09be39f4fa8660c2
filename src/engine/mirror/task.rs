//! The mirror's task within one life of the engine.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::index::{Reader, Store};
#[cfg(doc)]
use crate::mirror::MirrorOptions;
use crate::mirror::source::Feed;
use crate::mirror::{Halt, MirrorPhase, MirrorStatus};

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

/// What a mirror shows. One whose task has ended shows its last state for ever, and that must not be one that lives.
pub(in crate::engine) fn shown(mirror: &watch::Receiver<MirrorStatus>, now_ms: i64) -> MirrorStatus {
    // Asked first: what a living one says meanwhile is newer.
    let ended = mirror.has_changed().is_err();
    let mut status = mirror.borrow().clone();
    let last = matches!(
        status.phase,
        MirrorPhase::Stopped
            | MirrorPhase::Mistaken { .. }
            | MirrorPhase::Refused { .. }
            | MirrorPhase::Failing { .. }
    );
    if ended && !last {
        let error =
            "the mirror has ended by a fault of its own: start kubesift anew, and see its log".to_owned();
        status.phase = MirrorPhase::Failing { since_ms: now_ms, error };
    }
    if ended && status.phase != MirrorPhase::Stopped {
        (status.equal, status.in_sync) = (false, false);
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_whose_task_has_ended_is_not_in_sync() {
        let live =
            MirrorStatus { phase: MirrorPhase::Live, equal: true, in_sync: true, ..Default::default() };
        let (sender, receiver) = watch::channel(live.clone());
        assert_eq!(shown(&receiver, 7), live);
        drop(sender);
        let ended = shown(&receiver, 7);
        assert!(!ended.equal && !ended.in_sync && ended.phase.failing().is_some(), "{ended:?}");
        let (_, stopped) = watch::channel(MirrorStatus { phase: MirrorPhase::Stopped, ..live });
        assert!(shown(&stopped, 7).equal);
    }
}
