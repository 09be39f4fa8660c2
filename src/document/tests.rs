use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::object::{Kind, Object};
use crate::text::parse_rfc3339;

fn kind(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Kind {
    Kind {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        plural: plural.into(),
        singular: kind.to_lowercase(),
        short_names: vec![],
        categories: vec![],
        namespaced,
        watchable: true,
    }
}

fn config_map() -> Kind {
    kind("", "v1", "ConfigMap", "configmaps", true)
}

fn secret() -> Kind {
    kind("", "v1", "Secret", "secrets", true)
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn object(name: &str) -> Object {
    Object { name: name.into(), namespace: "shop".into(), uid: "u-1".into(), ..Object::default() }
}

fn labelled(labels: &[(&str, &str)]) -> Object {
    Object { labels: map(labels), ..object("x") }
}

fn annotated(annotations: &[(&str, &str)]) -> Object {
    Object { annotations: map(annotations), ..object("x") }
}

fn plain(kind: &Kind, object: &Object) -> Document {
    document(kind, object, &Rules::default())
}

mod golden {
    use super::*;

    fn kind_of(resource: &Value) -> Kind {
        let text = |key: &str| resource[key].as_str().unwrap();
        let (group, version) = text("apiVersion").rsplit_once('/').unwrap_or(("", text("apiVersion")));
        kind(group, version, text("kind"), text("name"), resource["namespaced"].as_bool().unwrap())
    }

    fn object_of(input: &Value) -> Object {
        let metadata = &input["metadata"];
        let text = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
        let pairs = |key: &str| serde_json::from_value(metadata[key].clone()).unwrap_or_default();
        Object {
            name: text("name"),
            namespace: text("namespace"),
            uid: text("uid"),
            created: parse_rfc3339(&text("creationTimestamp")),
            labels: pairs("labels"),
            annotations: pairs("annotations"),
            ..Object::default()
        }
    }

    #[test]
    fn every_document_equals_upstreams() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden");
        let mut cases = 0;
        for entry in fs_err::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let case: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
            let object = object_of(&case["input"]);
            let kind = kind_of(&case["resource"]);
            let Document { id, text, metadata, .. } = plain(&kind, &object);
            let file = path.display();
            assert_eq!(Value::from(id.clone()), case["id"], "{file}");
            assert_eq!(document_id(&kind, &object), id, "{file}");
            assert_eq!(Value::from(text), case["text"], "{file}");

            let mut ours = serde_json::to_value(&metadata).unwrap();
            let ours = ours.as_object_mut().unwrap();
            assert_eq!(ours.remove("createdAt").unwrap_or_default(), case["instance"]["createdAt"], "{file}");
            let pairs = ours.remove("labelPairs").map_or(String::new(), |pairs| {
                let pairs: Vec<String> = serde_json::from_value(pairs).unwrap();
                pairs.join(",")
            });
            assert_eq!(Value::from(pairs), case["metadata"]["labels"], "{file}");
            assert_eq!(Some(&*ours), case["metadata"].as_object(), "{file}");
            cases += 1;
        }
        assert_eq!(cases, 16, "the golden cases of upstream's pull path");
    }
}

#[test]
fn metadata_serialises_its_keys_in_upstreams_order() {
    let object = Object { created: Some(0), ..labelled(&[("b", "2"), ("a", "")]) };
    let json = serde_json::to_string(&plain(&config_map(), &object).metadata).unwrap();
    assert_eq!(
        json,
        r#"{"namespace":"shop","name":"x","kind":"ConfigMap","apiVersion":"v1","apiGroup":"","labels":"a=,b=2","source":"resource-sync","createdAt":"1970-01-01T00:00:00Z","labelPairs":["a=","b=2"]}"#
    );
    let json = serde_json::to_string(&plain(&config_map(), &object_without_labels()).metadata).unwrap();
    assert!(!json.contains("createdAt") && !json.contains("labelPairs"), "{json}");
}

fn object_without_labels() -> Object {
    object("x")
}

#[test]
fn labels_that_javascript_takes_for_indices_move_to_the_front_in_numeric_order() {
    let document = plain(&config_map(), &labelled(&[("01", "a"), ("10", "b"), ("2", "c"), ("app", "d")]));
    assert!(document.text.ends_with(" | labels: 2=c, 10=b, 01=a, app=d"), "{}", document.text);
    assert_eq!(document.metadata.labels, "2=c,10=b,01=a,app=d");
    assert_eq!(document.metadata.label_pairs, ["2=c", "10=b", "01=a", "app=d"]);
}

