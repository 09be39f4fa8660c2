//! Small files beside the index that other runs, other processes and the mirror go by: what a life knows goes in, and the
//! thread that writes the index writes it, again and again until it is on disk.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::core::Millis;
use super::pump::Message;
use crate::cluster::watch::describe;
use crate::index::Store;
use crate::object::{Kind, KindKey};

/// Everything that discovery names, and kinds that it named and of which something is held: for offline use.
pub(super) const KINDS: &str = "kinds.json";
/// Kinds that discovery did not name, and for how long.
pub(super) const MISSING: &str = "missing.json";
/// Kinds that are gone for certain.
pub(super) const VANISHED: &str = "vanished.json";

/// Pauses between tries: the first, and the longest.
const PAUSES: (Millis, Millis) = (1_000, 60_000);

/// Kinds by key; a list in the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Kind>", into = "Vec<Kind>")]
pub(super) struct Kinds(pub(super) BTreeMap<KindKey, Kind>);

impl From<Vec<Kind>> for Kinds {
    fn from(kinds: Vec<Kind>) -> Self {
        Self(kinds.into_iter().map(|kind| (kind.key(), kind)).collect())
    }
}

impl From<Kinds> for Vec<Kind> {
    fn from(kinds: Kinds) -> Self {
        kinds.0.into_values().collect()
    }
}

/// What one file holds, or will hold as soon as it can be written.
#[derive(Debug)]
pub(super) struct Kept<T> {
    file: &'static str,
    value: T,
    /// Whether the file is known to say so.
    on_disk: bool,
}

impl<T: Serialize + DeserializeOwned + Default + PartialEq> Kept<T> {
    /// Nothing yet, of a file that nobody looked into.
    pub(super) fn new(file: &'static str) -> Self {
        Self { file, value: T::default(), on_disk: false }
    }

    /// What an earlier run has kept; nothing where that can't be read.
    pub(super) fn restore(&mut self, store: &Store) {
        match store.read_json(self.file) {
            Ok(Some(value)) => (self.value, self.on_disk) = (value, true),
            // No file says the same as an empty one.
            Ok(None) => (self.value, self.on_disk) = (T::default(), true),
            Err(error) => tracing::warn!(error = describe(&error), "what was kept is forgotten"),
        }
    }

    pub(super) fn get(&self) -> &T {
        &self.value
    }

    pub(super) fn set(&mut self, value: T) {
        if self.value != value {
            (self.value, self.on_disk) = (value, false);
        }
    }

    /// Has it written, where it is not; says whether it is on disk. If not, it is tried again without being asked.
    pub(super) async fn save(&mut self, pump: &mpsc::Sender<Message>) -> bool {
        if !self.on_disk {
            self.on_disk = self.write(pump).await;
        }
        self.on_disk
    }

    async fn write(&self, pump: &mpsc::Sender<Message>) -> bool {
        let text = match serde_json::to_vec(&self.value) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, file = self.file, "can't be written as JSON");
                return false;
            }
        };
        let (reply, written) = oneshot::channel();
        _ = pump.send(Message::Keep { file: self.file, text, reply }).await;
        // Nobody answers when the pump has ended, and the next life begins with what is on disk.
        written.await.unwrap_or(false)
    }
}

/// The files that could not be written yet.
#[derive(Debug)]
pub(super) struct Files {
    store: Store,
    waiting: BTreeMap<&'static str, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    text: Vec<u8>,
    pause: Millis,
    due: Millis,
    error: String,
}

impl Files {
    pub(super) fn new(store: Store) -> Self {
        Self { store, waiting: BTreeMap::new() }
    }

    /// Takes what a file is to hold; says whether it does. A file that could not be written a moment ago waits for its
    /// next try.
    pub(super) fn keep(&mut self, now: Millis, file: &'static str, text: Vec<u8>) -> bool {
        match self.waiting.get_mut(file) {
            Some(waiting) => waiting.text = text,
            None => {
                let waiting = Waiting { text, pause: PAUSES.0, due: now, error: String::new() };
                self.waiting.insert(file, waiting);
            }
        }
        self.write_due(now);
        !self.waiting.contains_key(file)
    }

