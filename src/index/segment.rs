//! One immutable part of the index as a search sees it: terms, columns, documents. Everything of tantivy's
//! reading side is in here.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use tantivy::columnar::{Cardinality, Column, ColumnValues};
use tantivy::fastfield::AliveBitSet;
use tantivy::index::{InvertedIndexReader, SegmentComponent, SegmentId, SegmentReader};
use tantivy::schema::{Field, OwnedValue, TantivyDocument};
use tantivy::store::StoreReader;
use tantivy::{Document as _, Opstamp};

use crate::document::{Document, Fingerprint};
use crate::object::{IdHash, Key, KindKey};

use super::dictionary::Dictionary;
use super::names::Names;
use super::rank::{LENGTH, created};
use super::schema::Fields;
use super::{HeldEntry, IndexError, codec, facts};

/// Decompressed blocks of documents that a segment keeps; a page of rows is read in order, so few are enough.
const CACHED_BLOCKS: usize = 8;

/// A document's number within its segment.
pub type Doc = u32;

/// Tells segments apart, whatever was deleted from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SegmentKey(SegmentId);

/// Which terms are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// Of the name.
    Gram,
    /// Of what words search besides names, and is not shared by many.
    Part,
    /// `key` and `key=value` of labels; see [`super::facts::pair`].
    Label,
    /// `plural.group`.
    Kind,
    /// The namespace.
    Namespace,
    /// `apiVersion/Kind`.
    Api,
    /// `key` and `key=value` of annotations; see [`super::facts::pair`].
    Annotation,
    /// Owners by name; see [`super::facts::owner`].
    Owner,
    /// Owners by uid; see [`super::facts::uid_term`].
    OwnerUid,
    /// What an object is or has; see [`super::facts::Flag`].
    Flag,
}

/// One segment as one commit sees it: its files, which never change, and what was deleted from it.
pub struct Segment {
    pub(super) parts: Arc<Parts>,
    alive: Option<AliveBitSet>,
    /// The deleted documents, in order: few, as merges take them away.
    dead: Vec<Doc>,
    deletes: Option<Opstamp>,
}

/// What all commits see of a segment. Most commits delete a document or two from each segment; what was read and
/// decoded of its files stays.
pub(super) struct Parts {
    reader: SegmentReader,
    pub(super) fields: Fields,
    pub(super) terms: [Arc<InvertedIndexReader>; 10],
    store: StoreReader,
    names: Names,
    ranks: Arc<dyn ColumnValues<u64>>,
    keys: Arc<dyn ColumnValues<u64>>,
    uids: [Arc<dyn ColumnValues<u64>>; 2],
    kinds: Dictionary<KindKey>,
    namespaces: Dictionary<Arc<str>>,
    apis: Dictionary<Arc<str>>,
    /// Keys of labels and of annotations, once they were asked for.
    pub(super) map_keys: [OnceLock<Vec<String>>; 2],
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("id", &self.parts.reader.segment_id()).finish_non_exhaustive()
    }
}

impl Parts {
    fn open(reader: SegmentReader, fields: &Fields) -> tantivy::Result<Self> {
        let inverted = |field: Field| reader.inverted_index(field);
        let terms = [
            inverted(fields.gram)?,
            inverted(fields.part)?,
            inverted(fields.label)?,
            inverted(fields.kind)?,
            inverted(fields.namespace)?,
            inverted(fields.api)?,
            inverted(fields.annotation)?,
            inverted(fields.owner)?,
            inverted(fields.owner_uid)?,
            inverted(fields.flag)?,
        ];
        let columns = reader.fast_fields();
        Ok(Self {
            terms,
            store: reader.get_store_reader(CACHED_BLOCKS)?,
            names: Names::new(numbers(&reader, "name")?),
            ranks: number(&reader, "rank")?,
            keys: number(&reader, "key_high")?,
            uids: [number(&reader, "uid_high")?, number(&reader, "uid_low")?],
            kinds: Dictionary::open(columns.str("kind")?, |text| KindKey::from(text))?,
            namespaces: Dictionary::open(columns.str("namespace")?, |text| Arc::from(text))?,
            apis: Dictionary::open(columns.str("api")?, |text| Arc::from(text))?,
            map_keys: [OnceLock::new(), OnceLock::new()],
            fields: fields.clone(),
            reader,
        })
    }
}

