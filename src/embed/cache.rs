//! Vectors on disk: one file per model, appended to, every record with a checksum.
//!
//! ```text
//!   header (64 bytes): magic, identity of the model, dimensions, checksum
//!   record: form hash (16 bytes), numbers (4 bytes each, little endian), checksum (8 bytes)
//! ```
//!
//! Records have one length, so that a damaged one costs itself alone, and a torn one at the end (a process killed
//! while it wrote) is cut off by the next writer. In memory are only the places: 20 bytes a form.

use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use fs_err::File;
use fs_err::os::unix::fs::OpenOptionsExt;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{Model, Storing, Vector};
use crate::document::FormHash;

const MAGIC: &[u8; 20] = b"kubesift vectors v1\n";
const HEADER: usize = 64;
const HASH: usize = 16;
const CHECKSUM: usize = 8;

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
}

impl Cache {
    /// A cache in this directory that is not opened yet.
    pub(super) fn closed(dir: &Path, model: &Model, storing: Storing) -> Self {
        let path = dir.join(model.file_name());
        Self { path, model: model.clone(), storing, file: None, places: HashMap::new(), records: 0 }
    }

    /// Reads what is stored. Says in one line when something was damaged, and is made again.
    pub(super) fn open(&mut self) -> io::Result<Option<String>> {
        (self.file, self.records) = (None, 0);
        self.places.clear();
        match self.storing {
            Storing::Write => self.open_to_write(),
            Storing::Read => self.open_to_read().map(|()| None),
        }
    }

    fn open_to_write(&mut self) -> io::Result<Option<String>> {
        let mut options = fs_err::OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        protect(&file)?;
        let length = file.metadata()?.len();
        if !self.has_header(&file)? {
            file.set_len(0)?;
            file.file().write_all_at(&header(&self.model), 0)?;
            self.file = Some(file);
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

    /// A reader's look for what the writer has added meanwhile; costs one system call when that is nothing.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        match &self.file {
            _ if self.storing == Storing::Write => Ok(()),
            None => self.open_to_read(),
            Some(file) => {
                let more = file.metadata()?.len() >= self.offset(self.records + 1);
                let file = if more { Some(file.try_clone()?) } else { None };
                file.map_or(Ok(()), |file| self.scan(&file).map(|_| ()))
            }
        }
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
        HASH + self.model.dimensions * 4 + CHECKSUM
    }

    fn offset(&self, place: u32) -> u64 {
        HEADER as u64 + u64::from(place) * self.record_length() as u64
    }

    fn end(&self) -> u64 {
        self.offset(self.records)
    }
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
