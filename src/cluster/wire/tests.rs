//! The decoders against bytes recorded from kube-apiserver 1.37.2, and against damage.

use std::io::Write;

use super::encode;
use super::*;
use crate::object::{Object, Owner};

/// Bytes under `tests/fixtures/wire`.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wire/", $name)).as_slice()
    };
}

fn read_list(encoding: Encoding, chunks: &[&[u8]]) -> Result<(ListEnd, Vec<Object>, Vec<String>), WireError> {
    let (mut items, mut versions) = (Vec::new(), Vec::new());
    let mut decoder = ListDecoder::new(encoding);
    for chunk in chunks {
        decoder.push(chunk, &mut |part| match part {
            ListPart::Version(version) => versions.push(version),
            ListPart::Item(object) => items.push(*object),
        })?;
    }
    Ok((decoder.finish()?, items, versions))
}

fn read_watch(encoding: Encoding, chunks: &[&[u8]]) -> Result<Vec<WatchEvent>, WireError> {
    let mut events = Vec::new();
    let mut decoder = WatchDecoder::new(encoding);
    for chunk in chunks {
        decoder.push(chunk, &mut |event| events.push(event))?;
    }
    decoder.finish().map(|()| events)
}

#[test]
fn a_recorded_protobuf_list_is_read_whole() {
    let (end, items, versions) = read_list(Encoding::Protobuf, &[fixture!("list.pb")]).unwrap();
    assert_eq!(end, ListEnd { resource_version: "264".into(), continue_token: None, remaining: None });
    assert_eq!(versions, ["264"]);
    let [other, settings] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!((other.name.as_str(), other.namespace.as_str()), ("other", "shop"));
    assert_eq!(other.uid, "41069537-16e5-4daa-96d8-855085111bee");
    assert_eq!((other.resource_version.as_str(), other.generation), ("245", 0));
    assert_eq!(other.created, Some(1_795_493_715));
    assert_eq!(other.deleted, None);
    let owner = Owner {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "checkout".into(),
        uid: "ffa3d513-c26c-439f-9913-47c17268c285".into(),
        controller: true,
    };
    assert_eq!(other.owners, [owner]);
    assert_eq!(
        settings.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
        ["7=nine", "app=checkout"]
    );
    assert_eq!(settings.annotations["note"], "größe ☃");
    assert!(settings.annotations["kubectl.kubernetes.io/last-applied-configuration"].contains("\"data\""));
}

#[test]
fn recorded_json_and_protobuf_say_the_same() {
    let protobuf = read_list(Encoding::Protobuf, &[fixture!("list.pb")]).unwrap();
    assert_eq!(read_list(Encoding::Json, &[fixture!("list.json")]).unwrap(), protobuf);
    let protobuf = read_list(Encoding::Protobuf, &[fixture!("page.pb")]).unwrap();
    assert_eq!(read_list(Encoding::Json, &[fixture!("page.json")]).unwrap(), protobuf);
    assert_eq!(protobuf.0.remaining, Some(1));
    assert!(protobuf.0.continue_token.unwrap().starts_with("eyJ2Ijoi"));
}

#[test]
fn a_full_json_list_of_custom_resources_is_stripped_to_its_metadata() {
    let (end, items, versions) = read_list(Encoding::Json, &[fixture!("list-full.json")]).unwrap();
    assert_eq!((end.resource_version.as_str(), end.continue_token), ("264", None));
    assert_eq!(
        (items[0].name.as_str(), items[0].generation, items[0].labels["app"].as_str()),
        ("x7", 1, "checkout")
    );
    assert_eq!(versions, ["264"]);
    let protobuf = read_list(Encoding::Protobuf, &[fixture!("list-custom.pb")]).unwrap();
    assert_eq!(protobuf.1, items);
}

#[test]
fn chunks_of_every_size_give_the_same_list_and_every_shorter_body_is_truncated() {
    for (encoding, body) in [
        (Encoding::Protobuf, fixture!("list.pb")),
        (Encoding::Json, fixture!("list.json")),
        (Encoding::Json, fixture!("list-full.json")),
    ] {
        let whole = read_list(encoding, &[body]).unwrap();
        for size in 1..body.len() {
            let chunks: Vec<_> = body.chunks(size).collect();
            assert_eq!(read_list(encoding, &chunks).as_ref(), Ok(&whole), "{encoding:?} {size}");
        }
        // The envelope of a protobuf list ends with two empty fields that carry nothing.
        let needed = if encoding == Encoding::Json { body.trim_ascii_end().len() } else { body.len() - 4 };
        for end in 0..needed {
            assert_eq!(read_list(encoding, &[&body[..end]]), Err(WireError::Truncated("a list")), "{end}");
        }
    }
}

