//! Between comparisons: whether somebody else writes into the collection, or the store lost what it acknowledged.

use super::reconcile::Depth;
use super::verify::VECTOR_PAGE;
use super::{Halt, Mirror};
use crate::document::Document;
use crate::mirror::core::confirmed::Way;
use crate::mirror::record::{differences, vector_difference};
use crate::mirror::source::{Embedder, Snapshot as _, Source};
use crate::mirror::store::{Contents, Vector, VectorStore};
use crate::object::IdHash;

impl<S: VectorStore, I: Source, E: Embedder> Mirror<S, I, E> {
    /// Counts the records, and reads some of them; what is not as it was left has everything compared soon.
    pub(super) async fn patrol(&mut self) -> Result<(), Halt> {
        if !self.reconciled || self.ledger.meddled {
            return Ok(());
        }
        let store = self.store.clone();
        let count = self.request(store.count()).await??;
        let known = self.ledger.records();
        if count != known {
            self.suspect(Depth::Contents, &format!("it holds {count} records instead of {known}"));
        } else if self.is_sample_foreign(false).await? {
            self.suspect(Depth::Vectors, "records are not as they were written");
        }
        Ok(())
    }

    fn suspect(&mut self, depth: Depth, why: &str) {
        tracing::warn!(why, "somebody else wrote into the collection, or the store lost something");
        self.note(
            "somebody else wrote into the collection, or the store lost records: everything was compared",
        );
        self.ledger.meddled = true;
        self.depth = depth;
        let at = self.patrol.found(self.feed.now());
        self.next_reconcile = self.next_reconcile.min(at);
    }

    /// Whether any of the next records of the round is not as it was written. Vectors that are not at hand are `made` for
    /// that, or not compared: changes must not wait for an embedder that hangs.
    pub(super) async fn is_sample_foreign(&mut self, made: bool) -> Result<bool, Halt> {
        let ids = self.patrol.next(self.confirmed.ids());
        for chunk in ids.chunks(self.page_size().min(VECTOR_PAGE)) {
            let documents = self.source.snapshot().documents(chunk)?;
            // What waits to be sent differs for that reason.
            let documents: Vec<Document> = documents.into_iter().filter(|it| self.is_written(it)).collect();
            let foreign = self.foreign(&documents, made).await?;
            foreign.iter().for_each(|id| self.confirmed.forget(*id));
            if !foreign.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_written(&self, document: &Document) -> bool {
        self.confirmed.way(IdHash::of(&document.id), self.content(document)) == Way::Nothing
    }

    /// Those of these documents whose records differ.
    async fn foreign(&mut self, documents: &[Document], made: bool) -> Result<Vec<IdHash>, Halt> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let vectors: Vec<Option<Vector>> = match made {
            false => documents.iter().map(|document| self.vector_at_hand(document)).collect(),
            true => match self.vectors(documents).await {
                Ok(vectors) => vectors.into_iter().map(Some).collect(),
                // An embedder that fails is no reason not to look at the rest.
                Err(Halt::Source(_)) => Vec::new(),
                Err(halt) => return Err(halt),
            },
        };
        let ids = documents.iter().map(|document| document.id.clone()).collect();
        let stored = self.stored(ids, Contents::Vectors).await?;
        let mut foreign = Vec::new();
        for (at, document) in documents.iter().enumerate() {
            let same = stored.get(&document.id).is_some_and(|record| {
                let wanted = vectors.get(at).and_then(Option::as_ref);
                let vector = wanted.and_then(|wanted| vector_difference(wanted, record));
                vector.is_none() && differences(document, record, self.lists).is_empty()
            });
            if !same {
                foreign.push(IdHash::of(&document.id));
            }
        }
        Ok(foreign)
    }
}
