//! The file through whole lives: appended to, written anew, cut off at any byte, read by another process.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::document::Form;

const DIMENSIONS: usize = 3;

fn model() -> Model {
    Model { name: "small".to_owned(), dimensions: DIMENSIONS, place: "test".to_owned() }
}

fn hash(form: u8) -> FormHash {
    Form::new(&format!("form {form}")).hash()
}

/// The one vector that a form may ever have here.
fn vector(form: u8) -> Vector {
    Arc::from([f32::from(form), 1.0, -1.0])
}

fn cache(dir: &Path, storing: Storing) -> Cache {
    let mut cache = Cache::closed(dir, &model(), storing);
    cache.open().unwrap();
    cache
}

fn put(cache: &mut Cache, forms: &[u8]) {
    let made: Vec<_> = forms.iter().map(|form| (hash(*form), vector(*form))).collect();
    cache.put(&made).unwrap();
}

fn set(forms: &[u8]) -> HashSet<FormHash> {
    forms.iter().copied().map(hash).collect()
}

fn whole(cache: &Cache, live: &HashSet<FormHash>, seen: Extent) -> Rewrite {
    let mut rewrite = cache.rewrite(live, seen).unwrap().expect("a file to write anew");
    while !rewrite.step().unwrap() {}
    rewrite
}

/// The forms that have a vector; panics where one has another form's.
fn held(cache: &Cache) -> Vec<u8> {
    let own = |form: &u8| cache.get(hash(*form)).is_some_and(|found| found == vector(*form));
    let held: Vec<u8> = (0..=u8::MAX).filter(own).collect();
    assert_eq!(held.len(), cache.len(), "every place leads to the vector of its form");
    held
}

fn length(path: &Path) -> u64 {
    fs_err::metadata(path).unwrap().len()
}

#[test]
fn what_nobody_needs_goes_and_what_came_since_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = cache(dir.path(), Storing::Write);
    put(&mut writer, &[1, 2, 3, 4, 5, 6]);
    let seen = writer.extent();
    put(&mut writer, &[7, 8]);
    let rewrite = whole(&writer, &set(&[2, 5]), seen);
    assert!(writer.replace(rewrite).unwrap());
    assert_eq!(held(&writer), [2, 5, 7, 8]);
    assert_eq!(length(&writer.path), offset(&model(), 4));
    put(&mut writer, &[9]);
    assert_eq!(held(&cache(dir.path(), Storing::Write)), [2, 5, 7, 8, 9]);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs_err::metadata(&writer.path).unwrap().permissions().mode() & 0o777, 0o600);
    // What was seen of the old file says nothing about the new one.
    assert!(writer.rewrite(&set(&[]), seen).unwrap().is_none());
}

#[test]
fn another_process_follows_to_the_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = cache(dir.path(), Storing::Write);
    put(&mut writer, &[1, 2, 3]);
    let mut reader = cache(dir.path(), Storing::Read);
    assert_eq!(held(&reader), [1, 2, 3]);
    let rewrite = whole(&writer, &set(&[3]), writer.extent());
    assert!(writer.replace(rewrite).unwrap());
    assert_eq!(held(&reader), [1, 2, 3], "the old file is there for whoever has it open");
    // As long as the old one, so that the length tells nothing.
    put(&mut writer, &[4, 5]);
    reader.refresh().unwrap();
    assert_eq!(held(&reader), [3, 4, 5]);
    put(&mut writer, &[6]);
    reader.refresh().unwrap();
    assert_eq!(held(&reader), [3, 4, 5, 6]);
    fs_err::remove_file(&writer.path).unwrap();
    reader.refresh().unwrap();
    assert_eq!(held(&reader), [3, 4, 5, 6], "a removed file is read on");
}

#[test]
fn a_damaged_file_is_replaced_and_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = cache(dir.path(), Storing::Write);
    put(&mut writer, &[1, 2]);
    let mut reader = cache(dir.path(), Storing::Read);
    // The header alone is bent: what a reader has open still shows whole records.
    fs_err::OpenOptions::new().write(true).open(&writer.path).unwrap().file().write_all_at(b"x", 0).unwrap();
    let mut writer = cache(dir.path(), Storing::Write);
    put(&mut writer, &[2, 3]);
    reader.refresh().unwrap();
    assert_eq!(held(&reader), [2, 3]);
}

