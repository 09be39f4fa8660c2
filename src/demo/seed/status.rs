//! How the objects of the demo's world are: made from what they are, so that the same object is always the same way.

use super::random::Random;
use crate::object::Object;

/// A Pod as the server prints it.
pub(in crate::demo) struct PodStatus {
    /// Its only container is ready.
    pub(in crate::demo) ready: bool,
    /// The word under STATUS.
    pub(in crate::demo) word: &'static str,
    /// How often its container was started again.
    pub(in crate::demo) restarts: usize,
}

/// How a Pod is. Most run.
pub(in crate::demo) fn pod(pod: &Object, now: i64) -> PodStatus {
    let status = |ready, word, restarts| PodStatus { ready, word, restarts };
    if pod.deleted.is_some() {
        return status(false, "Terminating", 0);
    }
    if pod.owners.iter().any(|owner| owner.kind == "Job") {
        return match luck(pod, 9) {
            0 => status(false, "Error", 0),
            _ => status(false, "Completed", 0),
        };
    }
    if pod.created.is_some_and(|created| now - created < 5) {
        return status(false, "ContainerCreating", 0);
    }
    match luck(pod, 60) {
        0 => status(false, "CrashLoopBackOff", 4 + luck(pod, 90)),
        1 => status(false, "ImagePullBackOff", 0),
        2 => status(false, "Pending", 0),
        3..=6 => status(true, "Running", 1 + luck(pod, 3)),
        _ => status(true, "Running", 0),
    }
}

/// A number below `below` that is always the same for the same object.
pub(in crate::demo) fn luck(object: &Object, below: usize) -> usize {
    let seed = object.uid.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Random::new(seed).below(below.max(1))
}