impl Segment {
    /// Opens a segment; `before` is the same one as an earlier commit saw it.
    pub(crate) fn open(
        segment: &tantivy::Segment,
        before: Option<&Segment>,
        fields: &Fields,
    ) -> tantivy::Result<Self> {
        let parts = match before {
            Some(before) => before.parts.clone(),
            None => Arc::new(Parts::open(SegmentReader::open(segment)?, fields)?),
        };
        let alive = match segment.meta().has_deletes() {
            true => Some(AliveBitSet::open(segment.open_read(SegmentComponent::Delete)?.read_bytes()?)),
            false => None,
        };
        let dead = alive.as_ref().map_or_else(Vec::new, |alive| dead(alive, parts.reader.max_doc()));
        Ok(Self { parts, alive, dead, deletes: segment.meta().delete_opstamp() })
    }

    /// What tells this segment from others: its id and how far deletes were applied.
    pub(crate) fn version(&self) -> (SegmentId, Option<Opstamp>) {
        (self.parts.reader.segment_id(), self.deletes)
    }

    /// Which segment it is: documents never join one, they only leave it.
    pub fn key(&self) -> SegmentKey {
        SegmentKey(self.parts.reader.segment_id())
    }

    /// Documents are numbered below this, deleted ones included.
    pub fn max_doc(&self) -> Doc {
        self.parts.reader.max_doc()
    }

    /// Documents that are not deleted.
    pub fn num_docs(&self) -> u64 {
        u64::from(self.max_doc()) - self.dead.len() as u64
    }

    /// The deleted documents, in order.
    pub fn dead(&self) -> &[Doc] {
        &self.dead
    }

    /// Whether a document is not deleted.
    pub fn is_alive(&self, doc: Doc) -> bool {
        self.alive.as_ref().is_none_or(|alive| alive.is_alive(doc))
    }

    /// The name of a document; `buffer` may be used for it.
    pub fn name<'a>(&'a self, doc: Doc, buffer: &'a mut Vec<u8>) -> &'a str {
        self.parts.names.get(doc, buffer)
    }

    /// Whether all names are in memory.
    #[cfg(test)]
    pub(crate) fn holds_names(&self) -> bool {
        self.parts.names.are_held()
    }

    /// Order among equal scores, smaller first: shorter names, then newer objects.
    pub fn rank(&self, doc: Doc) -> u64 {
        self.parts.ranks.get_val(doc)
    }

    /// When a document's object was created, seconds since 1970; `None` where that is unknown.
    pub fn created(&self, doc: Doc) -> Option<i64> {
        created(self.rank(doc))
    }

    /// Whether every uid is a UUID, so that none must be read from a document.
    pub fn has_only_uuids(&self) -> bool {
        facts::is_uuid(self.parts.uids[1].max_value())
    }

    /// The halves of a document's uid; see [`super::facts::uid_bits`].
    pub fn uid(&self, doc: Doc) -> (u64, u64) {
        (self.parts.uids[0].get_val(doc), self.parts.uids[1].get_val(doc))
    }

    /// The upper half of [`Segment::uid`].
    pub fn uid_start(&self, doc: Doc) -> u64 {
        self.parts.uids[0].get_val(doc)
    }

    /// Whether a document's name may have so many characters.
    pub fn name_may_have(&self, doc: Doc, chars: RangeInclusive<usize>) -> bool {
        let length = (self.rank(doc) >> 40) as usize;
        length == LENGTH || chars.contains(&length)
    }