#[test]
fn recorded_watches_are_read_event_by_event() {
    for (encoding, body) in
        [(Encoding::Protobuf, fixture!("watch.pb")), (Encoding::Json, fixture!("watch.json"))]
    {
        let events = read_watch(encoding, &[body]).unwrap();
        let names: Vec<_> = events.iter().map(shape).collect();
        let expected = ["+other", "+settings", "end", "+new", "~new", "-new", "bookmark", "bookmark"];
        assert_eq!(names, expected, "{encoding:?}");
        for size in 1..200 {
            assert_eq!(read_watch(encoding, &body.chunks(size).collect::<Vec<_>>()).as_ref(), Ok(&events));
        }
        let cut = &body[..body.len() - 3];
        assert_eq!(read_watch(encoding, &[cut]), Err(WireError::Truncated("a watch event")));
    }
    let initial = read_watch(Encoding::Protobuf, &[fixture!("watch-initial.pb")]).unwrap();
    assert_eq!(initial.last().map(shape).as_deref(), Some("end"));
}

fn shape(event: &WatchEvent) -> String {
    match event {
        WatchEvent::Added(object) => format!("+{}", object.name),
        WatchEvent::Modified(object) => format!("~{}", object.name),
        WatchEvent::Deleted(object) => format!("-{}", object.name),
        WatchEvent::Bookmark { initial_events_end: true, .. } => "end".into(),
        WatchEvent::Bookmark { .. } => "bookmark".into(),
        WatchEvent::Error(status) => format!("error {}", status.code),
        WatchEvent::Unknown(name) => format!("?{name}"),
    }
}

#[test]
fn a_watch_from_a_compacted_version_ends_with_410() {
    for (encoding, body) in
        [(Encoding::Protobuf, fixture!("watch-error.pb")), (Encoding::Json, fixture!("watch-error.json"))]
    {
        let events = read_watch(encoding, &[body]).unwrap();
        let [WatchEvent::Error(status)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
        assert_eq!(status.message, "too old resource version: 1 (346)");
    }
}

#[test]
fn a_status_is_read_from_whatever_body_carries_it() {
    for body in [fixture!("status.pb"), fixture!("status.json")] {
        let status = Status::decode("application/json", body);
        assert_eq!((status.code, status.reason.as_str()), (404, "NotFound"));
        assert_eq!(status.message, "configmaps \"x\" not found");
    }
    let html = b"<html><head><TITLE>502 Bad\n Gateway</TITLE></head><body>x</body></html>";
    assert_eq!(Status::decode("text/html", html).message, "502 Bad Gateway");
    assert_eq!(
        Status::decode("text/html", b"<h1>Blocked</h1> by \x1b[31mpolicy").message,
        "Blocked by [31mpolicy"
    );
    assert_eq!(Status::decode("text/plain", b"Too many requests\n").message, "Too many requests");
    assert_eq!(Status::decode("", b""), Status::default());
    assert!(Status::decode("", &[0xff; 100_000]).message.len() < 300);
    let odd = Status::decode("application/json", b"{\"kind\":\"Status\",\"code\":99999999,\"reason\":\"r\"}");
    assert_eq!((odd.code, odd.reason.as_str()), (0, "r"));
    // An object that is none shows as it is.
    assert_eq!(Status::decode("application/json", b"{\"error\":\"no\"}").message, "{\"error\":\"no\"}");
}

#[test]
fn what_is_encoded_is_decoded() {
    let object = Object {
        name: "web-0".into(),
        namespace: "shop".into(),
        uid: "u".into(),
        resource_version: "12".into(),
        generation: 3,
        created: Some(1_700_000_000),
        deleted: Some(1_700_000_001),
        labels: [("app".into(), "web".into()), ("7".into(), String::new())].into(),
        annotations: [("a".into(), "\"\\\n\u{1f980}\u{1}".into())].into(),
        owners: vec![Owner {
            kind: "ReplicaSet".into(),
            name: "web".into(),
            controller: true,
            ..Owner::default()
        }],
        finalizers: vec!["a/b".into()],
    };
    let end = ListEnd { resource_version: "12".into(), continue_token: Some("t".into()), remaining: Some(9) };
    let written = encode::Written { managed_fields: "{\"f:metadata\":{}}", ..(&object).into() };
    let status = Status {
        code: 429,
        reason: "TooManyRequests".into(),
        message: "slow down".into(),
        retry_after_seconds: Some(7),
        causes: vec![Cause { reason: "r".into(), message: "m".into(), field: "f".into() }],
    };
    let boxed = Box::new(object.clone());
    let events = [
        WatchEvent::Added(boxed.clone()),
        WatchEvent::Modified(boxed.clone()),
        WatchEvent::Deleted(boxed),
        WatchEvent::Bookmark { version: "9".into(), initial_events_end: true },
        WatchEvent::Bookmark { version: "9".into(), initial_events_end: false },
        WatchEvent::Error(status.clone()),
        WatchEvent::Unknown("LATER".into()),
    ];
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let body = encode::list(encoding, &end, [written, written].into_iter());
        let (read, items, _) = read_list(encoding, &[&body]).unwrap();
        assert_eq!((read, items), (end.clone(), vec![object.clone(), object.clone()]));
        let body: Vec<u8> = events.iter().flat_map(|event| encode::event(encoding, event, "{}")).collect();
        assert_eq!(read_watch(encoding, &[&body]).unwrap(), events);
        assert_eq!(Status::decode("", &encode::status(encoding, &status)), status);
    }
    let body = encode::full_list("Pod", "v1", false, &end, [written].into_iter());
    assert_eq!(read_list(Encoding::Json, &[&body]).unwrap().1, [object]);
}

