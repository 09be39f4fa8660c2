//! The fields of the index.

use tantivy::index::IndexSettings;
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, NumericOptions, SchemaBuilder, TextFieldIndexing,
    TextOptions,
};
use tantivy::store::Compressor;
use tantivy::tokenizer::TextAnalyzer;

use super::terms::Split;

/// Stored documents are compressed in blocks of this many bytes: a row costs one block, so they are small.
const BLOCK: usize = 8 * 1024;

/// Which documents a stored index must hold to be used: anything else is rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Hash of the document schema version and of the mapping rules (`document::SCHEMA_VERSION`,
    /// `Rules::version`). How this module lays fields out is counted by itself.
    pub version: u64,
}

/// tantivy's fields. Nothing is scored by tantivy: no frequencies, no norms.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    /// Term: the entry's key, for deletes.
    pub(crate) key: Field,
    /// Columns: the key's halves, and those of the id's hash.
    pub(crate) key_high: Field,
    pub(crate) key_low: Field,
    pub(crate) id_high: Field,
    pub(crate) id_low: Field,
    /// Columns: the fingerprint, and the resourceVersion (0: unknown).
    pub(crate) content: Field,
    pub(crate) annotations: Field,
    pub(crate) version: Field,
    /// Term and column: `plural.group`.
    pub(crate) kind: Field,
    /// Term and column: the namespace (`_cluster` for cluster-scoped kinds).
    pub(crate) namespace: Field,
    /// Term and column: `apiVersion/Kind`, the middle of an id.
    pub(crate) api: Field,
    /// Column: order among equal scores, smaller first; see `rank`.
    pub(crate) rank: Field,
    /// Column, many values: the name in pieces of 8 bytes; see `names`.
    pub(crate) name: Field,
    /// Terms of the name; see `terms`.
    pub(crate) gram: Field,
    /// Terms of what else a word searches and many documents do not share; see `terms`.
    pub(crate) part: Field,
    /// Terms: `key` and `key=value` of every label, as they are (keys have no `=`).
    pub(crate) label: Field,
    /// Terms: the same of every annotation; see `facts::pair`.
    pub(crate) annotation: Field,
    /// Terms: every owner by name; see `facts::owner`.
    pub(crate) owner: Field,
    /// Terms: every owner's uid, the upper half of its bits.
    pub(crate) owner_uid: Field,
    /// Terms: what an object is or has; see `facts::Flag`.
    pub(crate) flag: Field,
    /// Columns: the halves of the uid's bits; see `facts::uid_bits`.
    pub(crate) uid_high: Field,
    pub(crate) uid_low: Field,
    /// Stored: the document, encoded by `codec`.
    pub(crate) document: Field,
}

impl Fields {
    /// The schema. Reserved, written by nobody yet: `touched` (time of the newest touch), `toucher` (its
    /// manager), `gone` (time of deletion). A column without values takes no space. Creation times are part of
    /// `rank`; the generation selects nothing and is stored with the document alone.
    pub(crate) fn new() -> (tantivy::schema::Schema, Fields) {
        let mut b = SchemaBuilder::default();
        let text = |tokenizer: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false);
            TextOptions::default().set_indexing_options(indexing)
        };
        let column = || NumericOptions::from(FAST);
        let fields = Fields {
            key: b.add_bytes_field("key", BytesOptions::default().set_indexed()),
            key_high: b.add_u64_field("key_high", column()),
            key_low: b.add_u64_field("key_low", column()),
            id_high: b.add_u64_field("id_high", column()),
            id_low: b.add_u64_field("id_low", column()),
            content: b.add_u64_field("content", column()),
            annotations: b.add_u64_field("annotations", column()),
            version: b.add_u64_field("version", column()),
            kind: b.add_text_field("kind", text("raw").set_fast("raw")),
            namespace: b.add_text_field("namespace", text("raw").set_fast("raw")),
            api: b.add_text_field("api", text("raw").set_fast("raw")),
            rank: b.add_u64_field("rank", column()),
            name: b.add_u64_field("name", column()),
            gram: b.add_text_field("gram", text("split")),
            part: b.add_text_field("part", text("split")),
            label: b.add_text_field("label", text("raw")),
            annotation: b.add_text_field("annotation", text("raw")),
            owner: b.add_text_field("owner", text("raw")),
            owner_uid: b.add_bytes_field("owner_uid", BytesOptions::default().set_indexed()),
            flag: b.add_text_field("flag", text("raw")),
            uid_high: b.add_u64_field("uid_high", column()),
            uid_low: b.add_u64_field("uid_low", column()),
            document: b.add_bytes_field("document", BytesOptions::default().set_stored()),
        };
        b.add_u64_field("touched", column());
        b.add_text_field("toucher", text("raw").set_fast("raw"));
        b.add_u64_field("gone", column());
        (b.build(), fields)
    }
}

/// Makes the tokenizers known, which tantivy does not store.
pub(crate) fn prepare(index: &tantivy::Index) {
    index.tokenizers().register("split", TextAnalyzer::from(Split::default()));
}

/// How documents are stored.
pub(crate) fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::Lz4,
        docstore_blocksize: BLOCK,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}
