//! Writing a file of vectors anew: what is kept goes to a second file, which is renamed over the first when all of it is
//! on disk. A process that is killed at any moment leaves the old file or the new one, whole.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use fs_err::File;
use fs_err::os::unix::fs::OpenOptionsExt;

use super::{Cache, header, offset, parse, record_length};
use crate::document::FormHash;
use crate::embed::Model;

/// Records copied at a time: some megabytes, between which others have their turn.
const STEP: usize = 1_000;

/// A file on its way. Dropped before it is in place, it goes.
#[derive(Debug)]
pub(in crate::embed) struct Rewrite {
    source: File,
    model: Model,
    generation: u64,
    target: Unfinished,
    /// What is kept, in the order in which it stands; and how much of it was copied.
    kept: Vec<(FormHash, u32)>,
    copied: usize,
    places: HashMap<FormHash, u32>,
}

impl Rewrite {
    pub(super) fn begin(cache: &Cache, source: File, mut kept: Vec<(FormHash, u32)>) -> io::Result<Self> {
        kept.sort_unstable_by_key(|(_, place)| *place);
        Ok(Self {
            source,
            model: cache.model.clone(),
            generation: cache.generation,
            target: Unfinished::new(&cache.path, &cache.model)?,
            places: HashMap::with_capacity(kept.len()),
            kept,
            copied: 0,
        })
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Copies some records; whether that were the last.
    pub(in crate::embed) fn step(&mut self) -> io::Result<bool> {
        let mut record = vec![0; record_length(&self.model)];
        for (hash, place) in self.kept.iter().skip(self.copied).take(STEP) {
            self.source.file().read_exact_at(&mut record, offset(&self.model, *place))?;
            // One that was damaged on disk is made again.
            if parse(&record).is_some_and(|(found, _)| found == *hash) {
                self.places.insert(*hash, u32::try_from(self.places.len()).unwrap_or(u32::MAX));
                self.target.file.write_all(&record)?;
            }
        }
        self.copied = (self.copied + STEP).min(self.kept.len());
        Ok(self.copied == self.kept.len())
    }

    /// Has the new file stand under the name of the old one, whatever happens from now on.
    pub(super) fn put_in_place(self, path: &Path) -> io::Result<(File, HashMap<FormHash, u32>)> {
        debug_assert_eq!(self.copied, self.kept.len(), "not all of it was copied");
        Ok((self.target.put_in_place(path)?, self.places))
    }
}

/// A file without a record, in the place of whatever is there.
pub(super) fn empty(path: &Path, model: &Model) -> io::Result<File> {
    Unfinished::new(path, model)?.put_in_place(path)
}

/// Removes what a killed process did not finish.
pub(super) fn remove_unfinished(path: &Path) {
    // There is none, or it is written over by the next one.
    fs_err::remove_file(unfinished(path)).ok();
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

/// A file that nobody reads yet, removed unless it is put in place.
#[derive(Debug)]
struct Unfinished {
    file: BufWriter<File>,
    path: PathBuf,
    in_place: bool,
}

impl Unfinished {
    fn new(path: &Path, model: &Model) -> io::Result<Self> {
        let path = unfinished(path);
        let mut options = fs_err::OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let mut own = Self { file: BufWriter::new(file), path, in_place: false };
        own.file.write_all(&header(model))?;
        Ok(own)
    }

    fn put_in_place(mut self, path: &Path) -> io::Result<File> {
        self.file.flush()?;
        let file = self.file.get_ref().try_clone()?;
        // Its content first: a name that leads to half a file is what a loss of power would leave.
        file.sync_all()?;
        fs_err::rename(&self.path, path)?;
        self.in_place = true;
        if let Some(dir) = path.parent() {
            // The name is right whether or not this comes to the disk: old and new file are both whole.
            File::open(dir).and_then(|dir| dir.sync_all()).ok();
        }
        Ok(file)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.in_place {
            fs_err::remove_file(&self.path).ok();
        }
    }
}
