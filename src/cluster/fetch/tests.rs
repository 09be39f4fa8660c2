//! What is shown of an object, and what is not.

use serde_json::json;

use super::live::Watched as _;
use super::*;

fn object(plural: &str) -> ObjectRef {
    ObjectRef {
        group: String::new(),
        version: "v1".to_owned(),
        plural: plural.to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
        uid: "u1".to_owned(),
    }
}

fn secret() -> serde_json::Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": "web", "uid": "u1", "labels": { "app": "web" },
            "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"key\":\"aHVudGVyMg==\"}}" },
            "managedFields": [{ "manager": "kubectl", "operation": "Update" }],
        },
        "data": { "key": "aHVudGVyMg==" }, "stringData": { "other": "hunter2" },
    })
}

fn manifest_of(value: serde_json::Value, object: &ObjectRef, reveal: bool) -> Result<Manifest, FetchError> {
    let mut single = Single::new(object, reveal);
    single.read_single(value)?;
    single.page()
}

#[test]
fn a_secrets_values_are_masked_wherever_they_stand() {
    let shown = manifest_of(secret(), &object("secrets"), false).unwrap();
    assert_eq!(shown.masked, 3);
    for hidden in ["hunter2", "aHVudGVyMg"] {
        assert!(!shown.text.contains(hidden) && !shown.managed_fields.contains(hidden), "{}", shown.text);
    }
    assert!(shown.text.contains("app: web") && shown.text.contains("key: "));
    let revealed = manifest_of(secret(), &object("secrets"), true).unwrap();
    assert!(revealed.text.contains("key: hunter2") && revealed.masked == 0 && revealed.revealed);
    // What kubectl applied stands in an annotation, as it came.
    assert!(revealed.text.contains("aHVudGVyMg=="));
}

#[test]
fn revealed_values_are_decoded_where_they_are_text_and_binary_ones_say_their_length() {
    let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "web", "uid": "u1" },
        "data": {
            "binary": encode(b"\xff\x00\x01"), "empty": "", "escape": encode(b"\x1b]52;c;aGk=\x07"),
            "lines": encode(b"-----BEGIN-----\nabc\n-----END-----\n"), "number": encode(b"42"), "odd": "no base64",
            "word": encode("pässword".as_bytes()), "list": ["x"],
        },
        "stringData": { "plain": "aHVudGVyMg==" },
    });
    let text = manifest_of(secret, &object("secrets"), true).unwrap().text;
    for line in [
        "  binary: /wAB # base64 of 3 bytes that are no text",
        "  empty: \"\"",
        "  lines: |",
        "    -----BEGIN-----",
        "    abc",
        "  number: \"42\"",
        "  odd: no base64",
        "  word: pässword",
        "  plain: aHVudGVyMg==",
    ] {
        assert!(text.lines().any(|own| own == line), "{line}: {text}");
    }
    assert!(text.contains("bytes that are no text") && !text.contains('\x1b'), "{text}");
}

#[test]
fn an_item_of_a_list_says_what_it_is_also_where_only_the_list_does() {
    let list = |kind: &str| {
        json!({ "kind": kind, "apiVersion": "v1", "metadata": { "resourceVersion": "7" }, "items": [
            { "metadata": { "name": "other", "uid": "u2" } },
            { "metadata": { "name": "web", "uid": "u1" }, "data": { "a": "b\nc" } },
        ] })
    };
    let mut single = Single::new(&object("configmaps"), false);
    single.read(list("ConfigMapList")).unwrap();
    let text = single.page().unwrap().text;
    assert!(text.starts_with("apiVersion: v1\ndata:\n  a: |-\n    b\n    c\nkind: ConfigMap\n"), "{text}");
    let mut gone = Single::new(&ObjectRef { name: "gone".to_owned(), ..object("configmaps") }, false);
    assert!(matches!(gone.read(list("ConfigMapList")), Err(FetchError::Missing)));
    let mut replaced = Single::new(&ObjectRef { uid: "u0".to_owned(), ..object("configmaps") }, false);
    assert!(matches!(replaced.read(list("ConfigMapList")), Err(FetchError::Replaced)));
}

#[test]
fn a_secret_with_data_of_another_form_shows_nothing_of_it() {
    let odd = json!({ "metadata": { "uid": "u1", "annotations": ["hunter2"] }, "data": ["hunter2"], "stringData": "hunter2" });
    let shown = manifest_of(odd, &object("secrets"), false).unwrap();
    assert!(!shown.text.contains("hunter2"), "{}", shown.text);
}

#[test]
fn managed_fields_stand_apart_and_other_kinds_are_whole() {
    let shown = manifest_of(secret(), &object("configmaps"), false).unwrap();
    assert!(!shown.text.contains("managedFields") && shown.managed_fields.contains("manager: kubectl"));
    assert!(shown.text.contains("aHVudGVyMg=="), "a ConfigMap's data is no secret");
}

#[test]
fn another_object_of_the_same_name_is_not_taken_for_it() {
    let other = json!({ "metadata": { "uid": "u2" } });
    assert!(matches!(manifest_of(other, &object("pods"), false), Err(FetchError::Replaced)));
    assert!(matches!(manifest_of(json!([]), &object("pods"), false), Err(FetchError::Unreadable(_))));
}

#[test]
fn paths_are_kubernetes_own_and_odd_names_are_not_asked_for() {
    assert_eq!(object("pods").path().unwrap(), "/api/v1/namespaces/shop/pods/web");
    let role = ObjectRef {
        group: "rbac.authorization.k8s.io".to_owned(),
        plural: "clusterroles".to_owned(),
        namespace: None,
        name: "system:node".to_owned(),
        ..object("")
    };
    assert_eq!(role.path().unwrap(), "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node");
    for name in ["", "..", "a/b", "a%2fb", "a b", "a?b", "a#b", "é"] {
        assert!(matches!(
            ObjectRef { name: name.to_owned(), ..object("pods") }.path(),
            Err(FetchError::Name)
        ));
    }
}

#[test]
fn events_of_both_apis_are_read_and_those_about_others_left_out() {
    let list = json!({ "items": [
        { "involvedObject": { "uid": "u1" }, "type": "Warning", "reason": "BackOff", "message": "restarting",
          "count": 7, "lastTimestamp": "2026-03-02T10:00:00Z", "source": { "component": "kubelet" } },
        { "involvedObject": { "uid": "u1" }, "type": "Normal", "reason": "Pulled", "message": "image",
          "eventTime": "2026-03-02T09:00:00.123456Z", "reportingComponent": "kubelet",
          "series": { "count": 2, "lastObservedTime": "2026-03-02T09:30:00Z" } },
        { "involvedObject": { "uid": "u2" }, "reason": "Other" },
        { "involvedObject": { "uid": "u1" }, "message": 7 },
        "no event",
    ] });
    let about = |list| {
        let mut about = About::new("u1");
        about.read(list).unwrap();
        about.page().unwrap()
    };
    let events = about(list);
    let shown: Vec<_> =
        events.iter().map(|event| (event.reason.as_str(), event.count, event.source.as_str())).collect();
    assert_eq!(shown, [("", 1, ""), ("Pulled", 2, "kubelet"), ("BackOff", 7, "kubelet")]);
    assert_eq!(events[2].last, Some(1_772_445_600));
    assert!(about(json!({})).is_empty());
}
