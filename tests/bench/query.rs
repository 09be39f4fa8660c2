//! Queries typed letter by letter over a generated index: build time, size, opening, p50/p99 of each kind of
//! query, memory. `cargo bench --bench query [-- N [directory]]`, N documents (100,000 by default). Prints Markdown;
//! with `VERBOSE` set, the times of every single query as well; with `ONLY` set, only the forms that have it in their name.
//!
//! One thread asks; every prefix of every query counts as one key press: the answer is the first 100 rows with their
//! documents and reasons, and the count (exact unless a first letter stops at 10,000). Beside the elapsed time stands the CPU time of that thread, which other
//! work on the machine does not change much.

#![allow(
    dead_code,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark prints its figures"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use kubesift::index::{Checkpoint, Lock, Op, Reader, Schema, Store, Writer};
use kubesift::query::parse;
use kubesift::search::{Catalog, Options, Searcher};
#[path = "generate.rs"]
mod generate;
#[path = "report.rs"]
mod report;
#[path = "typed.rs"]
mod typed;

use report::{Table, Times, millis, seconds};

type Failure = Box<dyn std::error::Error>;

/// Key presses after one that warms, for each query.
const PRESSES: usize = 20;

/// When the questions are asked, seconds since 1970: shortly after the youngest object was made.
const NOW: i64 = 1_775_100_000;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let objects: u64 = args.next().map_or(Ok(100_000), |n| n.replace([',', '_'], "").parse())?;
    let dir: PathBuf = args.next().map_or_else(|| std::env::temp_dir().join("kubesift-bench"), Into::into);
    if dir.exists() {
        fs_err::remove_dir_all(&dir)?;
    }
    let store = Store::locate(&dir, "bench")?;
    let title = format!("{objects} generated documents (`tests/bench/run query`)");
    let table = Table::start(&title, &["the index itself", "measured"]);
    build(&store, objects, &table)?;
    open(&store, &table)?;
    update(&store, objects, &table)?;
    ask(&store, objects)?;
    println!("\nRssAnon at the end: {}.", memory("RssAnon"));
    fs_err::remove_dir_all(&dir)?;
    Ok(())
}

fn build(store: &Store, objects: u64, table: &Table) -> Result<(), Failure> {
    let lock = Lock::try_acquire(store)?.ok_or("the index is locked")?;
    let (started, cpu) = (Instant::now(), process_cpu());
    let (mut writer, _) = Writer::open(store, lock, Schema { version: 1 })?;
    let mut generating = Duration::ZERO;
    for n in 0..objects {
        let each = Instant::now();
        let entry = Box::new(generate::entry(n, objects));
        generating += each.elapsed();
        writer.apply(Op::Upsert(entry))?;
    }
    writer.commit(&Checkpoint::default())?;
    let took = started.elapsed().saturating_sub(generating);
    let reader = writer.reader();
    reader.reload()?;
    let segments = reader.snapshot().segments().len();
    row(table, "built to the commit, generating left out", format!("{}, {segments} segments", seconds(took)));
    drop(reader);
    writer.settle()?;
    let took = started.elapsed().saturating_sub(generating);
    let cpu = process_cpu().saturating_sub(cpu);
    row(table, "built, merges done", format!("{}; CPU with generating {}", seconds(took), seconds(cpu)));
    row(
        table,
        "memory after the merges",
        format!("RssAnon {}, VmHWM {}", memory("RssAnon"), memory("VmHWM")),
    );
    drop(writer);
    row(table, "size on disk", format!("{} MB", size(store.dir())? / 1_000_000));
    Ok(())
}

fn open(store: &Store, table: &Table) -> Result<(), Failure> {
    let started = Instant::now();
    let reader = Reader::open(store)?;
    let opened = started.elapsed();
    let searcher = Searcher::new(reader.clone(), Arc::new(Catalog::new(generate::kinds())));
    searcher.search(&parse("checkout")?, &Options::default())?;
    let answered = started.elapsed();
    row(table, "opened; to the first result", format!("{}; {}", millis(opened), millis(answered)));
    let started = Instant::now();
    reader.snapshot().held()?;
    row(table, "what a restart needs of every entry", millis(started.elapsed()));
    let started = Instant::now();
    searcher.counts();
    row(table, "counts per kind", millis(started.elapsed()));
    Ok(())
}

