//! Keeps the files of vectors as small as the index: names come and go for years, and each leaves the vector of its
//! form behind.
//!
//! A look costs a few numbers. Only where a file must be more than twice as large as needed are all documents read for
//! their forms, and the file is written anew.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cluster::watch::describe;
use crate::document::{FormHash, form};
use crate::embed::{Extent, Vectors};
use crate::index::{IndexError, Snapshot};

use super::Running;
use super::semantic::Embedding;
use super::status::{Phase, Status};
use super::supervisor::ReaderSlot;

/// Files of fewer records than this are left as they are: a megabyte or two.
const FLOOR: u64 = 1_024;
/// How often a writer that stays looks.
const EVERY: Duration = Duration::from_secs(60);
/// After looks in vain and files that could not be written, at most.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// All files of vectors that this process writes, and the index that they belong to.
#[derive(Clone)]
pub(super) struct Tidier {
    reader: ReaderSlot,
    files: Vec<Vectors>,
    embedding: Embedding,
    running: Running,
    stop: CancellationToken,
}

/// A tidier at work.
pub(super) struct Tidying {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Tidying {
    /// Ends it; what it was about to do is left undone.
    pub(super) async fn end(self) {
        self.stop.cancel();
        // It holds handles of vectors, which must not outlive the run.
        _ = self.task.await;
    }
}

/// How a look ended.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// No file is too large.
    Fine,
    /// One was, and is not any more.
    Tidied,
    /// One may be, and stays so.
    InVain,
}

impl Tidier {
    pub(super) fn new(
        reader: ReaderSlot,
        files: Vec<Vectors>,
        embedding: Embedding,
        running: Running,
    ) -> Self {
        Self { reader, files, embedding, running, stop: CancellationToken::new() }
    }

    /// Looks now and then while everything is read.
    pub(super) fn start(&self, status: watch::Receiver<Status>) -> Tidying {
        let (own, stop) = (self.clone(), self.stop.clone());
        let task = tokio::spawn(async move {
            stop.run_until_cancelled(own.run(status)).await;
        });
        Tidying { stop: self.stop.clone(), task }
    }

    async fn run(&self, status: watch::Receiver<Status>) {
        let mut pause = EVERY;
        loop {
            tokio::time::sleep(pause).await;
            // An index that is being read for the first time needs more vectors than it shows.
            if status.borrow().phase != Phase::Live {
                continue;
            }
            pause = match self.look().await {
                Look::Fine | Look::Tidied => EVERY,
                Look::InVain => (pause * 2).min(LONGEST),
            };
        }
    }

    /// Looks once.
    pub(super) async fn once(&self) {
        self.look().await;
    }

    async fn look(&self) -> Look {
        // Before the documents: what is made for newer ones stays.
        let seen: Vec<(&Vectors, Extent)> = self.files.iter().map(|file| (file, file.extent())).collect();
        let snapshot = self.reader.read().unwrap_or_else(PoisonError::into_inner).snapshot();
        let needed = snapshot.num_docs().min(self.embedding.forms().unwrap_or(u64::MAX));
        if !seen.iter().any(|(_, extent)| is_overgrown(*extent, needed)) {
            return Look::Fine;
        }
        let live = match self.forms(snapshot).await {
            Ok(live) => live,
            Err(error) => {
                tracing::warn!(error = describe(&error), "documents can't be read for their vectors");
                return Look::InVain;
            }
        };
        let mut look = Look::InVain;
        for (file, extent) in seen {
            if is_overgrown(extent, live.len() as u64) && tidy(file, extent, &live).await {
                look = Look::Tidied;
            }
        }
        look
    }

    async fn forms(&self, snapshot: Arc<Snapshot>) -> Result<HashSet<FormHash>, IndexError> {
        let stop = self.stop.clone();
        if !self.running.threads {
            return forms(&snapshot, &stop);
        }
        let read = tokio::task::spawn_blocking(move || forms(&snapshot, &stop));
        read.await.unwrap_or(Err(IndexError::Stopped))
    }
}

/// Whether more than half of a file is of no use to documents of so many forms.
fn is_overgrown(extent: Extent, needed: u64) -> bool {
    let records = u64::from(extent.records);
    records > FLOOR && records / 2 > needed
}

/// Whether the file is small again.
async fn tidy(file: &Vectors, extent: Extent, live: &HashSet<FormHash>) -> bool {
    let model = &file.model().name;
    match file.keep_only(live.clone(), extent).await {
        Ok(done) => {
            tracing::info!(model, before = extent.records, live = live.len(), done, "tidied the vectors");
            done
        }
        Err(error) => {
            tracing::warn!(model, error = describe(&error), "the vectors could not be tidied");
            false
        }
    }
}

