//! Logs of the demo's Pods, as the kubelet would give them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::StatusCode;

use super::Call;
use super::reply::{Payload, Refusal, Reply};
use crate::demo::seed;
use crate::demo::shared::Shared;
use crate::demo::store::path;
use crate::object::Object;
use crate::text;

/// Lines of the past that there are, without `tailLines`.
const PAST: u64 = 200;
/// Time between two lines.
const PACE: Duration = Duration::from_secs(1);
/// The only container of the demo's Pods.
const CONTAINER: &str = "app";

/// Answers `…/pods/NAME/log`.
pub(super) fn logs(shared: &Arc<Shared>, call: &Call) -> Result<Reply, Refusal> {
    let name = call.name.clone().unwrap_or_default();
    let path = path(call.namespace.as_deref().unwrap_or_default(), &name);
    let stored = shared.state().get(&call.key, &path).cloned();
    let stored = stored.ok_or_else(|| Refusal::new(404, "NotFound", format!("pods \"{name}\" not found")))?;
    let pod = &stored.object;
    if let Some(other) = call.query.get("container").filter(|container| *container != CONTAINER) {
        return Err(Refusal::bad_request(format!("container {other} is not valid for pod {name}")));
    }
    let status = seed::status::pod(pod, call.now);
    let waits = ["ContainerCreating", "ImagePullBackOff", "Pending"].contains(&status.word);
    if waits {
        let message =
            format!("container \"{CONTAINER}\" in pod \"{name}\" is waiting to start: {}", status.word);
        return Err(Refusal::bad_request(message));
    }
    let previous = call.query.flag("previous");
    if previous && status.restarts == 0 {
        let message = format!("previous terminated container \"{CONTAINER}\" in pod \"{name}\" not found");
        return Err(Refusal::bad_request(message));
    }
    let tail = call.query.number("tailLines").unwrap_or(PAST).min(PAST);
    let until = if previous { call.now - 600 } else { call.now };
    let first = until - i64::try_from(tail).unwrap_or_default();
    let mut past: String = (first..until).map(|at| line(pod, at)).collect();
    let crashes = status.word == "CrashLoopBackOff" || previous;
    if crashes {
        past.push_str(&format!("{} \x1b[31mFATAL\x1b[0m out of memory, giving up\n", text::rfc3339(until)));
    }
    let follows = call.query.flag("follow") && status.ready;
    let past = stream::once(async move { Ok(Bytes::from(past)) });
    let body = match follows {
        true => past.chain(coming(Arc::clone(shared), call.key.clone(), path, pod.uid.clone())).boxed(),
        false => past.boxed(),
    };
    let mut reply = Reply::text(StatusCode::OK, "");
    reply.body = Payload::Stream(body);
    Ok(reply)
}

// A line a second, as long as the Pod is there.
fn coming(
    shared: Arc<Shared>,
    kind: crate::object::KindKey,
    path: String,
    uid: String,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    stream::unfold((shared, kind, path, uid), |(shared, kind, path, uid)| async move {
        tokio::time::sleep(PACE).await;
        let stored = shared.state().get(&kind, &path).cloned();
        let pod = stored.filter(|stored| stored.object.uid == uid)?;
        let line = line(&pod.object, shared.now());
        Some((Ok(Bytes::from(line)), (shared, kind, path, uid)))
    })
}

// What the Pod wrote at a second: always the same.
fn line(pod: &Object, at: i64) -> String {
    let app = pod.labels.get("app").map_or(pod.name.as_str(), String::as_str);
    let number = (seed::status::luck(pod, 997) as i64 + at * 31).rem_euclid(997);
    let (level, message) = match number % 23 {
        0 => ("\x1b[31mERROR\x1b[0m", format!("request {number} failed: upstream timed out after 3 s")),
        1 | 2 => ("\x1b[33mWARN\x1b[0m ", format!("slow query took {} ms", 400 + number)),
        3..=9 => {
            ("\x1b[2mDEBUG\x1b[0m", format!("cache of {app}: {number} entries, hit rate 0.9{}", number % 10))
        }
        _ => ("\x1b[32mINFO\x1b[0m ", format!("GET /{app}/{number} 200 in {} ms", number % 90)),
    };
    format!("{} {level} {message}\n", text::rfc3339(at))
}
