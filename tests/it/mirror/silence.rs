//! A store that does what it is asked and never answers: what was applied is not known, and ends equal all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubesift::document::{Document, Metadata};
use kubesift::mirror::core::authority::Authority;
use kubesift::mirror::core::dirty::Cause;
use kubesift::mirror::source::{Embedder, Feed, Keep, Memo, Source, SourceError};
use kubesift::mirror::{
    Chroma, ChromaOptions, Contents, Mirror, MirrorOptions, MirrorStatus, Vector, VectorStore,
};
use kubesift::object::{KindKey, Scope};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::store_proxy::{Fault, StoreProxy};
use crate::support::{chroma, wait_for};

type Documents = BTreeMap<String, Document>;

/// An index in memory that covers everything.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Documents>>);

impl Source for World {
    type Snapshot = Documents;

    fn snapshot(&self) -> Documents {
        self.0.lock().expect("not poisoned").clone()
    }

    async fn authority(&self) -> Authority {
        Authority {
            kinds: [((String::new(), "Pod".to_owned()), KindKey::from("pods"))].into(),
            covered: [(KindKey::from("pods"), vec![Scope::All])].into(),
            ..Authority::default()
        }
    }

    fn stale(&self) -> BTreeSet<KindKey> {
        BTreeSet::new()
    }
}

impl Keep for World {
    fn save(&self, _: &Memo) -> Result<(), SourceError> {
        Ok(())
    }
}

/// The first word decides about the vector: a change of the others is sent without it.
struct FirstWord;

impl Embedder for FirstWord {
    fn model(&self) -> String {
        "first-word".to_owned()
    }

    fn dimension(&self) -> usize {
        3
    }

    fn form(&self, document: &Document) -> u64 {
        document.text.split(' ').next().map_or(0, |word| word.len() as u64)
    }

    fn at_hand(&self, _: &Document) -> Option<Vector> {
        Some(Vector::from(vec![0.6, 0.8, 0.0]))
    }

    async fn vectors(&self, documents: &[Document]) -> Result<Vec<Vector>, SourceError> {
        Ok(documents.iter().filter_map(|document| self.at_hand(document)).collect())
    }
}

fn pod(name: &str, text: &str) -> Document {
    Document {
        id: format!("a/v1/Pod/{name}"),
        text: text.to_owned(),
        metadata: Metadata {
            namespace: "a".into(),
            name: name.into(),
            kind: "Pod".into(),
            api_version: "v1".into(),
            ..Metadata::default()
        },
        local: Default::default(),
    }
}

impl World {
    fn put(&self, feed: &Feed, document: Document) {
        let id = document.id.clone();
        self.0.lock().expect("not poisoned").insert(id.clone(), document);
        feed.mark([(id.as_str(), Cause::Written)]);
    }

    fn remove(&self, feed: &Feed, id: &str) {
        self.0.lock().expect("not poisoned").remove(id);
        feed.mark([(id, Cause::DeletedByEvent)]);
    }

    fn texts(&self) -> BTreeMap<String, String> {
        let documents = self.0.lock().expect("not poisoned");
        documents.iter().map(|(id, document)| (id.clone(), document.text.clone())).collect()
    }

    /// Waits until the store, asked past the proxy, holds these very texts.
    async fn equals(&self, store: &Chroma) {
        wait_for("the store to equal the index", async || {
            let records = store.page(0, 100, Contents::Full).await.expect("records");
            let texts = records.into_iter().map(|it| (it.id, it.text.unwrap_or_default()));
            let (held, wanted) = (texts.collect::<BTreeMap<_, _>>(), self.texts());
            if held == wanted { Ok(()) } else { Err(format!("{held:?} instead of {wanted:?}")) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_applied_and_never_acknowledged_ends_equal() {
    let Some(chroma) = chroma::Chroma::start().await else { return };
    let proxy = StoreProxy::start(chroma.port()).await;
    let patience = Some(Duration::from_secs(1));
    let store = Chroma::new(ChromaOptions { patience, ..ChromaOptions::new(proxy.url()) }).expect("options");
    let direct = Chroma::new(ChromaOptions::new(chroma.url())).expect("options");
    let (world, feed, stop) = (World::default(), Arc::new(Feed::default()), CancellationToken::new());
    let (status, seen) = watch::channel(MirrorStatus::default());
    let kept: (Memo, Box<dyn Keep>) = (Memo::default(), Box::new(world.clone()));
    let options =
        MirrorOptions { cluster: Some("here".into()), profile: "default".into(), ..MirrorOptions::default() };
    let source = Arc::new(world.clone());
    let mirror = Mirror::new(store, source, FirstWord, Arc::clone(&feed), kept, options, status);
    let task = tokio::spawn(mirror.run(stop.clone()));
    wait_for("the collection", async || direct.find().await.expect("Chroma answers").is_some()).await;

    // An upsert, an update, a delete: each is done and not told, twice.
    for (round, change) in [
        |world: &World, feed: &Feed| world.put(feed, pod("one", "first text")),
        |world: &World, feed: &Feed| world.put(feed, pod("one", "first text, changed")),
        |world: &World, feed: &Feed| world.put(feed, pod("one", "another vector")),
        |world: &World, feed: &Feed| world.remove(feed, "a/v1/Pod/one"),
    ]
    .into_iter()
    .enumerate()
    {
        let before = proxy.failed();
        proxy.fail([Fault::SilenceAfter, Fault::SilenceAfter]);
        change(&world, &feed);
        world.put(&feed, pod(&format!("more-{round}"), "first of others"));
        wait_for("an answer that never comes", async || proxy.failed() > before).await;
        // It was applied and not told, and changes again before it is known.
        world.put(&feed, pod(&format!("more-{round}"), "first of others, changed meanwhile"));
        world.equals(&direct).await;
        proxy.fail([]);
    }
    let gone = proxy.deleted();
    assert!(gone.iter().all(|id| id == "a/v1/Pod/one") && !gone.is_empty(), "{gone:?}");
    assert_eq!(seen.borrow().held_back, 0);
    stop.cancel();
    task.await.expect("ends in good order");
    world.equals(&direct).await;
}
