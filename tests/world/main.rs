//! A simulated world: the real engine, client and mirror against the simulated API server and the strict store in
//! memory, on a paused clock, everything from one seed. A plain model (`judge`) says what must hold.
//!
//! ```text
//!   seed ──> History (steps as data) ──> World ──steps──> Cluster, store, machine, program
//!                                          └──observes──> Judge: wrong deletes, ghosts, untrue statements, storms
//! ```
//!
//! - `KUBESIFT_WORLD_SEED=17 cargo test --test world` plays one seed and tells each step.
//! - `KUBESIFT_WORLD=2000` plays so many; 200 are played otherwise, 10,000 with `KUBESIFT_LONG`, from another first seed
//!   each time.
//! - A history that fails is printed with its seed, and again with what is left of it when every step is left out that
//!   does not matter.
//!
//! A kill drops the runtime with everything that runs in it, at whatever await each task stands: the cluster and the
//! store live outside and go on in the next one. How far a replay is exact: one thread plays all, time is the runtime's,
//! and pauses are drawn from the seed. What is left to chance are the order in which hash maps are walked, which branch of
//! an unbiased `select!` comes first, and tantivy's threads (which change no outcome): a seed that failed fails again as a
//! rule, not by law.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and says why on the terminal"
)]

mod cluster;
mod dice;
mod draw;
mod faults;
mod history;
mod judge;
mod machine;
mod program;
mod quiet;
mod rights;
mod store;
mod weather;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use history::{History, LEFT_OUT};
use world::{Violation, play};

/// Histories of an ordinary run, and of a long one.
const ORDINARY: u64 = 200;
const LONG: u64 = 10_000;
/// Replays that may be spent on making a failing history smaller.
const SHRINKING: usize = 400;

/// Faults that histories have shown and that are not mended yet, by what is said of them: an ordinary run tells them and
/// goes on, a long one fails. Nothing that deletes wrongly or asks too much may stand here. Three of 200 showed one of them:
/// where more than one in [`OPEN_SHARE`] does, something new is wrong.
const OPEN: [(&str, &str); 3] = [
    (
        "is a ghost",
        "a start with another selection while etcd is restored, and a kind whose version changes (113, 226)",
    ),
    ("the mirror is not equal", "after a store that lied the next comparison may come later than the hour"),
    (
        "is said to be complete",
        "a kind of an aggregated API is called complete while one of its objects is missing",
    ),
];

/// See [`OPEN`].
const OPEN_SHARE: u64 = 25;

fn is_open(seed: u64, violation: &Violation) -> bool {
    let said = violation.to_string();
    let known = OPEN.iter().find(|(what, _)| said.contains(what));
    if let Some((_, why)) = known {
        println!("seed {seed} shows what is not mended yet: {why}");
    }
    known.is_some()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Plays histories on as many threads as there are cores; the seeds that failed, and how.
fn play_all(first: u64, count: u64) -> Vec<(u64, Violation)> {
    let next = AtomicU64::new(0);
    let failed = Mutex::new(Vec::new());
    let tells = std::env::var_os("KUBESIFT_WORLD_TELL").is_some();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let seed = first.wrapping_add(at);
                    let started = cpu_time::ThreadTime::now();
                    let played = play(&History::of(seed), false);
                    if tells {
                        println!("seed {seed} took {:.1} s of CPU", started.elapsed().as_secs_f64());
                    }
                    if let Err(violation) = played {
                        println!("seed {seed}: {violation}");
                        failed.lock().unwrap().push((seed, violation));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_by_key(|(seed, _)| *seed);
    failed
}

fn tell(history: &History, violation: &Violation) {
    println!("seed {}: {violation}", history.seed);
    for (at, step) in history.steps.iter().enumerate() {
        println!("  {at:3} {step:?}");
    }
}

/// Shrinks a failing history and prints what is left.
fn shrink(seed: u64, violation: Violation) {
    let history = History::of(seed);
    let last = Mutex::new(violation);
    let smallest = history.shrink(SHRINKING, |smaller| match play(smaller, false) {
        Ok(()) => false,
        Err(violation) => {
            // Another fault than the one that was found would lead elsewhere.
            let same = violation.rule == last.lock().unwrap().rule;
            if same {
                *last.lock().unwrap() = violation;
            }
            same
        }
    });
    tell(&smallest, &last.into_inner().unwrap());
}

#[test]
fn whatever_happens_nothing_is_wrongly_deleted_and_an_hour_later_all_is_right() {
    if let Some(seed) = number("KUBESIFT_WORLD_SEED") {
        let history = History::of(seed);
        if let Err(violation) = play(&history, true) {
            tell(&history, &violation);
            if number("KUBESIFT_WORLD_SHRINK").is_none_or(|shrunk| shrunk > 0) {
                shrink(seed, violation);
            }
            panic!("seed {seed} fails");
        }
        return;
    }
    let long = std::env::var_os("KUBESIFT_LONG").is_some();
    let count = number("KUBESIFT_WORLD").unwrap_or(if long { LONG } else { ORDINARY });
    let first = number("KUBESIFT_WORLD_FIRST");
    let first = first.unwrap_or(if long { std::process::id().into() } else { 0 });
    println!("histories {first} to {}", first + count);
    for left_out in LEFT_OUT {
        println!("not played: {}", left_out.why);
    }
    let (open, mut failed): (Vec<_>, Vec<_>) =
        play_all(first, count).into_iter().partition(|(seed, violation)| is_open(*seed, violation));
    if long || open.len() as u64 > 1 + count / OPEN_SHARE {
        failed.extend(open);
    }
    let shrunk = number("KUBESIFT_WORLD_SHRINK").unwrap_or(3);
    for (seed, violation) in failed.iter().take(usize::try_from(shrunk).unwrap()) {
        shrink(*seed, violation.clone());
    }
    let seeds: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
    assert!(
        seeds.is_empty(),
        "{} of {count} histories fail; each can be played again: KUBESIFT_WORLD_SEED=N cargo test{} --test world -- \
         --nocapture, where N is one of {seeds:?}",
        seeds.len(),
        if cfg!(debug_assertions) { "" } else { " --release" },
    );
}