#[test]
fn a_rewrite_that_is_given_up_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = cache(dir.path(), Storing::Write);
    put(&mut writer, &[1, 2]);
    drop(writer.rewrite(&set(&[1]), writer.extent()).unwrap());
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
    // Another file was opened meanwhile: the directory was set aside, say.
    let rewrite = whole(&writer, &set(&[1]), writer.extent());
    writer.open().unwrap();
    assert!(!writer.replace(rewrite).unwrap());
    assert_eq!(held(&writer), [1, 2]);
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn who_may_not_write_has_nothing_to_tidy() {
    let dir = tempfile::tempdir().unwrap();
    put(&mut cache(dir.path(), Storing::Write), &[1, 2]);
    let reader = cache(dir.path(), Storing::Read);
    assert_eq!(reader.extent().records, 0);
    assert!(reader.rewrite(&set(&[]), reader.extent()).unwrap().is_none());
}

/// What happens to a file.
#[derive(Debug, Clone)]
enum Step {
    /// These forms get their vectors, in one write.
    Put(Vec<u8>),
    /// Only these are needed; so many are made between the look and the rewriting.
    Tidy(Vec<u8>, Vec<u8>),
    /// Killed while the file was being written anew: this much of the new one is there.
    KilledTidying(Vec<u8>, u16),
    /// Killed while a record was being written: this many bytes of it are there.
    Torn(u16),
    /// Another process looks.
    Look,
}

fn forms() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..40_u8, 0..12)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => forms().prop_map(Step::Put),
        2 => (forms(), forms()).prop_map(|(live, since)| Step::Tidy(live, since)),
        2 => (forms(), any::<u16>()).prop_map(|(live, cut)| Step::KilledTidying(live, cut)),
        1 => any::<u16>().prop_map(Step::Torn),
        3 => Just(Step::Look),
    ];
    prop::collection::vec(step, 1..24)
}

/// A writer, a reader in another process, and what must be there.
struct World {
    dir: tempfile::TempDir,
    writer: Cache,
    reader: Cache,
    /// In the order in which they stand.
    file: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (writer, reader) = (cache(dir.path(), Storing::Write), cache(dir.path(), Storing::Read));
        Self { dir, writer, reader, file: Vec::new() }
    }

    fn put(&mut self, forms: &[u8]) {
        // As the worker does: what is there is not made again.
        let new: Vec<u8> = forms.iter().copied().filter(|form| !self.file.contains(form)).collect();
        let mut new: Vec<u8> = new;
        new.sort_unstable();
        new.dedup();
        put(&mut self.writer, &new);
        self.file.extend(new);
    }

    fn restart(&mut self) {
        self.writer = cache(self.dir.path(), Storing::Write);
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Put(forms) => self.put(&forms),
            Step::Tidy(live, since) => {
                let seen = self.writer.extent();
                let old = self.file.clone();
                self.put(&since);
                let rewrite = whole(&self.writer, &set(&live), seen);
                assert!(self.writer.replace(rewrite).unwrap());
                self.file.retain(|form| live.contains(form) || !old.contains(form));
            }
            Step::KilledTidying(live, cut) => {
                let rewrite = whole(&self.writer, &set(&live), self.writer.extent());
                let unfinished = self.writer.path.with_added_extension("new");
                // A kill runs no destructor.
                std::mem::forget(rewrite);
                let written = length(&unfinished);
                let file = fs_err::OpenOptions::new().write(true).open(&unfinished).unwrap();
                file.set_len(u64::from(cut) % (written + 1)).unwrap();
                self.restart();
                assert!(!unfinished.exists());
            }
            Step::Torn(cut) => {
                let mut record = Vec::new();
                append(&mut record, hash(u8::MAX), &vector(u8::MAX));
                record.truncate(usize::from(cut) % record.len());
                let file = fs_err::OpenOptions::new().append(true).open(&self.writer.path);
                io::Write::write_all(&mut file.unwrap(), &record).unwrap();
                self.restart();
            }
            Step::Look => {
                self.reader.refresh().unwrap();
                assert_eq!(held(&self.reader), self.expected());
            }
        }
    }

    fn expected(&self) -> Vec<u8> {
        let mut forms = self.file.clone();
        forms.sort_unstable();
        forms
    }
}

proptest! {
    // Each history syncs files to the disk.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_vector_is_lost_or_wrong_whatever_happens_to_the_file(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            assert_eq!(held(&world.writer), world.expected());
            assert_eq!(length(&world.writer.path), offset(&model(), world.file.len() as u32));
        }
    }
}
