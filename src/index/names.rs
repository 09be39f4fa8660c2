//! The names of a segment's documents: in pieces of 8 bytes in a column, and once as many were read as there are, all
//! of them in memory one after the other, which is some ten times faster to read and takes 40 bytes each.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tantivy::columnar::Column;

use super::segment::Doc;

/// Fills up the last piece of a name: a byte that UTF-8 never has.
const PAD: u8 = 0xff;

/// A name in pieces of 8 bytes, as the column holds it: read for every candidate of a search, so it must
/// neither be decompressed nor looked up in a dictionary.
pub(crate) fn pieces(name: &str) -> impl Iterator<Item = u64> + '_ {
    name.as_bytes().chunks(8).map(|chunk| {
        let mut piece = [PAD; 8];
        piece[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(piece)
    })
}

/// The names of one segment.
pub(crate) struct Names {
    column: Column<u64>,
    /// How many names were read from the column.
    reads: AtomicU32,
    all: OnceLock<All>,
}

/// All names, one after the other.
struct All {
    text: String,
    /// Where each one ends.
    ends: Vec<u32>,
}

impl Names {
    pub(crate) fn new(column: Column<u64>) -> Self {
        Self { column, reads: AtomicU32::new(0), all: OnceLock::new() }
    }

    /// The name of a document; empty where the column was damaged. `buffer` may be used for it.
    pub(crate) fn get<'a>(&'a self, doc: Doc, buffer: &'a mut Vec<u8>) -> &'a str {
        if let Some(all) = self.all.get() {
            return all.get(doc).unwrap_or_default();
        }
        // a search that reads one page only, in a process that then ends, must not pay for all of them
        if self.reads.fetch_add(1, Ordering::Relaxed) == self.column.num_docs() {
            self.all.get_or_init(|| self.read_all());
        }
        self.read(doc, buffer)
    }

    fn read<'a>(&self, doc: Doc, buffer: &'a mut Vec<u8>) -> &'a str {
        buffer.clear();
        for piece in self.column.values_for_doc(doc) {
            buffer.extend_from_slice(&piece.to_le_bytes());
        }
        while buffer.last() == Some(&PAD) {
            buffer.pop();
        }
        std::str::from_utf8(buffer).unwrap_or_default()
    }

    fn read_all(&self) -> All {
        let mut all = All { text: String::new(), ends: Vec::with_capacity(self.column.num_docs() as usize) };
        let mut buffer = Vec::new();
        for doc in 0..self.column.num_docs() {
            all.text.push_str(self.read(doc, &mut buffer));
            let Ok(end) = u32::try_from(all.text.len()) else { break };
            all.ends.push(end);
        }
        all.text.shrink_to_fit();
        all
    }

    /// Whether all are in memory.
    #[cfg(test)]
    pub(crate) fn are_held(&self) -> bool {
        self.all.get().is_some()
    }

    /// The first 16 bytes of a name as two numbers that are ordered as they are.
    pub(crate) fn start(&self, doc: Doc) -> (u64, u64) {
        if let Some(all) = self.all.get() {
            let name = all.get(doc).unwrap_or_default().as_bytes();
            let mut start = [0; 16];
            let len = name.len().min(start.len());
            start[..len].copy_from_slice(&name[..len]);
            let start = u128::from_be_bytes(start);
            return ((start >> 64) as u64, start as u64);
        }
        let ordered = |piece: u64| {
            u64::from_be_bytes(piece.to_le_bytes().map(|byte| if byte == PAD { 0 } else { byte }))
        };
        let mut pieces = self.column.values_for_doc(doc).map(ordered);
        (pieces.next().unwrap_or(0), pieces.next().unwrap_or(0))
    }
}

impl All {
    fn get(&self, doc: Doc) -> Option<&str> {
        let end = *self.ends.get(doc as usize)? as usize;
        let start = doc.checked_sub(1).map_or(Some(0), |before| self.ends.get(before as usize).copied())?;
        self.text.get(start as usize..end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Checkpoint, Op, Schema, memory, tests::entry};

    fn start(name: &str) -> (u64, u64) {
        let mut bytes = name.bytes().chain(std::iter::repeat(0));
        let mut number = || (0..8).fold(0, |sum, _| sum << 8 | u64::from(bytes.next().unwrap_or_default()));
        (number(), number())
    }

    #[test]
    fn names_are_the_same_from_the_column_and_from_memory() {
        let names = ["a", "exactly8", "nine-char", "", "Äpfel-ß", "kube-root-ca.crt", "longer than sixteen"];
        let (mut writer, reader) = memory(Schema { version: 1 }).unwrap();
        for (nth, name) in (0..).zip(names) {
            let mut entry = entry(nth);
            entry.document.metadata.name = name.to_owned();
            writer.apply(Op::Upsert(Box::new(entry))).unwrap();
        }
        writer.commit(&Checkpoint::default()).unwrap();
        reader.reload().unwrap();
        let snapshot = reader.snapshot();
        let [segment] = snapshot.segments() else { panic!("one commit, one segment") };
        let mut buffer = Vec::new();
        for _ in 0..4 {
            let read: Vec<String> = (0..7).map(|doc| segment.name(doc, &mut buffer).to_owned()).collect();
            assert_eq!(read, names);
            assert!((0..7).all(|doc| segment.name_start(doc) == start(names[doc as usize])));
        }
        assert!(segment.holds_names());
        assert_eq!(segment.name(7, &mut buffer), "", "no such document");

        // What was read of a segment stays when a document is deleted from it.
        writer.apply(Op::Delete(entry(1).key)).unwrap();
        writer.commit(&Checkpoint::default()).unwrap();
        reader.reload().unwrap();
        let snapshot = reader.snapshot();
        let [segment] = snapshot.segments() else { panic!("still one segment") };
        assert!(segment.holds_names());
        assert_eq!((segment.dead(), segment.num_docs()), (&[1][..], 6));
        assert!((0..7).all(|doc| segment.is_alive(doc) == (doc != 1)));
    }
}
