//! Events about the demo's Pods: made from how a Pod is when they are asked for, since the world keeps only metadata.

use serde_json::{Value, json};

use super::Call;
use super::reply::Reply;
use crate::demo::seed;
use crate::demo::shared::Shared;
use crate::object::{KindKey, Object};
use crate::text::rfc3339;

/// A cluster forgets events after this many seconds.
const KEPT: i64 = 3_600;

/// One event: how long ago it happened last, how often, what and who.
struct Event {
    ago: i64,
    count: usize,
    warning: bool,
    reason: &'static str,
    message: String,
    source: &'static str,
}

/// Answers a list of the events about the object with this uid.
pub(super) fn about(shared: &Shared, call: &Call, uid: &str) -> Reply {
    let state = shared.state();
    let pod = state.objects(&KindKey::from("pods")).find(|stored| {
        let namespace = call.namespace.as_deref();
        stored.object.uid == uid && namespace.is_none_or(|namespace| namespace == stored.object.namespace)
    });
    let items: Vec<Value> = pod.map_or_else(Vec::new, |pod| {
        let events = of_pod(&pod.object, call.now);
        events.iter().map(|event| written(event, &pod.object, call.now)).collect()
    });
    Reply::json(&json!({
        "kind": "EventList",
        "apiVersion": "v1",
        "metadata": { "resourceVersion": call.served.version_text(state.revision_of(&call.key)) },
        "items": items,
    }))
}

fn of_pod(pod: &Object, now: i64) -> Vec<Event> {
    let status = seed::status::pod(pod, now);
    let recent = i64::try_from(seed::status::luck(pod, 240)).unwrap_or(0);
    let event = |ago, warning, reason, message: String, source| Event {
        ago,
        count: 1,
        warning,
        reason,
        message,
        source,
    };
    let app = pod.labels.get("app").map_or(pod.name.as_str(), String::as_str);
    let image = format!("registry.example.org/{app}:1.{}", seed::status::luck(pod, 30));
    let mut events = Vec::new();
    if status.word == "Pending" {
        let message = "0/4 nodes are available: 4 Insufficient memory.".to_owned();
        let waits = event(recent, true, "FailedScheduling", message, "default-scheduler");
        return vec![Event { count: 3, ..waits }];
    }
    let age = pod.created.map_or(KEPT, |created| (now - created).max(0));
    if age < KEPT {
        let scheduled = format!("Successfully assigned {}/{} to a node", pod.namespace, pod.name);
        events.push(event(age, false, "Scheduled", scheduled, "default-scheduler"));
        events.push(event(age, false, "Pulling", format!("Pulling image \"{image}\""), "kubelet"));
    }
    match status.word {
        "ImagePullBackOff" => {
            let failed = format!("Failed to pull image \"{image}\": not found");
            events.push(Event { count: 4, ..event(recent + 20, true, "Failed", failed, "kubelet") });
            let waits = format!("Back-off pulling image \"{image}\"");
            events.push(Event { count: 12, ..event(recent, false, "BackOff", waits, "kubelet") });
        }
        "CrashLoopBackOff" => {
            let pulled = format!("Container image \"{image}\" already present on machine");
            let pulled = event(recent + 15, false, "Pulled", pulled, "kubelet");
            events.push(Event { count: status.restarts, ..pulled });
            let waits = format!("Back-off restarting failed container app in pod {}", pod.name);
            let waits = event(recent, true, "BackOff", waits, "kubelet");
            events.push(Event { count: 5 * status.restarts, ..waits });
        }
        "Terminating" => {
            events.push(event(recent, false, "Killing", "Stopping container app".to_owned(), "kubelet"));
        }
        _ if (5..KEPT).contains(&age) => {
            events.push(event(age - 4, false, "Created", "Created container: app".to_owned(), "kubelet"));
            events.push(event(age - 5, false, "Started", "Started container app".to_owned(), "kubelet"));
        }
        _ if status.restarts > 0 => {
            let failed = "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned();
            events.push(Event { count: 2, ..event(recent * 10, true, "Unhealthy", failed, "kubelet") });
        }
        _ => {}
    }
    events
}

fn written(event: &Event, pod: &Object, now: i64) -> Value {
    let at = rfc3339(now - event.ago);
    json!({
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": { "name": format!("{}.{}", pod.name, event.reason.to_lowercase()), "namespace": pod.namespace },
        "involvedObject": { "kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid },
        "type": if event.warning { "Warning" } else { "Normal" },
        "reason": event.reason,
        "message": event.message,
        "count": event.count,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "source": { "component": event.source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    /// A Pod of this age that is this way.
    fn pod(word: &str, age: i64) -> Object {
        let made = |n: u32| Object { uid: format!("uid-{n}"), created: Some(NOW - age), ..Object::default() };
        (0..10_000).map(made).find(|pod| seed::status::pod(pod, NOW).word == word).expect("one in 60 is so")
    }

    fn reasons(pod: &Object) -> Vec<&'static str> {
        of_pod(pod, NOW).iter().map(|event| event.reason).collect()
    }

    #[test]
    fn events_tell_how_a_pod_is_and_what_is_long_ago_is_forgotten() {
        let day = 86_400;
        assert_eq!(reasons(&pod("Running", 60)), ["Scheduled", "Pulling", "Created", "Started"]);
        assert_eq!(reasons(&pod("CrashLoopBackOff", day)), ["Pulled", "BackOff"]);
        assert_eq!(reasons(&pod("ImagePullBackOff", day)), ["Failed", "BackOff"]);
        assert_eq!(reasons(&pod("Pending", 60)), ["FailedScheduling"]);
        let crashing = of_pod(&pod("CrashLoopBackOff", day), NOW);
        assert!(crashing.iter().all(|event| event.ago < KEPT && event.count > 1));
    }
}
