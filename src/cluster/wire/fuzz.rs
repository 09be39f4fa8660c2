//! Fuzz targets: damaged and arbitrary bytes, cut anywhere, never panic and never hold more than was sent.
//!
//! Short by default; `KUBESIFT_FUZZ_SECONDS=10` runs each target that long.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::object::{Object, Owner};

/// Runs a target for its share of cases, or for its seconds.
fn fuzz<S>(strategy: S, target: impl Fn(S::Value) -> Result<(), TestCaseError>)
where
    S: Strategy<Value: Debug>,
{
    let seconds = std::env::var("KUBESIFT_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
        TestRunner::new(config).run(&strategy, &target).unwrap();
        if Instant::now() >= end {
            return;
        }
    }
}

/// What one body came to: the parts in order, then how it ended.
fn list_outcome(encoding: Encoding, chunks: &[&[u8]]) -> (Vec<ListPart>, Result<ListEnd, WireError>) {
    let mut parts = Vec::new();
    let mut decoder = ListDecoder::new(encoding);
    for chunk in chunks {
        if let Err(error) = decoder.push(chunk, &mut |part| parts.push(part)) {
            assert_eq!(decoder.push(b"", &mut |_| panic!("spent")), Err(error.clone()));
            return (parts, Err(error));
        }
    }
    (parts, decoder.finish())
}

fn watch_outcome(encoding: Encoding, chunks: &[&[u8]]) -> (Vec<WatchEvent>, Result<(), WireError>) {
    let mut events = Vec::new();
    let mut decoder = WatchDecoder::new(encoding);
    for chunk in chunks {
        if let Err(error) = decoder.push(chunk, &mut |event| events.push(event)) {
            return (events, Err(error));
        }
    }
    (events, decoder.finish())
}

fn gzip_outcome(chunks: &[&[u8]]) -> (Vec<u8>, Result<(), WireError>) {
    let mut out = Vec::new();
    let mut gunzip = Gunzip::new();
    for chunk in chunks {
        let pushed = gunzip.push(chunk, &mut |bytes| {
            out.extend_from_slice(bytes);
            Ok::<_, WireError>(())
        });
        if let Err(error) = pushed {
            return (out, Err(error));
        }
    }
    (out, gunzip.finish())
}

/// Cuts a body at the places that the case chose.
fn cut<'a>(body: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<_> = places.iter().map(|place| place.index(body.len() + 1)).collect();
    ends.push(body.len());
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter().map(|end| &body[std::mem::replace(&mut start, end)..end]).collect()
}

#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
}

impl Damage {
    fn apply(&self, body: &mut Vec<u8>) {
        match self {
            Self::Flip(place, bits) if !body.is_empty() => {
                let place = place.index(body.len());
                body[place] ^= bits;
            }
            Self::Flip(..) => {}
            Self::Cut(place) => body.truncate(place.index(body.len() + 1)),
            Self::Insert(place, bytes) => {
                let place = place.index(body.len() + 1);
                body.splice(place..place, bytes.iter().copied());
            }
            Self::Remove(place, length) => {
                let place = place.index(body.len() + 1);
                let end = (place + length).min(body.len());
                body.drain(place..end);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        (any::<Index>(), 1u8..).prop_map(|(place, bits)| Damage::Flip(place, bits)),
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), vec(any::<u8>(), 1..12)).prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
        (any::<Index>(), 1usize..40).prop_map(|(place, length)| Damage::Remove(place, length)),
    ];
    vec(one, 0..4)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9./-]{0,12}", "\\PC{0,6}", any::<String>()]
}

fn object() -> impl Strategy<Value = Object> {
    let time = || proptest::option::of(1i64..4_000_000_000);
    let owner = (word(), word(), any::<bool>()).prop_map(|(kind, name, controller)| Owner {
        kind,
        name,
        controller,
        ..Owner::default()
    });
    (
        (word(), word(), word(), word()),
        (0i64.., time(), time()),
        (
            btree_map(word(), word(), 0..4),
            btree_map(word(), word(), 0..4),
            vec(owner, 0..3),
            vec(word(), 0..3),
        ),
    )
        .prop_map(|(names, numbers, maps)| Object {
            name: names.0,
            namespace: names.1,
            uid: names.2,
            resource_version: names.3,
            generation: numbers.0,
            created: numbers.1,
            deleted: numbers.2,
            labels: maps.0,
            annotations: maps.1,
            owners: maps.2,
            finalizers: maps.3,
        })
}