/// The forms of all living documents.
fn forms(snapshot: &Snapshot, stop: &CancellationToken) -> Result<HashSet<FormHash>, IndexError> {
    let mut forms = HashSet::new();
    for segment in snapshot.segments() {
        for doc in (0..segment.max_doc()).filter(|doc| segment.is_alive(*doc)) {
            if stop.is_cancelled() {
                return Err(IndexError::Stopped);
            }
            forms.insert(form(&segment.document(doc)?).hash());
        }
    }
    Ok(forms)
}

#[cfg(test)]
mod tests {
    use std::sync::RwLock;

    use super::*;
    use crate::document::{Document, Fingerprint, Form, Local, Metadata};
    use crate::embed::hashed::Hashed;
    use crate::embed::{Embedder, Storing};
    use crate::engine::Semantic;
    use crate::index::{Checkpoint, Entry, Lock, Op, Schema, Store, Writer};
    use crate::object::{Key, KindKey};

    fn document(name: &str) -> Document {
        let metadata = Metadata {
            namespace: "shop".into(),
            name: name.into(),
            kind: "Widget".into(),
            api_version: "example.com/v1".into(),
            ..Metadata::default()
        };
        Document { id: format!("shop/{name}"), text: name.into(), metadata, local: Local::default() }
    }

    fn entry(name: &str) -> Entry {
        let document = document(name);
        Entry {
            key: Key::of(&document.id, ""),
            kind: KindKey::new("example.com", "widgets"),
            document,
            fingerprint: Fingerprint { content: 0, annotations: 0 },
            version: None,
        }
    }

    struct World {
        _dir: tempfile::TempDir,
        writer: Writer,
        vectors: Vectors,
        tidier: Tidier,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::locate(dir.path(), "id").unwrap();
            let lock = Lock::try_acquire(&store).unwrap().expect("nobody else holds it");
            let (writer, _) = Writer::open(&store, lock, Schema { version: 1 }).unwrap();
            let embedder = Embedder::Hashed(Hashed::default());
            let vectors = Vectors::open(store.dir(), embedder, Storing::Write).unwrap();
            let slot = Arc::new(RwLock::new(writer.reader()));
            let embedding = Embedding::open(Semantic::Off, &store, Running::default()).unwrap();
            let tidier = Tidier::new(slot, vec![vectors.clone()], embedding, Running::default());
            Self { _dir: dir, writer, vectors, tidier }
        }

        fn commit(&mut self, ops: Vec<Op>) {
            ops.into_iter().for_each(|op| self.writer.apply(op).unwrap());
            self.writer.commit(&Checkpoint::default()).unwrap();
            self.writer.reader().reload().unwrap();
        }
    }

    #[tokio::test]
    async fn the_vectors_of_names_that_are_gone_go_when_they_are_most_of_the_file() {
        let mut world = World::new();
        let name = |nth: usize| format!("widget{nth}x");
        let kept: Vec<Entry> = (0..500).map(|nth| entry(&name(nth))).collect();
        let forms: Vec<Form> = (0..1_100).map(|nth| form(&document(&name(nth)))).collect();
        assert_eq!(forms.iter().map(Form::hash).collect::<HashSet<_>>().len(), forms.len());
        world.commit(kept.into_iter().map(|entry| Op::Upsert(Box::new(entry))).collect());
        world.vectors.obtain(&forms[..FLOOR as usize]).await.unwrap();
        assert_eq!(world.tidier.look().await, Look::Fine, "a small file is left alone");
        world.vectors.obtain(&forms).await.unwrap();
        // 500 of 1,100 are needed.
        assert_eq!(world.tidier.look().await, Look::Tidied);
        let live: HashSet<FormHash> = forms.iter().take(500).map(Form::hash).collect();
        assert_eq!(world.vectors.hashes().into_iter().collect::<HashSet<_>>(), live);
        assert_eq!(world.tidier.look().await, Look::Fine);
    }

    #[tokio::test]
    async fn a_file_that_is_needed_stays() {
        let mut world = World::new();
        let name = |nth: usize| format!("widget{nth}x");
        let forms: Vec<Form> = (0..1_100).map(|nth| form(&document(&name(nth)))).collect();
        world.commit((0..1_100).map(|nth| Op::Upsert(Box::new(entry(&name(nth))))).collect());
        world.vectors.obtain(&forms).await.unwrap();
        assert_eq!(world.tidier.look().await, Look::Fine);
        assert_eq!(world.vectors.extent().records, 1_100);
    }

    #[tokio::test]
    async fn one_that_is_told_to_stop_leaves_everything_as_it_is() {
        let mut world = World::new();
        let forms: Vec<Form> = (0..1_100).map(|nth| Form::new(&format!("form {nth}"))).collect();
        world.commit(vec![Op::Upsert(Box::new(entry("one")))]);
        world.vectors.obtain(&forms).await.unwrap();
        world.tidier.stop.cancel();
        assert_eq!(world.tidier.look().await, Look::InVain);
        assert_eq!(world.vectors.extent().records, 1_100);
    }
}
