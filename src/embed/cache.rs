//! Vectors on disk: one file per model, appended to, every record with a checksum.
//!
//! ```text
//!   header (64 bytes): magic, identity of the model, dimensions, checksum
//!   record: form hash (16 bytes), numbers (4 bytes each, little endian), checksum (8 bytes)
//! ```
//!
//! Records have one length, so that a damaged one costs itself alone, and a torn one at the end (a process killed
//! while it wrote) is cut off by the next writer. In memory are only the places: 20 bytes a form.
//!
//! A file whose vectors nobody needs any more is written anew beside the old one and renamed over it
//! ([`rewrite`]); other processes notice that the name leads to another file.

mod rewrite;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use fs_err::File;
use fs_err::os::unix::fs::OpenOptionsExt;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{Model, Storing, Vector};
use crate::document::FormHash;
pub(super) use rewrite::Rewrite;

const MAGIC: &[u8; 20] = b"kubesift vectors v1\n";
const HEADER: usize = 64;
const HASH: usize = 16;
const CHECKSUM: usize = 8;

/// How far a file had grown when somebody looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Records in the file, damaged ones included; 0 for who may not write it.
    pub records: u32,
    /// Which file that was: each time one is opened or rewritten the records count anew.
    generation: u64,
}

/// The cache of one model; a closed one holds nothing.
#[derive(Debug)]
pub(super) struct Cache {
    path: PathBuf,
    model: Model,
    storing: Storing,
    /// `None` until opened, and for a reader while there is no usable file.
    file: Option<File>,
    places: HashMap<FormHash, u32>,
    /// Records in the file, damaged ones included.
    records: u32,
    /// Moves whenever `file` becomes another one.
    generation: u64,
}

impl Cache {
    /// A cache in this directory that is not opened yet.
    pub(super) fn closed(dir: &Path, model: &Model, storing: Storing) -> Self {
        let path = dir.join(model.file_name());
        let places = HashMap::new();
        Self { path, model: model.clone(), storing, file: None, places, records: 0, generation: 0 }
    }

    /// Reads what is stored. Says in one line when something was damaged, and is made again.
    pub(super) fn open(&mut self) -> io::Result<Option<String>> {
        (self.file, self.records) = (None, 0);
        self.places.clear();
        self.generation += 1;
        match self.storing {
            Storing::Write => self.open_to_write(),
            Storing::Read => self.open_to_read().map(|()| None),
        }
    }

    fn open_to_write(&mut self) -> io::Result<Option<String>> {
        rewrite::remove_unfinished(&self.path);
        let mut options = fs_err::OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        protect(&file)?;
        let length = file.metadata()?.len();
        if !self.has_header(&file)? {
            // Another file, so that nobody who reads this one takes new records for old ones.
            self.file = Some(rewrite::empty(&self.path, &self.model)?);
            let note = format!("{} was damaged; the vectors are made again", self.path.display());
            return Ok((length > 0).then_some(note));
        }
        let damaged = self.scan(&file)?;
        file.set_len(self.end())?;
        self.file = Some(file);
        let note = || format!("{damaged} vectors in {} were damaged and are made again", self.path.display());
        Ok((damaged > 0).then(note))
    }