#[test]
fn only_canonical_array_indices_count_as_such() {
    let keys = ["+1", "-1", "0", "00", "1.0", "1e3", "4294967294", "4294967295", "9999999999", "A", "a"];
    let labels: Vec<(&str, &str)> = keys.iter().map(|key| (*key, "")).collect();
    assert_eq!(
        plain(&config_map(), &labelled(&labels)).metadata.labels,
        "0=,4294967294=,+1=,-1=,00=,1.0=,1e3=,4294967295=,9999999999=,A=,a="
    );
}

#[test]
fn descriptions_follow_in_the_order_of_their_keys() {
    let object = annotated(&[
        ("10/description", "ten"),
        ("2/description", "two"),
        ("description", "bare"),
        ("3", "no"),
    ]);
    assert!(plain(&config_map(), &object).text.ends_with(" | ten. two. bare"));
}

#[test]
fn a_missing_namespace_is_default_and_a_cluster_scoped_kind_is_always_cluster() {
    let namespace = kind("", "v1", "Namespace", "namespaces", false);
    let nowhere = Object { namespace: String::new(), ..object("x") };
    assert_eq!(document_id(&config_map(), &nowhere), "default/v1/ConfigMap/x");
    assert_eq!(document_id(&namespace, &nowhere), "_cluster/v1/Namespace/x");
    assert_eq!(document_id(&namespace, &object("x")), "_cluster/v1/Namespace/x");
    assert_eq!(plain(&namespace, &object("x")).metadata.namespace, "_cluster");
}

#[test]
fn an_empty_name_leaves_its_space() {
    let document = plain(&config_map(), &object(""));
    assert_eq!(document.text, "ConfigMap  | namespace: shop | apiVersion: v1");
    assert_eq!(document.id, "shop/v1/ConfigMap/");
}

#[test]
fn twenty_thousand_characters_of_description_are_kept_in_the_text_and_capped_in_the_local_fields() {
    let long = "Schöne Prosa. ".repeat(1429);
    let document = plain(&config_map(), &annotated(&[("description", &long)]));
    assert_eq!(document.text, format!("ConfigMap x | namespace: shop | apiVersion: v1 | {long}"));
    let kept = &document.local.annotations["description"];
    assert!(long.starts_with(kept) && (1021..=1024).contains(&kept.len()), "{}", kept.len());
}

#[test]
fn the_cap_never_splits_a_character() {
    for shift in 0..4 {
        let value = format!("{}{}", " ".repeat(shift), "🦀".repeat(300));
        let document = plain(&config_map(), &annotated(&[("note", &value)]));
        let kept = &document.local.annotations["note"];
        assert!(value.starts_with(kept) && (1021..=1024).contains(&kept.len()), "{}", kept.len());
    }
}

#[test]
fn manifests_are_dropped_and_secrets_redacted_in_text_and_local_fields_alike() {
    let document = plain(
        &config_map(),
        &annotated(&[
            ("a/description", "password=hunter2"),
            ("b/description", "Front door"),
            ("kubectl.kubernetes.io/last-applied-configuration", "hunter2"),
            ("note", "postgres://u:hunter2@db"),
            ("team", "payments"),
        ]),
    );
    assert!(document.text.ends_with(" | [redacted]. Front door"), "{}", document.text);
    let expected = [
        ("a/description", REDACTED),
        ("b/description", "Front door"),
        ("note", REDACTED),
        ("team", "payments"),
    ];
    assert_eq!(document.local.annotations, map(&expected));
    assert!(!format!("{document:?}").contains("hunter2"));
}

#[test]
fn a_secret_behind_the_cap_still_hides_the_value() {
    let value = format!("{} password=hunter2", "x".repeat(2000));
    assert_eq!(plain(&config_map(), &annotated(&[("note", &value)])).local.annotations["note"], REDACTED);
}

#[test]
fn no_annotation_value_of_a_secret_is_kept_whatever_the_settings() {
    let object = annotated(&[("a/description", "hello"), ("empty", ""), ("team", "payments")]);
    for exact_upstream in [false, true] {
        let rules = Rules::new(&RuleOptions { exact_upstream, ..RuleOptions::default() }).unwrap();
        let document = document(&secret(), &object, &rules);
        assert_eq!(document.text, "Secret x | namespace: shop | apiVersion: v1 | [redacted]");
        let expected = [("a/description", REDACTED), ("empty", REDACTED), ("team", REDACTED)];
        assert_eq!(document.local.annotations, map(&expected));
    }
    let foreign = kind("example.com", "v1", "Secret", "secrets", true);
    assert!(plain(&foreign, &object).text.ends_with("hello"), "only the core group's Secret is one");
}

#[test]
fn exact_upstream_lifts_redaction_in_the_text_only() {
    let rules = Rules::new(&RuleOptions { exact_upstream: true, ..RuleOptions::default() }).unwrap();
    let document = document(&config_map(), &annotated(&[("description", "{\"a\":1}")]), &rules);
    assert!(document.text.ends_with(" | {\"a\":1}"));
    assert_eq!(document.local.annotations["description"], REDACTED);
}

