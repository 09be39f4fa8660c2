//! Writing: one owner, one indexing thread, bounded memory, documents and checkpoint in one commit.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tantivy::directory::RamDirectory;
use tantivy::index::Index;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::{Field, TantivyDocument};
use tantivy::{Document, IndexWriter, Term};

use super::directory::Files;
use super::open::{create, open_or_rebuild};
use super::schema::Fields;
use super::terms::{Ready, Terms};
use super::{
    Checkpoint, Entry, HeldEntry, IndexError, Lock, Op, Reader, Schema, Store, codec, facts, names, rank,
};
use crate::object::{IdHash, Key};

/// What the indexing thread may hold before it writes a segment: at 15 MB, tantivy's least, a segment has some
/// 10,000 documents; twice that halves the number of merges and still leaves room under 80 MB.
const BUDGET: usize = 24_000_000;

/// Bytes of documents on their way to the indexing thread. tantivy's own bound is 10,000 documents, some 40 MB.
const IN_FLIGHT: usize = 2_000_000;

/// A merge is due when this share of a level's documents is deleted.
const DELETED_SHARE: f32 = 0.3;

/// The one writer of an index. Not `Clone`; dropping it loses what was not committed and frees the lock.
pub struct Writer {
    index: Index,
    fields: Fields,
    /// `None` after a write failed, until [`Writer::rollback`].
    inner: Option<IndexWriter<Row>>,
    /// Keys in the index or on their way: a new object needs no delete first.
    keys: HashSet<u128, BuildHasherDefault<Ready>>,
    flow: Arc<Flow>,
    terms: Terms,
    encoded: Vec<u8>,
    schema: Schema,
    reader: Reader,
    lock: Lock,
}