    fn open_to_read(&mut self) -> io::Result<()> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if self.has_header(&file)? {
            self.scan(&file)?;
            self.file = Some(file);
        }
        Ok(())
    }

    fn has_header(&self, file: &File) -> io::Result<bool> {
        let mut found = [0; HEADER];
        match file.file().read_exact_at(&mut found, 0) {
            Ok(()) => Ok(found == header(&self.model)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the records behind those that are known; returns how many are damaged. Damaged ones at the end do not
    /// count: they were never finished.
    fn scan(&mut self, file: &File) -> io::Result<u32> {
        let mut reader = BufReader::new(file.try_clone()?);
        io::Seek::seek(&mut reader, io::SeekFrom::Start(self.end()))?;
        let mut record = vec![0; self.record_length()];
        let (mut at, mut torn, mut damaged) = (self.records, 0, 0);
        while read_whole(&mut reader, &mut record)? {
            at += 1;
            match parse(&record) {
                Some((hash, _)) => {
                    self.places.insert(hash, at - 1);
                    self.records = at;
                    damaged += torn;
                    torn = 0;
                }
                None => torn += 1,
            }
        }
        Ok(damaged)
    }

    /// The vector of a form.
    pub(super) fn get(&self, hash: FormHash) -> Option<Vector> {
        let place = *self.places.get(&hash)?;
        let mut record = vec![0; self.record_length()];
        let read = self.file.as_ref()?.file().read_exact_at(&mut record, self.offset(place));
        let (found, numbers) = read.ok().and_then(|()| parse(&record))?;
        // A file that changed under our hands counts as one that has no such vector.
        (found == hash).then_some(numbers)
    }

    /// Whether the form has a vector, without reading it.
    pub(super) fn contains(&self, hash: FormHash) -> bool {
        self.places.contains_key(&hash)
    }

    /// How many vectors there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Forms that have a vector.
    pub(super) fn hashes(&self) -> impl Iterator<Item = FormHash> {
        self.places.keys().copied()
    }

    /// A reader's look for what the writer has added meanwhile; costs two system calls when that is nothing.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        if self.storing == Storing::Write {
            return Ok(());
        }
        let Some(file) = &self.file else { return self.open_to_read() };
        let own = file.metadata()?;
        if self.is_replaced(&own)? || own.len() < self.end() {
            return self.open().map(|_| ());
        }
        if own.len() < self.offset(self.records + 1) {
            return Ok(());
        }
        let file = file.try_clone()?;
        self.scan(&file).map(|_| ())
    }

    /// Whether the writer has put another file in the place of this one. A removed one is read on.
    fn is_replaced(&self, own: &std::fs::Metadata) -> io::Result<bool> {
        match fs_err::metadata(&self.path) {
            Ok(there) => Ok((there.dev(), there.ino()) != (own.dev(), own.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How far the file has grown.
    pub(super) fn extent(&self) -> Extent {
        let records = if self.storing == Storing::Write { self.records } else { 0 };
        Extent { records, generation: self.generation }
    }

    /// Begins to write the file anew, without the vectors of other forms than these as far as they were there at
    /// `seen`. `None` where there is nothing to be rewritten: another file is open by now, or none to write.
    pub(super) fn rewrite(&self, live: &HashSet<FormHash>, seen: Extent) -> io::Result<Option<Rewrite>> {
        let (Some(file), Storing::Write) = (&self.file, self.storing) else { return Ok(None) };
        if seen.generation != self.generation {
            return Ok(None);
        }
        let kept = |hash: &FormHash, place: u32| place >= seen.records || live.contains(hash);
        let kept = self.places.iter().filter(|(hash, place)| kept(hash, **place));
        Rewrite::begin(self, file.try_clone()?, kept.map(|(hash, place)| (*hash, *place)).collect()).map(Some)
    }

    /// Takes a file that was written anew. `false` where another one was opened meanwhile.
    pub(super) fn replace(&mut self, new: Rewrite) -> io::Result<bool> {
        if new.generation() != self.generation {
            return Ok(false);
        }
        let (file, places) = new.put_in_place(&self.path)?;
        self.records = u32::try_from(places.len()).unwrap_or(u32::MAX);
        (self.file, self.places) = (Some(file), places);
        self.generation += 1;
        Ok(true)
    }

    /// Keeps vectors. On an error none of them is kept, and the file is as it was.
    pub(super) fn put(&mut self, made: &[(FormHash, Vector)]) -> io::Result<()> {
        let (Some(file), Storing::Write) = (&self.file, self.storing) else { return Ok(()) };
        let mut bytes = Vec::with_capacity(made.len() * self.record_length());
        for (hash, vector) in made {
            append(&mut bytes, *hash, vector);
        }
        if let Err(error) = file.file().write_all_at(&bytes, self.end()) {
            // Should this fail too: the next writer cuts the torn end off.
            file.set_len(self.end()).ok();
            return Err(error);
        }
        for (hash, _) in made {
            self.places.insert(*hash, self.records);
            self.records += 1;
        }
        Ok(())
    }

    fn record_length(&self) -> usize {
        record_length(&self.model)
    }

    fn offset(&self, place: u32) -> u64 {
        offset(&self.model, place)
    }

    fn end(&self) -> u64 {
        self.offset(self.records)
    }
}

fn record_length(model: &Model) -> usize {
    HASH + model.dimensions * 4 + CHECKSUM
}

fn offset(model: &Model, place: u32) -> u64 {
    HEADER as u64 + u64::from(place) * record_length(model) as u64
}

fn header(model: &Model) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let identity = format!("{}\n{}", model.name, model.place);
    bytes[..20].copy_from_slice(MAGIC);
    bytes[20..36].copy_from_slice(&xxh3_128(identity.as_bytes()).to_le_bytes());
    bytes[36..44].copy_from_slice(&(model.dimensions as u64).to_le_bytes());
    let checksum = xxh3_64(&bytes[..56]).to_le_bytes();
    bytes[56..].copy_from_slice(&checksum);
    bytes
}

fn append(bytes: &mut Vec<u8>, hash: FormHash, vector: &[f32]) {
    let start = bytes.len();
    bytes.extend(hash.0.to_le_bytes());
    vector.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    let checksum = xxh3_64(&bytes[start..]);
    bytes.extend(checksum.to_le_bytes());
}

fn parse(record: &[u8]) -> Option<(FormHash, Vector)> {
    let (body, checksum) = record.split_last_chunk::<CHECKSUM>()?;
    if xxh3_64(body) != u64::from_le_bytes(*checksum) {
        return None;
    }
    let (hash, numbers) = body.split_first_chunk::<HASH>()?;
    let (numbers, _) = numbers.as_chunks::<4>();
    let vector = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Some((FormHash(u128::from_le_bytes(*hash)), vector))
}

/// Fills the buffer; `false` at the end of the file, also when it ends within a record.
fn read_whole(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// 0600, whoever made it.
fn protect(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}