#[test]
fn answers_of_another_kind_are_refused() {
    let expected = |found: &str, expected| Err(WireError::Unexpected { expected, found: found.into() });
    assert_eq!(
        read_list(Encoding::Protobuf, &[fixture!("status.pb")]),
        expected("Status", "PartialObjectMetadataList")
    );
    assert_eq!(read_list(Encoding::Json, &[fixture!("status.json")]), expected("Status", "a list"));
    assert_eq!(read_list(Encoding::Json, &[br#"{"kind":"Table","rows":[]}"#]), expected("Table", "a list"));
    assert_eq!(read_list(Encoding::Protobuf, &[b"<html>"]), Err(WireError::Magic));
    assert!(matches!(read_list(Encoding::Json, &[b"<html>"]), Err(WireError::Malformed(_))));
    let empty = read_list(Encoding::Json, &[br#"{"kind":"PodList","items":null,"metadata":null}"#]).unwrap();
    assert_eq!(empty, (ListEnd::default(), vec![], vec![]));
}

#[test]
fn lengths_over_the_cap_are_errors_before_anything_is_allocated() {
    let mut list = fixture!("list.pb")[..4 + 2 + 43].to_vec();
    list.extend([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x12, 0xff, 0xff, 0xff, 0x7f]);
    let error = WireError::TooLarge { what: "an item", cap: MAX_ITEM };
    assert_eq!(read_list(Encoding::Protobuf, &[&list]), Err(error));
    let error = WireError::TooLarge { what: "a watch event", cap: MAX_ITEM };
    assert_eq!(read_watch(Encoding::Protobuf, &[&[0xff; 4]]), Err(error));
    let mut decoder = WatchDecoder::new(Encoding::Json);
    decoder.push(b"{\"", &mut |_| {}).unwrap();
    let result = (0..=MAX_JSON_ITEM >> 20).try_for_each(|_| decoder.push(&[b'x'; 1 << 20], &mut |_| {}));
    assert!(matches!(result, Err(WireError::TooLarge { .. })));
    assert!(decoder.finish().is_err());
}

#[test]
fn error_messages_do_not_repeat_the_body() {
    let body = br#"{"kind":"SecretList","items":[{"metadata":{"labels":"hunter2"}}]}"#;
    let error = read_list(Encoding::Json, &[body]).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(chunks: &[&[u8]]) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    let mut gunzip = Gunzip::of(Some("gzip")).unwrap();
    for chunk in chunks {
        gunzip.push(chunk, &mut |bytes| {
            out.extend_from_slice(bytes);
            Ok::<_, WireError>(())
        })?;
    }
    gunzip.finish().map(|()| out)
}

#[test]
fn gzip_inflates_in_any_chunks_over_several_members_and_notices_damage() {
    let plain: Vec<u8> = (0..200_000u32).flat_map(|n| (n % 1000).to_le_bytes()).collect();
    let packed = gzip(&plain);
    for size in [1, 7, 1000, packed.len()] {
        assert_eq!(gunzip(&packed.chunks(size).collect::<Vec<_>>()).unwrap(), plain, "{size}");
    }
    let twice = [packed.as_slice(), &packed].concat();
    assert_eq!(gunzip(&[&twice]).unwrap(), [plain.as_slice(), &plain].concat());
    for end in [1, 9, 15, packed.len() / 2, packed.len() - 8, packed.len() - 1] {
        assert_eq!(gunzip(&[&packed[..end]]), Err(WireError::Truncated("compressed data")), "{end}");
    }
    let mut broken = packed.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert_eq!(gunzip(&[&broken]), Err(WireError::Gzip));
    let mut broken = packed.clone();
    broken[packed.len() - 8] ^= 1;
    assert_eq!(gunzip(&[&broken]), Err(WireError::Gzip));
    assert_eq!(gunzip(&[b"not gzip at all"]), Err(WireError::Gzip));
    assert_eq!(gunzip(&[&packed, b"tail"]), Err(WireError::Gzip));
    assert_eq!(gunzip(&[]), Ok(vec![]));
}

#[test]
fn a_flushed_gzip_stream_gives_each_event_at_once() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut gunzip = Gunzip::new();
    for event in [&b"first"[..], b"second"] {
        encoder.write_all(event).unwrap();
        encoder.flush().unwrap();
        let (packed, mut out) = (std::mem::take(encoder.get_mut()), Vec::new());
        gunzip
            .push(&packed, &mut |bytes| {
                out.extend_from_slice(bytes);
                Ok::<_, WireError>(())
            })
            .unwrap();
        assert_eq!(out, event);
    }
}