/// What [`Writer::open`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The checkpoint of the last commit; without scopes for a new or rebuilt index.
    pub checkpoint: Checkpoint,
    /// Why the stored index was given up, in one line, if it was.
    pub rebuilt: Option<String>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl Writer {
    /// Opens the stored index, or an empty one where there is none or what is there can't be used.
    ///
    /// # Errors
    /// [`IndexError::Directory`], [`IndexError::Open`] for what the system refuses: permissions, a full disk.
    pub fn open(store: &Store, lock: Lock, schema: Schema) -> Result<(Writer, Opened), IndexError> {
        let path = store.tantivy_dir();
        let (index, fields, checkpoint, rebuilt) = open_or_rebuild(&path, schema.version)?;
        let reader = Reader::open(store)?;
        let writer = Self::over(index, fields, reader, lock, schema)?;
        Ok((writer, Opened { checkpoint, rebuilt }))
    }

    pub(crate) fn over(
        index: Index,
        fields: Fields,
        reader: Reader,
        lock: Lock,
        schema: Schema,
    ) -> Result<Writer, IndexError> {
        let mut writer = Self {
            index,
            fields,
            inner: None,
            keys: HashSet::default(),
            flow: Arc::default(),
            terms: Terms::default(),
            encoded: Vec::new(),
            schema,
            reader,
            lock,
        };
        writer.rollback()?;
        Ok(writer)
    }

    /// Hands one change to the indexing thread; waits while that is too far behind. Seen after the next commit.
    ///
    /// # Errors
    /// [`IndexError::Write`] when the indexing thread failed (full disk), then [`IndexError::Stopped`] until
    /// [`Writer::rollback`].
    pub fn apply(&mut self, op: Op) -> Result<(), IndexError> {
        let inner = self.inner.as_ref().ok_or(IndexError::Stopped)?;
        match op {
            Op::Delete(key) => {
                if self.keys.remove(&key.0) {
                    inner.delete_term(key_term(self.fields.key, key));
                }
                Ok(())
            }
            Op::Upsert(entry) => {
                if !self.keys.insert(entry.key.0) {
                    inner.delete_term(key_term(self.fields.key, entry.key));
                }
                let (document, size) = row(&self.fields, &entry, &mut self.terms, &mut self.encoded);
                let ticket = Flow::enter(&self.flow, size);
                let added = inner.add_document(Row { document, _ticket: ticket });
                added.map(drop).map_err(|source| self.fail(source))
            }
        }
    }

    /// Commits everything applied so far together with its checkpoint, durably: after a crash both are there or
    /// neither. The schema version is the writer's own, whatever the checkpoint says.
    ///
    /// # Errors
    /// [`IndexError::Write`], then [`IndexError::Stopped`] until [`Writer::rollback`]. The last commit stays
    /// readable.
    pub fn commit(&mut self, checkpoint: &Checkpoint) -> Result<(), IndexError> {
        let inner = self.inner.as_mut().ok_or(IndexError::Stopped)?;
        let payload = checkpoint.print(self.schema.version);
        let committed = inner.prepare_commit().and_then(|mut commit| {
            commit.set_payload(&payload);
            commit.commit()
        });
        committed.map(drop).map_err(|source| self.fail(source))
    }

    /// Goes back to the last commit and starts writing anew; what was applied since is lost, so the caller goes
    /// on from the checkpoint that is returned, as after a restart.
    ///
    /// # Errors
    /// [`IndexError::Write`] while the cause lasts; it may be tried again.
    pub fn rollback(&mut self) -> Result<Checkpoint, IndexError> {
        self.inner = None; // ends the indexing thread
        self.flow = Arc::default();
        self.reader.reload()?;
        let snapshot = self.reader.snapshot();
        self.keys = snapshot.held()?.iter().map(|entry| entry.key.0).collect();
        self.inner = Some(start(&self.index)?);
        Ok(Checkpoint { schema: self.schema.version, ..snapshot.checkpoint() })
    }

    /// What the last commit holds, for the engine after a restart: 100,000 entries take some 10 ms.
    ///
    /// # Errors
    /// [`IndexError::Read`].
    pub fn held(&self) -> Result<Vec<HeldEntry>, IndexError> {
        self.reader.reload()?;
        self.reader.snapshot().held()
    }

    /// A reader of the same index; reload it after a commit.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Waits until no background merge is running.
    ///
    /// # Errors
    /// [`IndexError::Write`], as [`Writer::commit`]. Changes that were not committed are lost.
    pub fn settle(&mut self) -> Result<(), IndexError> {
        if let Some(inner) = self.inner.take() {
            inner.wait_merging_threads().map_err(IndexError::write)?;
        }
        self.rollback().map(drop)
    }

    /// Ends writing without a commit and gives the lock back.
    pub fn close(self) -> Lock {
        self.lock
    }

    fn fail(&mut self, source: tantivy::TantivyError) -> IndexError {
        self.inner = None;
        IndexError::Write { source }
    }
}

/// An index in memory, empty: for tests, and where no directory is fit for one.
///
/// # Errors
/// [`IndexError::Write`] when the indexing thread can't be started.
pub fn memory(schema: Schema) -> Result<(Writer, Reader), IndexError> {
    let ram = RamDirectory::create();
    let (index, fields) = create(Files::memory(ram.clone(), true)).map_err(IndexError::write)?;
    let reader = Reader::memory(ram)?;
    let writer = Writer::over(index, fields, reader.clone(), Lock::in_memory(), schema)?;
    Ok((writer, reader))
}

fn start(index: &Index) -> Result<IndexWriter<Row>, IndexError> {
    let options = IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(BUDGET)
        .build();
    let writer = index.writer_with_options(options).map_err(IndexError::write)?;
    let mut merges = LogMergePolicy::default();
    merges.set_del_docs_ratio_before_merge(DELETED_SHARE);
    writer.set_merge_policy(Box::new(merges));
    // A process that was killed may have left files that no commit names; the next one would want the same names.
    writer.garbage_collect_files().wait().map_err(IndexError::write)?;
    Ok(writer)
}

fn key_term(field: Field, key: Key) -> Term {
    Term::from_field_bytes(field, &key.0.to_be_bytes())
}

