//! Queries typed letter by letter over a generated index: build time, size, opening, p50/p99 of each kind of
//! query, memory. `cargo bench --bench query [-- N [directory]]`, N documents (100,000 by default).
//!
//! One thread asks; every prefix of every query counts as one key press: the answer is the first 100 rows with their
//! documents and reasons, and the exact count.

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

use kubesift::index::{Checkpoint, Lock, Op, Reader, Schema, Store, Writer};
use kubesift::query::{Expr, Pattern, Query, Selector, SelectorOp, Term, Value};
use kubesift::search::{Catalog, Options, Searcher};
#[path = "generate.rs"]
mod generate;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let objects: u64 = args.next().map_or(Ok(100_000), |n| n.replace([',', '_'], "").parse())?;
    let dir: PathBuf = args.next().map_or_else(|| std::env::temp_dir().join("kubesift-bench"), Into::into);
    if dir.exists() {
        fs_err::remove_dir_all(&dir)?;
    }
    println!("{objects} documents in {}", dir.display());
    let store = Store::locate(&dir, "bench")?;
    build(&store, objects)?;
    open(&store)?;
    update(&store, objects)?;
    ask(&store)?;
    println!("{:<44}{:>10}", "RssAnon at the end", rss());
    fs_err::remove_dir_all(&dir)?;
    Ok(())
}

fn build(store: &Store, objects: u64) -> Result<(), Failure> {
    let schema = Schema { version: 1 };
    let lock = Lock::try_acquire(store)?.ok_or("the index is locked")?;
    println!("{:<44}{:>10}", "RssAnon at the start", rss());
    let started = Instant::now();
    let generated: Duration = {
        let each = Instant::now();
        (0..objects.min(20_000)).for_each(|n| drop(std::hint::black_box(generate::entry(n, objects))));
        each.elapsed() * u32::try_from(objects / objects.clamp(1, 20_000))?
    };
    let started = started + started.elapsed();
    let (mut writer, _) = Writer::open(store, lock, schema)?;
    for n in 0..objects {
        writer.apply(Op::Upsert(Box::new(generate::entry(n, objects))))?;
    }
    writer.commit(&Checkpoint::default())?;
    let committed = started.elapsed();
    println!("{:<44}{:>10}", "build, to the commit (generating included)", ms(committed));
    println!("{:<44}{:>10}", "  of that generating", ms(generated));
    println!("{:<44}{:>10}", "RssAnon after the commit", rss());
    let snapshot = writer.reader();
    snapshot.reload()?;
    println!("{:<44}{:>10}", "segments after the commit", snapshot.snapshot().segments().len());
    drop(snapshot);
    writer.settle()?;
    println!("{:<44}{:>10}", "build, merges done", ms(started.elapsed()));
    println!("{:<44}{:>10}", "RssAnon after the merges", rss());
    println!("{:<44}{:>10}", "VmHWM", status("VmHWM"));
    drop(writer);
    println!("{:<44}{:>7} MB", "size on disk", size(store.dir())? / 1_000_000);
    let mut parts: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for file in fs_err::read_dir(store.dir().join("tantivy"))? {
        let file = file?;
        let ext = file.path().extension().unwrap_or_default().to_string_lossy().into_owned();
        *parts.entry(ext).or_default() += file.metadata()?.len();
    }
    for (ext, len) in parts {
        println!("{:<44}{:>7} kB", format!("  .{ext}"), len / 1000);
    }
    Ok(())
}

fn open(store: &Store) -> Result<(), Failure> {
    let started = Instant::now();
    let reader = Reader::open(store)?;
    let opened = started.elapsed();
    println!("{:<44}{:>10}", "segments", reader.snapshot().segments().len());
    let searcher = Searcher::new(reader.clone(), Arc::new(Catalog::new(generate::kinds())));
    searcher.search(&word("checkout"), &Options::default())?;
    println!("{:<44}{:>10}", "open", ms(opened));
    println!("{:<44}{:>10}", "open to first result", ms(started.elapsed()));
    let started = Instant::now();
    let held = reader.snapshot().held()?;
    println!("{:<44}{:>10}", format!("held ({})", held.len()), ms(started.elapsed()));
    let started = Instant::now();
    searcher.counts();
    println!("{:<44}{:>10}", "counts per kind", ms(started.elapsed()));
    Ok(())
}

/// Changes as they arrive in a living cluster: 20 updates, commit, reload.
fn update(store: &Store, objects: u64) -> Result<(), Failure> {
    let lock = Lock::try_acquire(store)?.ok_or("the index is locked")?;
    let started = Instant::now();
    let (mut writer, opened) = Writer::open(store, lock, Schema { version: 1 })?;
    println!("{:<44}{:>10}", "writer reopened, checksums read", ms(started.elapsed()));
    assert_eq!(opened.rebuilt, None);
    let reader = writer.reader();
    let mut times = Vec::new();
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
    report("20 updates + commit + reload", &mut times);
    println!("{:<44}{:>10}", "segments", reader.snapshot().segments().len());
    println!("{:<44}{:>10}", "RssAnon with writer and reader", rss());
    Ok(())
}

fn ask(store: &Store) -> Result<(), Failure> {
    let reader = Reader::open(store)?;
    let searcher = Searcher::new(reader, Arc::new(Catalog::new(generate::kinds())));
    let options = Options::default();
    println!("{:<44}{:>10}{:>10}{:>10}{:>8}", "query, each key press", "p50", "p99", "max", "n");
    for (name, queries) in queries() {
        let mut times = Vec::new();
        for query in &queries {
            searcher.search(query, &options)?; // once to warm
            for _ in 0..5 {
                let started = Instant::now();
                std::hint::black_box(searcher.search(query, &options)?);
                times.push(started.elapsed());
            }
        }
        report(name, &mut times);
        if std::env::var_os("VERBOSE").is_some() {
            for (query, times) in queries.iter().zip(times.chunks(5)) {
                let answer = searcher.search(query, &options)?;
                println!("    {:?} {:?} {}", query.root, times, answer.total.count);
            }
        }
    }
    Ok(())
}