    /// Tries again to write what is due.
    pub(super) fn write_due(&mut self, now: Millis) {
        let store = &self.store;
        self.waiting.retain(|file, waiting| {
            if now < waiting.due {
                return true;
            }
            match store.write(file, &waiting.text) {
                Ok(()) => false,
                Err(error) => {
                    waiting.error = describe(&error);
                    tracing::warn!(error = waiting.error, "a file is tried again later");
                    waiting.due = now.saturating_add(waiting.pause);
                    waiting.pause = (waiting.pause * 2).min(PAUSES.1);
                    true
                }
            }
        });
    }

    /// One more try for all of them, as the run ends.
    pub(super) fn write_all(&mut self) {
        self.write_due(Millis::MAX);
    }

    /// When something is due.
    pub(super) fn due(&self) -> Option<Millis> {
        self.waiting.values().map(|waiting| waiting.due).min()
    }

    /// What could not be written, why, and what that means: one line each.
    pub(super) fn troubles(&self) -> impl Iterator<Item = String> {
        self.waiting.iter().map(|(file, waiting)| {
            format!("{file} can't be written and is tried again: {}; {}", waiting.error, meaning(file))
        })
    }
}

fn meaning(file: &str) -> &'static str {
    match file {
        KINDS => "until then new kinds can't be named in a query, and the mirror deletes nothing of them",
        VANISHED => "until then objects of kinds that are gone stay",
        _ => "until then a restart forgets it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store, and a folder in the place of a file of it: nothing can be renamed over that.
    fn store_and_obstacle() -> (tempfile::TempDir, Store, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::locate(dir.path(), "0123456789abcdef").unwrap();
        let obstacle = store.dir().join(KINDS).join("in the way");
        fs_err::create_dir_all(&obstacle).unwrap();
        (dir, store, obstacle)
    }

    #[test]
    fn a_file_that_can_not_be_written_is_tried_after_growing_pauses_until_it_is() {
        let (_dir, store, obstacle) = store_and_obstacle();
        let mut files = Files::new(store.clone());
        assert!(!files.keep(0, KINDS, b"[1]".to_vec()));
        assert!(files.keep(0, MISSING, b"{}".to_vec()), "one file's trouble is its own");
        let mut tries = Vec::new();
        for now in (0..200_000).step_by(500) {
            if files.due() == Some(now) {
                tries.push(now);
            }
            files.write_due(now);
        }
        assert_eq!(tries, [1_000, 3_000, 7_000, 15_000, 31_000, 63_000, 123_000, 183_000]);
        let trouble: Vec<String> = files.troubles().collect();
        assert!(trouble.len() == 1 && trouble[0].starts_with("kinds.json can't be written"), "{trouble:?}");

        // What is newer takes its place, and is written when its time has come.
        assert!(!files.keep(200_000, KINDS, b"[2]".to_vec()));
        fs_err::remove_dir_all(obstacle.parent().unwrap()).unwrap();
        files.write_due(242_999);
        assert_eq!(store.read_json::<Vec<u8>>(KINDS).unwrap(), None);
        files.write_due(243_000);
        assert_eq!(store.read_json::<Vec<u8>>(KINDS).unwrap(), Some(vec![2]));
        assert_eq!((files.due(), files.troubles().count()), (None, 0));
    }

    #[test]
    fn the_end_of_a_run_waits_for_no_pause() {
        let (_dir, store, obstacle) = store_and_obstacle();
        let mut files = Files::new(store.clone());
        assert!(!files.keep(0, KINDS, b"[1]".to_vec()));
        fs_err::remove_dir_all(obstacle.parent().unwrap()).unwrap();
        files.write_all();
        assert_eq!(store.read_json::<Vec<u8>>(KINDS).unwrap(), Some(vec![1]));
    }

    #[tokio::test]
    async fn what_is_not_on_disk_is_handed_over_again_and_what_is_never() {
        let (sender, mut pump) = mpsc::channel(1);
        let answer = tokio::spawn(async move {
            let mut texts = Vec::new();
            while let Some(Message::Keep { text, reply, .. }) = pump.recv().await {
                texts.push(String::from_utf8(text).unwrap());
                _ = reply.send(texts.len() > 1);
            }
            texts
        });
        let mut kept = Kept::<Vec<u8>>::new(MISSING);
        kept.set(vec![7]);
        assert!(!kept.save(&sender).await);
        assert!(kept.save(&sender).await && kept.save(&sender).await);
        kept.set(vec![7]);
        assert!(kept.save(&sender).await);
        kept.set(vec![8]);
        assert!(kept.save(&sender).await);
        drop(sender);
        assert_eq!(answer.await.unwrap(), ["[7]", "[7]", "[8]"]);
    }
}