    /// `apiVersion/Kind` of a document.
    pub fn api(&self, doc: Doc) -> Option<&Arc<str>> {
        self.parts.apis.get(doc)
    }

    /// The namespace of a document (`_cluster` for cluster-scoped kinds).
    pub fn namespace(&self, doc: Doc) -> Option<&Arc<str>> {
        self.parts.namespaces.get(doc)
    }

    /// Every `apiVersion/Kind` in this segment.
    pub fn apis(&self) -> &[Arc<str>] {
        &self.parts.apis.values
    }

    /// The place of a document's kind in [`Segment::kinds`].
    pub fn kind_at(&self, doc: Doc) -> Option<usize> {
        self.parts.kinds.at(doc)
    }

    /// The place of a document's namespace in [`Segment::namespaces`].
    pub fn namespace_at(&self, doc: Doc) -> Option<usize> {
        self.parts.namespaces.at(doc)
    }

    /// The first 16 bytes of a name as two numbers that are ordered as they are.
    pub fn name_start(&self, doc: Doc) -> (u64, u64) {
        self.parts.names.start(doc)
    }

    /// The kind of a document.
    pub fn kind(&self, doc: Doc) -> Option<&KindKey> {
        self.parts.kinds.get(doc)
    }

    /// Every kind in this segment.
    pub fn kinds(&self) -> &[KindKey] {
        &self.parts.kinds.values
    }

    /// Every namespace in this segment (`_cluster` for cluster-scoped kinds).
    pub fn namespaces(&self) -> &[Arc<str>] {
        &self.parts.namespaces.values
    }

    /// What decides among equal ranks: the id, put together from columns, and should there be a recreated object
    /// of the same id, half of its key.
    pub fn tie(&self, doc: Doc) -> (String, u64) {
        (self.id(doc), self.parts.keys.get_val(doc))
    }

    fn id(&self, doc: Doc) -> String {
        let text = |part: Option<&Arc<str>>| part.map_or("", |text| &**text).to_owned();
        let mut buffer = Vec::new();
        let name = self.name(doc, &mut buffer);
        [&*text(self.parts.namespaces.get(doc)), &text(self.parts.apis.get(doc)), name].join("/")
    }

    /// Calls `each` with every kind and the number of its living documents. Looks at none of them.
    pub fn each_kind(&self, each: impl FnMut(&KindKey, u64)) {
        let frequency = |kind: &KindKey| self.frequency(Terms::Kind, kind.as_str().as_bytes());
        self.parts.kinds.count_all(self, frequency, each);
    }

    /// Calls `each` with every namespace and the number of its living documents. Looks at none of them.
    pub fn each_namespace(&self, each: impl FnMut(&Arc<str>, u64)) {
        let frequency = |name: &Arc<str>| self.frequency(Terms::Namespace, name.as_bytes());
        self.parts.namespaces.count_all(self, frequency, each);
    }

    /// Calls `each` with every kind and the number of its documents among those that `counts` takes.
    pub fn count_kinds(&self, counts: impl Fn(Doc) -> bool, each: impl FnMut(&KindKey, u64)) {
        self.parts.kinds.count(self, counts, each);
    }

    /// Calls `each` with every namespace and the number of its documents among those that `counts` takes.
    pub fn count_namespaces(&self, counts: impl Fn(Doc) -> bool, each: impl FnMut(&Arc<str>, u64)) {
        self.parts.namespaces.count(self, counts, each);
    }

    /// A whole document.
    ///
    /// # Errors
    /// [`IndexError::Read`], [`IndexError::Document`].
    pub fn document(&self, doc: Doc) -> Result<Document, IndexError> {
        let stored: TantivyDocument = self.parts.store.get(doc).map_err(IndexError::read)?;
        let bytes = stored.iter_fields_and_values().find_map(|(field, value)| {
            let owned = (field == self.parts.fields.document).then(|| OwnedValue::from(value));
            match owned {
                Some(OwnedValue::Bytes(bytes)) => Some(bytes),
                _ => None,
            }
        });
        codec::decode(&bytes.ok_or(IndexError::Document { what: "it is empty" })?)
    }