/// Changes as they arrive in a living cluster: 20 updates, commit, reload.
fn update(store: &Store, objects: u64, table: &Table) -> Result<(), Failure> {
    let lock = Lock::try_acquire(store)?.ok_or("the index is locked")?;
    let started = Instant::now();
    let (mut writer, opened) = Writer::open(store, lock, Schema { version: 1 })?;
    row(table, "opened for writing, checksums read", millis(started.elapsed()));
    assert_eq!(opened.rebuilt, None);
    let reader = writer.reader();
    let mut times = Times::default();
    for round in 0..100u64 {
        let started = Instant::now();
        for n in 0..20 {
            let mut entry = generate::entry((round * 7919 + n * 131) % objects, objects);
            entry.document.local.generation += 1;
            writer.apply(Op::Upsert(Box::new(entry)))?;
        }
        writer.commit(&Checkpoint::default())?;
        reader.reload()?;
        times.push(started.elapsed());
    }
    let [p50, p99, _] = times.quantiles();
    row(table, "20 updates + commit + reload, p50; p99", format!("{p50}; {p99}"));
    row(table, "memory with writer and reader", format!("RssAnon {}", memory("RssAnon")));
    Ok(())
}

fn ask(store: &Store, objects: u64) -> Result<(), Failure> {
    let reader = Reader::open(store)?;
    let segments = reader.snapshot().segments().len();
    let searcher = Searcher::new(reader, Arc::new(Catalog::new(generate::kinds())));
    let options = Options { now: Some(NOW), ..Options::default() };
    let title = format!("Queries over {objects} documents in {segments} segments, each key press");
    let table =
        Table::start(&title, &["query", "p50", "p99", "max", "CPU p50", "CPU p99", "CPU max", "presses"]);
    let only = std::env::var("ONLY").unwrap_or_default();
    for (name, queries) in typed::forms().into_iter().filter(|(name, _)| name.contains(&only)) {
        let (mut elapsed, mut cpu) = (Times::default(), Times::default());
        for (text, query) in &queries {
            // once to warm; half a kind is no kind
            let Ok(answer) = searcher.search(query, &options) else { continue };
            let (mut own_elapsed, mut own_cpu) = (Times::default(), Times::default());
            for _ in 0..PRESSES {
                let (used, started) = (ThreadTime::now(), Instant::now());
                std::hint::black_box(searcher.search(query, &options)?);
                own_elapsed.push(started.elapsed());
                own_cpu.push(used.elapsed());
            }
            if std::env::var_os("VERBOSE").is_some() {
                let plus = if answer.total.exact { " " } else { "+" };
                eprintln!(
                    "{:>9} CPU p50, {:>7}{plus} found: {text}",
                    millis(own_cpu.at(0.5)),
                    answer.total.count
                );
            }
            elapsed.extend(own_elapsed);
            cpu.extend(own_cpu);
        }
        timed(&table, name, &elapsed, &cpu);
    }
    beside(&searcher, &options, &table)
}

/// What a screen asks beside its rows.
fn beside(searcher: &Searcher, options: &Options, table: &Table) -> Result<(), Failure> {
    let exact = Options { exact: true, limit: 0, ..options.clone() };
    let queries: Vec<_> = ["a", "e", "checkout", "kind:pod", "team=payments", "api production"]
        .into_iter()
        .map(parse)
        .collect::<Result<_, _>>()?;
    measure(table, "exact count", &queries, |query| searcher.search(query, &exact).is_ok());
    let facets = |query: &_| searcher.facets(query, &exact, Some("team")).is_ok();
    measure(table, "facets: kinds, namespaces, labels", &queries, facets);
    let typed: Vec<&str> =
        "kind:d;ns:check;label:app;team=;owner:deploy/check;anno:;che;web kind:po".split(';').collect();
    let complete = |text: &&str| searcher.complete(text, text.len()).is_ok();
    measure(table, "completion", &typed, complete);
    Ok(())
}

fn measure<T>(table: &Table, name: &str, all: &[T], ask: impl Fn(&T) -> bool) {
    let (mut elapsed, mut cpu) = (Times::default(), Times::default());
    for one in all {
        for _ in 0..PRESSES {
            let (used, started) = (ThreadTime::now(), Instant::now());
            assert!(std::hint::black_box(ask(one)));
            elapsed.push(started.elapsed());
            cpu.push(used.elapsed());
        }
    }
    timed(table, name, &elapsed, &cpu);
}

fn timed(table: &Table, name: &str, elapsed: &Times, cpu: &Times) {
    let cells = [vec![name.to_owned()], elapsed.quantiles().to_vec(), cpu.quantiles().to_vec()];
    table.row(&[cells.concat(), vec![elapsed.len().to_string()]].concat());
}

fn row(table: &Table, what: &str, measured: String) {
    table.row(&[what.to_owned(), measured]);
}

/// CPU time of this process with its threads, also those that ended; counted in hundredths of a second.
fn process_cpu() -> Duration {
    let stat = fs_err::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().into_iter().flat_map(str::split_whitespace);
    let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

fn memory(field: &str) -> String {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    report::megabytes(kb.map(|kb| kb / 1024.0))
}

fn size(dir: &std::path::Path) -> Result<u64, Failure> {
    let mut sum = 0;
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}