/// tantivy's form of an entry, and roughly how many bytes it takes.
fn row(fields: &Fields, entry: &Entry, terms: &mut Terms, encoded: &mut Vec<u8>) -> (TantivyDocument, usize) {
    let mut doc = TantivyDocument::new();
    let Entry { key, kind, document, fingerprint, version } = entry;
    let metadata = &document.metadata;
    let id = IdHash::of(&document.id).0;
    doc.add_bytes(fields.key, &key.0.to_be_bytes());
    for (field, number) in [
        (fields.key_high, (key.0 >> 64) as u64),
        (fields.key_low, key.0 as u64),
        (fields.id_high, (id >> 64) as u64),
        (fields.id_low, id as u64),
        (fields.content, fingerprint.content),
        (fields.annotations, fingerprint.annotations),
        (fields.version, version.unwrap_or(0)),
        (fields.rank, rank::rank(&metadata.name, document.local.created)),
    ] {
        doc.add_u64(field, number);
    }
    names::pieces(&metadata.name).for_each(|piece| doc.add_u64(fields.name, piece));
    doc.add_text(fields.kind, kind.as_str());
    doc.add_text(fields.namespace, &metadata.namespace);
    doc.add_text(fields.api, [&*metadata.api_version, "/", &metadata.kind].concat());
    facts(fields, document, &mut doc);
    let grams = terms.grams(&metadata.name);
    let mut size = grams.len() + 300;
    doc.add_text(fields.gram, grams);
    let parts = terms.parts(document, kind);
    size += parts.len();
    doc.add_text(fields.part, parts);
    encoded.clear();
    codec::encode(document, encoded);
    doc.add_bytes(fields.document, encoded);
    (doc, size + encoded.len())
}

/// Adds what filters select by.
fn facts(fields: &Fields, document: &crate::document::Document, doc: &mut TantivyDocument) {
    let local = &document.local;
    for (field, pairs) in [(fields.label, &local.labels), (fields.annotation, &local.annotations)] {
        for (key, value) in pairs {
            doc.add_text(field, key);
            doc.add_text(field, facts::pair(key, value));
        }
    }
    for owner in &local.owners {
        doc.add_text(fields.owner, facts::owner(owner));
        doc.add_bytes(fields.owner_uid, &facts::uid_term(&owner.uid));
    }
    for flag in facts::Flag::of(document) {
        doc.add_text(fields.flag, flag.as_str());
    }
    let (high, low) = facts::uid_bits(&local.uid);
    doc.add_u64(fields.uid_high, high);
    doc.add_u64(fields.uid_low, low);
}

/// A document on its way to the indexing thread; its ticket is given back when it was indexed.
#[derive(Debug)]
struct Row {
    document: TantivyDocument,
    _ticket: Ticket,
}

impl Document for Row {
    type Value<'a> = <TantivyDocument as Document>::Value<'a>;
    type FieldsValuesIter<'a> = <TantivyDocument as Document>::FieldsValuesIter<'a>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        self.document.iter_fields_and_values()
    }
}

/// Bytes on their way to the indexing thread.
#[derive(Debug, Default)]
struct Flow {
    bytes: Mutex<usize>,
    less: Condvar,
}

#[derive(Debug)]
struct Ticket {
    flow: Arc<Flow>,
    size: usize,
}

impl Flow {
    /// Waits until there is room. A thread that died drops its documents and with them their tickets; should one
    /// stick, the time limit leaves the queue to tantivy's own bound.
    fn enter(flow: &Arc<Flow>, size: usize) -> Ticket {
        let bytes = flow.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut bytes, _) = flow
            .less
            .wait_timeout_while(bytes, Duration::from_secs(30), |bytes| *bytes > IN_FLIGHT)
            .unwrap_or_else(PoisonError::into_inner);
        *bytes += size;
        Ticket { flow: flow.clone(), size }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut bytes = self.flow.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let was_full = *bytes > IN_FLIGHT;
        *bytes = bytes.saturating_sub(self.size);
        if was_full && *bytes <= IN_FLIGHT {
            self.flow.less.notify_one();
        }
    }
}