fn encoding() -> impl Strategy<Value = Encoding> {
    prop_oneof![Just(Encoding::Protobuf), Just(Encoding::Json)]
}

fn places() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

#[test]
fn every_list_comes_back_as_written_however_it_is_cut() {
    fuzz((encoding(), vec(object(), 0..5), word(), any::<bool>(), places()), |case| {
        let (encoding, objects, version, full, places) = case;
        let end = ListEnd { resource_version: version, continue_token: None, remaining: Some(3) };
        let items = objects.iter().map(encode::Written::from);
        let body = match encoding {
            Encoding::Json if full => encode::full_list("Thing", "example.org/v1", true, &end, items),
            Encoding::Json | Encoding::Protobuf => encode::list(encoding, &end, items),
        };
        let (parts, ended) = list_outcome(encoding, &cut(&body, &places));
        prop_assert_eq!(ended, Ok(end));
        let read = parts.into_iter().filter_map(|part| match part {
            ListPart::Item(object) => Some(*object),
            ListPart::Version(_) => None,
        });
        let read: Vec<Object> = read.collect();
        prop_assert_eq!(read, objects);
        Ok(())
    });
}

#[test]
fn a_damaged_list_ends_the_same_way_however_it_is_cut() {
    fuzz((encoding(), vec(object(), 0..5), damage(), places()), |(encoding, objects, damage, places)| {
        let mut body = encode::list(encoding, &ListEnd::default(), objects.iter().map(encode::Written::from));
        damage.iter().for_each(|one| one.apply(&mut body));
        prop_assert_eq!(list_outcome(encoding, &cut(&body, &places)), list_outcome(encoding, &[&body]));
        Ok(())
    });
}

#[test]
fn a_damaged_watch_ends_the_same_way_however_it_is_cut() {
    fuzz(
        (encoding(), vec((0..6, object()), 0..5), damage(), places()),
        |(encoding, events, damage, places)| {
            let events = events.into_iter().map(|(shape, object)| match shape {
                0 => WatchEvent::Added(Box::new(object)),
                1 => WatchEvent::Modified(Box::new(object)),
                2 => WatchEvent::Deleted(Box::new(object)),
                3 => WatchEvent::Bookmark {
                    version: object.name,
                    initial_events_end: object.generation % 2 == 0,
                },
                4 => WatchEvent::Error(Status { message: object.name, code: 410, ..Status::default() }),
                _ => WatchEvent::Unknown(object.name),
            });
            let mut body: Vec<u8> = events.flat_map(|event| encode::event(encoding, &event, "{}")).collect();
            damage.iter().for_each(|one| one.apply(&mut body));
            prop_assert_eq!(watch_outcome(encoding, &cut(&body, &places)), watch_outcome(encoding, &[&body]));
            Ok(())
        },
    );
}

#[test]
fn arbitrary_bytes_never_panic() {
    const STARTS: [&[u8]; 4] = [b"", b"k8s\0", b"{\"items\":[", b"\x1f\x8b\x08\0\0\0\0\0\0\0"];
    let start = proptest::sample::select(STARTS.as_slice());
    fuzz((start, vec(any::<u8>(), 0..400), places(), encoding()), |(start, rest, places, encoding)| {
        let body = [start, &rest].concat();
        let chunks = cut(&body, &places);
        prop_assert_eq!(list_outcome(encoding, &chunks), list_outcome(encoding, &[&body]));
        prop_assert_eq!(watch_outcome(encoding, &chunks), watch_outcome(encoding, &[&body]));
        let (whole, in_chunks) = (gzip_outcome(&[&body]), gzip_outcome(&chunks));
        prop_assert_eq!(whole.1.is_ok(), in_chunks.1.is_ok());
        let status = Status::decode("text/html", &body);
        prop_assert!(status.message.len() < 300 && !status.message.chars().any(char::is_control));
        Ok(())
    });
}