fn queries() -> Vec<(&'static str, Vec<Query>)> {
    let words: Vec<&str> = "checkout payment-api postgres prometheus web-frontend ingress redis cart-worker \
        kube-root-ca coredns default production certificate istio grafana-operator system:node app.kubernetes.io/name"
        .split(' ')
        .collect();
    let typed = |word: &str| -> Vec<String> { (1..=word.len()).map(|len| word[..len].to_owned()).collect() };
    let all: Vec<String> = words.iter().flat_map(|word| typed(word)).collect();
    let of = |min: usize, max: usize| -> Vec<Query> {
        all.iter().filter(|w| (min..=max).contains(&w.len())).map(|w| word(w)).collect()
    };
    let alphabet = ('a'..='z').chain('0'..='9').map(|c| word(&c.to_string())).collect();
    let pairs = "ap pr po we se co in te ma st de se re sh ku 7d 0a".split(' ').map(word).collect();
    let with = |filter: Vec<Term>| -> Vec<Query> {
        let terms = |w: &String| {
            let all = filter.iter().cloned().chain([Term::Word(w.clone())]).map(|t| Expr::Term(t, 0..0));
            query(Expr::And(all.collect()))
        };
        all.iter().map(terms).collect()
    };
    let kind = Term::Kind(vec![Value { pattern: Pattern::Exact("pod".into()), span: 0..0 }]);
    let namespace = Term::Namespace(vec![Pattern::Exact("checkout-production".into())]);
    let label = |op| Term::Label(Selector { key: "app.kubernetes.io/name".into(), op });
    let second = |first: &str| {
        all.iter()
            .map(|w| query(Expr::And(vec![term(Term::Word(first.into())), term(Term::Word(w.clone()))])))
            .collect::<Vec<_>>()
    };
    let not = |t: Term| Expr::Not(Box::new(term(t)));
    vec![
        ("word, first letter a-z 0-9", alphabet),
        ("word, common pairs of letters", pairs),
        ("word, 1 to 3 letters", of(1, 3)),
        ("word, 4 letters and more", of(4, 99)),
        (
            "word, letters within names",
            "eckout rontend ostgre ation ervice 8f9 -api- -0 roduction uction"
                .split(' ')
                .flat_map(typed)
                .map(|w| word(&w))
                .collect(),
        ),
        (
            "word, timestamps and hashes",
            "2026 2026-03 2026-03-02 7d9f 5b6c8 sha256 true"
                .split(' ')
                .flat_map(typed)
                .map(|w| word(&w))
                .collect(),
        ),
        ("second word after 'api'", second("api")),
        ("second word after 'production'", second("production")),
        ("kind + word", with(vec![kind.clone()])),
        ("kind + namespace + word", with(vec![kind.clone(), namespace.clone()])),
        ("kind alone", vec![query(term(kind.clone()))]),
        ("namespace glob", vec![query(term(Term::Namespace(vec![Pattern::Glob("*-prod*".into())])))]),
        (
            "label = and in",
            vec![
                query(term(label(SelectorOp::In(vec![
                    Pattern::Exact("checkout-api".into()),
                    Pattern::Exact("cart-worker".into()),
                ])))),
                query(term(label(SelectorOp::Exists))),
                query(term(label(SelectorOp::NotIn(vec![Pattern::Exact("checkout-api".into())])))),
            ],
        ),
        (
            "name glob, prefix, suffix, substring",
            vec![
                query(term(Term::Name(vec![Pattern::Glob("*-api-*".into())]))),
                query(term(Term::Name(vec![Pattern::Prefix("checkout".into())]))),
                query(term(Term::Name(vec![Pattern::Suffix("-config".into())]))),
                query(term(Term::Name(vec![Pattern::Substring("out".into())]))),
            ],
        ),
        ("name glob without letters", vec![query(term(Term::Name(vec![Pattern::Glob("?????".into())])))]),
        ("phrase", typed("checkout-api").iter().map(|p| query(term(Term::Phrase(p.clone())))).collect()),
        (
            "exclusion alone",
            vec![query(not(kind)), query(not(Term::Word("api".into()))), query(not(namespace))],
        ),
        ("no match", typed("zzqxkyw").iter().map(|w| word(w)).collect()),
    ]
}

fn word(word: &str) -> Query {
    query(term(Term::Word(word.to_owned())))
}

fn term(term: Term) -> Expr {
    Expr::Term(term, 0..0)
}

fn query(root: Expr) -> Query {
    Query { root: Some(root), hints: Vec::new(), ..Query::default() }
}

fn report(name: &str, times: &mut [Duration]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |share: f64| ms(sorted[((sorted.len() - 1) as f64 * share).round() as usize]);
    println!("{name:<44}{:>10}{:>10}{:>10}{:>8}", at(0.5), at(0.99), at(1.0), sorted.len());
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn rss() -> String {
    status("RssAnon")
}

fn status(field: &str) -> String {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let kb = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.split_whitespace().nth(1)?.parse::<u64>().ok());
    kb.map_or_else(|| "unknown".to_owned(), |kb| format!("{} MB", kb / 1024))
}

fn size(dir: &std::path::Path) -> Result<u64, Failure> {
    let mut sum = 0;
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}