#[test]
fn labels_are_selectors_and_never_redacted() {
    let document = plain(&config_map(), &labelled(&[("token", "abc")]));
    assert_eq!(
        (document.metadata.labels.as_str(), &document.local.labels),
        ("token=abc", &map(&[("token", "abc")]))
    );
}

mod fingerprints {
    use super::*;
    use crate::object::Owner;

    fn full() -> Object {
        Object {
            name: "web".into(),
            namespace: "shop".into(),
            uid: "u-1".into(),
            resource_version: "7".into(),
            generation: 3,
            created: Some(1),
            deleted: None,
            labels: map(&[("app", "web")]),
            annotations: map(&[("description", "door"), ("team", "a"), ("x/last-sync-time", "1")]),
            owners: vec![Owner { name: "o".into(), ..Owner::default() }],
            finalizers: vec!["f".into()],
        }
    }

    fn print(kind: &Kind, object: &Object) -> Fingerprint {
        let rules = Rules::default();
        fingerprint(&document(kind, object, &rules), &rules)
    }

    fn changed(change: impl Fn(&mut Object)) -> (bool, bool) {
        let mut other = full();
        change(&mut other);
        let (before, after) = (print(&config_map(), &full()), print(&config_map(), &other));
        (before.content != after.content, before.annotations != after.annotations)
    }

    #[test]
    fn they_are_stable_across_runs() {
        let print = print(&config_map(), &full());
        assert_eq!((print.content, print.annotations), STABLE);
    }

    // Changes with the mapping: then SCHEMA_VERSION goes up.
    const STABLE: (u64, u64) = (10_865_348_133_939_278_289, 17_855_047_080_015_735_705);

    #[test]
    fn every_field_changes_the_content() {
        type Change = fn(&mut Object);
        let changes: &[(&str, Change)] = &[
            ("name", |o| o.name.push('x')),
            ("namespace", |o| o.namespace.push('x')),
            ("uid", |o| o.uid.push('x')),
            ("generation", |o| o.generation += 1),
            ("created", |o| o.created = None),
            ("created later", |o| o.created = Some(2)),
            ("deleted", |o| o.deleted = Some(1)),
            ("label value", |o| _ = o.labels.insert("app".into(), "wef".into())),
            ("label", |o| _ = o.labels.insert("b".into(), String::new())),
            ("no labels", |o| o.labels.clear()),
            ("annotation key", |o| _ = o.annotations.insert("new".into(), String::new())),
            ("description", |o| _ = o.annotations.insert("description".into(), "gate".into())),
            ("owner name", |o| o.owners[0].name.push('x')),
            ("owner version", |o| o.owners[0].api_version.push('x')),
            ("owner kind", |o| o.owners[0].kind.push('x')),
            ("owner uid", |o| o.owners[0].uid.push('x')),
            ("controller", |o| o.owners[0].controller = true),
            ("another owner", |o| o.owners.push(Owner::default())),
            ("finalizer", |o| o.finalizers[0].push('x')),
            ("no finalizer", |o| o.finalizers.clear()),
        ];
        for (what, change) in changes {
            assert!(changed(change).0, "{what}");
        }
        let other = kind("", "v1", "ConfigMop", "configmaps", true);
        assert_ne!(print(&config_map(), &full()).content, print(&other, &full()).content);
        let other = kind("x", "v1", "ConfigMap", "configmaps", true);
        assert_ne!(print(&config_map(), &full()).content, print(&other, &full()).content);
    }

    #[test]
    fn an_annotation_value_changes_the_annotations_alone() {
        assert_eq!(changed(|o| _ = o.annotations.insert("team".into(), "b".into())), (false, true));
    }

    #[test]
    fn ticking_annotations_and_the_resource_version_change_nothing() {
        assert_eq!(changed(|o| o.resource_version.push('1')), (false, false));
        assert_eq!(
            changed(|o| _ = o.annotations.insert("x/last-sync-time".into(), "2".into())),
            (false, false)
        );
        assert_eq!(changed(|o| _ = o.annotations.remove("x/last-sync-time")), (false, false));
    }

    #[test]
    fn a_change_behind_the_redaction_changes_nothing() {
        let with = |value: &str| print(&config_map(), &annotated(&[("note", value)]));
        assert_eq!(with("password=a"), with("password=b"));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let owners = |names: &[&str]| Object {
            finalizers: names.iter().map(|name| (*name).to_owned()).collect(),
            ..object("x")
        };
        assert_ne!(print(&config_map(), &owners(&["ab", "c"])), print(&config_map(), &owners(&["a", "bc"])));
        assert_ne!(print(&config_map(), &owners(&["a", ""])), print(&config_map(), &owners(&["a"])));
    }
}
