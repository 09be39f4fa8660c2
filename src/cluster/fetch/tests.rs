//! What is shown of an object, and what is not.

use serde_json::json;

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

#[test]
fn a_secrets_values_are_masked_wherever_they_stand() {
    let shown = manifest::read(secret(), &object("secrets"), false).unwrap();
    assert_eq!(shown.masked, 3);
    for hidden in ["hunter2", "aHVudGVyMg"] {
        assert!(!shown.text.contains(hidden) && !shown.managed_fields.contains(hidden), "{}", shown.text);
    }
    assert!(shown.text.contains("app: web") && shown.text.contains("key: "));
    let revealed = manifest::read(secret(), &object("secrets"), true).unwrap();
    assert!(revealed.text.contains("aHVudGVyMg==") && revealed.masked == 0);
}

#[test]
fn a_secret_with_data_of_another_form_shows_nothing_of_it() {
    let odd = json!({ "metadata": { "uid": "u1", "annotations": ["hunter2"] }, "data": ["hunter2"], "stringData": "hunter2" });
    let shown = manifest::read(odd, &object("secrets"), false).unwrap();
    assert!(!shown.text.contains("hunter2"), "{}", shown.text);
}

#[test]
fn managed_fields_stand_apart_and_other_kinds_are_whole() {
    let shown = manifest::read(secret(), &object("configmaps"), false).unwrap();
    assert!(!shown.text.contains("managedFields") && shown.managed_fields.contains("manager: kubectl"));
    assert!(shown.text.contains("aHVudGVyMg=="), "a ConfigMap's data is no secret");
}

#[test]
fn another_object_of_the_same_name_is_not_taken_for_it() {
    let other = json!({ "metadata": { "uid": "u2" } });
    assert!(matches!(manifest::read(other, &object("pods"), false), Err(FetchError::Replaced)));
    assert!(matches!(manifest::read(json!([]), &object("pods"), false), Err(FetchError::Unreadable(_))));
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
    let events = events::read(&list, "u1");
    let shown: Vec<_> =
        events.iter().map(|event| (event.reason.as_str(), event.count, event.source.as_str())).collect();
    assert_eq!(shown, [("", 1, ""), ("Pulled", 2, "kubelet"), ("BackOff", 7, "kubelet")]);
    assert_eq!(events[2].last, Some(1_772_445_600));
    assert!(events::read(&json!({}), "u1").is_empty());
}