    /// Calls `each` with every living document and the hash of its id.
    pub(crate) fn each_id(&self, mut each: impl FnMut(Doc, IdHash)) -> Result<(), IndexError> {
        self.each_pair(("id_high", "id_low"), |doc, wide| each(doc, IdHash(wide)))
    }

    /// Calls `each` with every living document and its key.
    pub(crate) fn each_key(&self, mut each: impl FnMut(Doc, Key)) -> Result<(), IndexError> {
        self.each_pair(("key_high", "key_low"), |doc, wide| each(doc, Key(wide)))
    }

    /// Two columns are the halves of one number.
    fn each_pair(&self, columns: (&str, &str), mut each: impl FnMut(Doc, u128)) -> Result<(), IndexError> {
        let column = |name| number(&self.parts.reader, name).map_err(IndexError::read);
        let (high, low) = (column(columns.0)?, column(columns.1)?);
        for doc in (0..self.max_doc()).filter(|doc| self.is_alive(*doc)) {
            each(doc, u128::from(high.get_val(doc)) << 64 | u128::from(low.get_val(doc)));
        }
        Ok(())
    }

    /// Appends what a restart needs of every living document.
    pub(crate) fn held(&self, out: &mut Vec<HeldEntry>) -> Result<(), IndexError> {
        let column = |name| number(&self.parts.reader, name).map_err(IndexError::read);
        let (key_high, key_low) = (self.parts.keys.clone(), column("key_low")?);
        let (id_high, id_low) = (column("id_high")?, column("id_low")?);
        let (content, annotations) = (column("content")?, column("annotations")?);
        let version = column("version")?;
        let wide = |high: &Arc<dyn ColumnValues<u64>>, low: &Arc<dyn ColumnValues<u64>>, doc| {
            u128::from(high.get_val(doc)) << 64 | u128::from(low.get_val(doc))
        };
        let missing = IndexError::Document { what: "it has no kind or namespace" };
        for doc in (0..self.max_doc()).filter(|doc| self.is_alive(*doc)) {
            let (Some(kind), Some(namespace)) = (self.parts.kinds.get(doc), self.parts.namespaces.get(doc))
            else {
                return Err(missing);
            };
            out.push(HeldEntry {
                key: Key(wide(&key_high, &key_low, doc)),
                id: IdHash(wide(&id_high, &id_low, doc)),
                kind: kind.clone(),
                namespace: namespace.clone(),
                fingerprint: Fingerprint {
                    content: content.get_val(doc),
                    annotations: annotations.get_val(doc),
                },
                version: version.get_val(doc),
            });
        }
        Ok(())
    }
}

fn dead(alive: &AliveBitSet, max_doc: Doc) -> Vec<Doc> {
    let mut dead = Vec::with_capacity((max_doc as usize).saturating_sub(alive.num_alive_docs()));
    let mut next = 0;
    for doc in alive.iter_alive() {
        dead.extend(next..doc);
        next = doc + 1;
    }
    dead.extend(next..max_doc);
    dead
}

fn numbers(reader: &SegmentReader, name: &str) -> tantivy::Result<Column<u64>> {
    let column = reader.fast_fields().column_opt::<u64>(name)?;
    Ok(column.unwrap_or_else(|| Column::build_empty_column(reader.max_doc())))
}

/// A column with one number for each document.
fn number(reader: &SegmentReader, name: &str) -> tantivy::Result<Arc<dyn ColumnValues<u64>>> {
    let column = numbers(reader, name)?;
    // without the detour by an index of values that are not there
    let is_full = column.get_cardinality() == Cardinality::Full;
    Ok(if is_full { column.values } else { column.first_or_default_col(0) })
}
