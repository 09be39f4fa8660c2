//! `kill -9` at any moment: documents and checkpoint agree, and the lock is free.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};

use super::*;

const DIRECTORY: &str = "KUBESIFT_TEST_KILLED_IN";

/// Objects of one commit.
const BATCH: u64 = 25;

/// Not a test of its own: what `documents_and_checkpoint_agree_after_kill_9` starts and kills.
#[test]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIRECTORY) else { return };
    let store = Store::locate(Path::new(&dir), "id").unwrap();
    let (mut writer, opened) = open(&store);
    println!("started"); // tells the parent that the lock is held
    for epoch in opened.checkpoint.epoch.. {
        for nth in epoch * BATCH..(epoch + 1) * BATCH {
            writer.apply(upsert(nth)).unwrap();
            // every object is replaced once by the next batch, and the one before that goes
            writer.apply(upsert(nth.saturating_sub(BATCH))).unwrap();
            println!("applied"); // the parent counts these, and kills at one of them or a little later
        }
        writer.commit(&checkpoint(epoch + 1)).unwrap();
        println!("committed");
    }
}

#[test]
fn documents_and_checkpoint_agree_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(dir.path(), "id").unwrap();
    let mut moment = 12_345u64;
    let mut epochs = BTreeSet::new();
    for _ in 0..16 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "index::tests::killed::writes_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Lines::of(child.stdout.take().unwrap());
        lines.skip_to("started");
        assert!(Lock::try_acquire(&store).unwrap().is_none(), "the child holds the lock");
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // anywhere in the first four commits; the pipe holds more lines than that, so the child does not wait for us
        (0..(moment >> 33) % (4 * (BATCH + 1))).for_each(|_| lines.next());
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it was killed and did not fail");

        let reader = Reader::open(&store).unwrap();
        let checkpoint = reader.checkpoint();
        let held = reader.snapshot().held().unwrap();
        assert_eq!(held.len() as u64, checkpoint.epoch * BATCH);
        assert_eq!(versions(&held), (1..=checkpoint.epoch * BATCH).collect());
        let (writer, opened) = open(&store);
        // Before the first commit there is no schema to read.
        assert_eq!(opened.rebuilt, None);
        assert_eq!(
            (opened.checkpoint.epoch, &opened.checkpoint.scopes),
            (checkpoint.epoch, &checkpoint.scopes)
        );
        assert_eq!(writer.held().unwrap().len(), held.len());
        epochs.insert(checkpoint.epoch);
    }
    assert!(epochs.len() > 2, "it was killed before it did anything: {epochs:?}");
}

/// What the child says.
struct Lines(std::io::Lines<BufReader<ChildStdout>>);

impl Lines {
    fn of(stdout: ChildStdout) -> Self {
        Self(BufReader::new(stdout).lines())
    }

    fn next(&mut self) {
        assert!(matches!(self.0.next(), Some(Ok(_))), "the child ended early");
    }

    fn skip_to(&mut self, word: &str) {
        assert!(
            self.0.by_ref().map_while(Result::ok).any(|line| line.contains(word)),
            "the child ended early"
        );
    }
}
