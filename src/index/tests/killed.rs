//! `kill -9` at any moment: documents and checkpoint agree, and the lock is free.

use std::process::{Command, Stdio};
use std::time::Duration;

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
        }
        writer.commit(&checkpoint(epoch + 1)).unwrap();
    }
}

#[test]
fn documents_and_checkpoint_agree_after_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(dir.path(), "id").unwrap();
    let mut moment = 12_345u64;
    let mut epochs = BTreeSet::new();
    // a busy machine may need more rounds until a child gets anywhere
    for round in 0..100 {
        if round >= 12 && epochs.len() > 2 {
            break;
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "index::tests::killed::writes_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        await_start(&mut child);
        assert!(Lock::try_acquire(&store).unwrap().is_none(), "the child holds the lock");
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::park_timeout(Duration::from_micros(moment >> 33 & 0x1_ffff)); // up to 131 ms, any moment
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

fn await_start(child: &mut std::process::Child) {
    use std::io::{BufRead, BufReader};
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    assert!(lines.any(|line| line.contains("started")), "the child ended early");
}
