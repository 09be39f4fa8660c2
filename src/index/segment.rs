//! One immutable part of the index as a search sees it: terms, columns, documents. Everything of tantivy's
//! reading side is in here.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use tantivy::Document as _;
use tantivy::columnar::{Cardinality, Column, ColumnValues};
use tantivy::index::{InvertedIndexReader, SegmentReader};
use tantivy::schema::{Field, OwnedValue, TantivyDocument};
use tantivy::store::StoreReader;

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
pub struct SegmentKey(tantivy::index::SegmentId);

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

/// One segment.
pub struct Segment {
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
        f.debug_struct("Segment").field("id", &self.reader.segment_id()).finish_non_exhaustive()
    }
}

impl Segment {
    pub(crate) fn open(reader: SegmentReader, fields: &Fields) -> tantivy::Result<Self> {
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

    /// What tells this segment from others: its id and how far deletes were applied.
    pub(crate) fn version(&self) -> (tantivy::index::SegmentId, Option<u64>) {
        (self.reader.segment_id(), self.reader.delete_opstamp())
    }

    /// Which segment it is: documents never join one, they only leave it.
    pub fn key(&self) -> SegmentKey {
        SegmentKey(self.reader.segment_id())
    }

    /// Documents are numbered below this, deleted ones included.
    pub fn max_doc(&self) -> Doc {
        self.reader.max_doc()
    }

    /// Documents that are not deleted.
    pub fn num_docs(&self) -> u64 {
        u64::from(self.reader.num_docs())
    }

    /// Whether any document is deleted.
    pub fn has_deletes(&self) -> bool {
        self.reader.has_deletes()
    }

    /// Whether a document is not deleted.
    pub fn is_alive(&self, doc: Doc) -> bool {
        !self.reader.is_deleted(doc)
    }

    /// The name of a document; `buffer` may be used for it.
    pub fn name<'a>(&'a self, doc: Doc, buffer: &'a mut Vec<u8>) -> &'a str {
        self.names.get(doc, buffer)
    }

    /// Whether all names are in memory.
    #[cfg(test)]
    pub(crate) fn holds_names(&self) -> bool {
        self.names.are_held()
    }

    /// Order among equal scores, smaller first: shorter names, then newer objects.
    pub fn rank(&self, doc: Doc) -> u64 {
        self.ranks.get_val(doc)
    }

    /// When a document's object was created, seconds since 1970; `None` where that is unknown.
    pub fn created(&self, doc: Doc) -> Option<i64> {
        created(self.rank(doc))
    }

    /// Whether every uid is a UUID, so that none must be read from a document.
    pub fn has_only_uuids(&self) -> bool {
        facts::is_uuid(self.uids[1].max_value())
    }

    /// The halves of a document's uid; see [`super::facts::uid_bits`].
    pub fn uid(&self, doc: Doc) -> (u64, u64) {
        (self.uids[0].get_val(doc), self.uids[1].get_val(doc))
    }

    /// The upper half of [`Segment::uid`].
    pub fn uid_start(&self, doc: Doc) -> u64 {
        self.uids[0].get_val(doc)
    }

    /// Whether a document's name may have so many characters.
    pub fn name_may_have(&self, doc: Doc, chars: RangeInclusive<usize>) -> bool {
        let length = (self.rank(doc) >> 40) as usize;
        length == LENGTH || chars.contains(&length)
    }

    /// `apiVersion/Kind` of a document.
    pub fn api(&self, doc: Doc) -> Option<&Arc<str>> {
        self.apis.get(doc)
    }

    /// The namespace of a document (`_cluster` for cluster-scoped kinds).
    pub fn namespace(&self, doc: Doc) -> Option<&Arc<str>> {
        self.namespaces.get(doc)
    }

    /// Every `apiVersion/Kind` in this segment.
    pub fn apis(&self) -> &[Arc<str>] {
        &self.apis.values
    }

    /// The place of a document's kind in [`Segment::kinds`].
    pub fn kind_at(&self, doc: Doc) -> Option<usize> {
        self.kinds.at(doc)
    }

    /// The place of a document's namespace in [`Segment::namespaces`].
    pub fn namespace_at(&self, doc: Doc) -> Option<usize> {
        self.namespaces.at(doc)
    }

    /// The first 8 bytes of a name as a number that is ordered as they are.
    pub fn name_start(&self, doc: Doc) -> u64 {
        self.names.start(doc)
    }

    /// The kind of a document.
    pub fn kind(&self, doc: Doc) -> Option<&KindKey> {
        self.kinds.get(doc)
    }

    /// Every kind in this segment.
    pub fn kinds(&self) -> &[KindKey] {
        &self.kinds.values
    }

    /// Every namespace in this segment (`_cluster` for cluster-scoped kinds).
    pub fn namespaces(&self) -> &[Arc<str>] {
        &self.namespaces.values
    }

    /// What decides among equal ranks: the id, put together from columns, and should there be a recreated object
    /// of the same id, half of its key.
    pub fn tie(&self, doc: Doc) -> (String, u64) {
        (self.id(doc), self.keys.get_val(doc))
    }

    fn id(&self, doc: Doc) -> String {
        let text = |part: Option<&Arc<str>>| part.map_or("", |text| &**text).to_owned();
        let mut buffer = Vec::new();
        let name = self.name(doc, &mut buffer);
        [&*text(self.namespaces.get(doc)), &text(self.apis.get(doc)), name].join("/")
    }

    /// Calls `each` with every kind and the number of its living documents among those that `counts` takes.
    pub fn count_kinds(&self, counts: impl Fn(Doc) -> bool, mut each: impl FnMut(&KindKey, u64)) {
        self.kinds.count(self, counts, |kind, count| each(kind, count));
    }

    /// Calls `each` with every namespace and the number of its living documents among those that `counts` takes.
    pub fn count_namespaces(&self, counts: impl Fn(Doc) -> bool, mut each: impl FnMut(&Arc<str>, u64)) {
        self.namespaces.count(self, counts, |namespace, count| each(namespace, count));
    }

    /// A whole document.
    ///
    /// # Errors
    /// [`IndexError::Read`], [`IndexError::Document`].
    pub fn document(&self, doc: Doc) -> Result<Document, IndexError> {
        let stored: TantivyDocument = self.store.get(doc).map_err(IndexError::read)?;
        let bytes = stored.iter_fields_and_values().find_map(|(field, value)| {
            let owned = (field == self.fields.document).then(|| OwnedValue::from(value));
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
        let column = |name| number(&self.reader, name).map_err(IndexError::read);
        let (high, low) = (column(columns.0)?, column(columns.1)?);
        for doc in (0..self.max_doc()).filter(|doc| self.is_alive(*doc)) {
            each(doc, u128::from(high.get_val(doc)) << 64 | u128::from(low.get_val(doc)));
        }
        Ok(())
    }

    /// Appends what a restart needs of every living document.
    pub(crate) fn held(&self, out: &mut Vec<HeldEntry>) -> Result<(), IndexError> {
        let column = |name| number(&self.reader, name).map_err(IndexError::read);
        let (key_high, key_low) = (self.keys.clone(), column("key_low")?);
        let (id_high, id_low) = (column("id_high")?, column("id_low")?);
        let (content, annotations) = (column("content")?, column("annotations")?);
        let version = column("version")?;
        let wide = |high: &Arc<dyn ColumnValues<u64>>, low: &Arc<dyn ColumnValues<u64>>, doc| {
            u128::from(high.get_val(doc)) << 64 | u128::from(low.get_val(doc))
        };
        let missing = IndexError::Document { what: "it has no kind or namespace" };
        for doc in (0..self.max_doc()).filter(|doc| self.is_alive(*doc)) {
            let (Some(kind), Some(namespace)) = (self.kinds.get(doc), self.namespaces.get(doc)) else {
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
