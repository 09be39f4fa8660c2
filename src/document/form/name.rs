//! The name without what a controller or `generateName` put into it. Who made an object is known from its controller,
//! its labels and its kind; that beats looks ([`segment`]), which are asked last.
//!
//! | who | name | left |
//! |---|---|---|
//! | ReplicaSet of a Deployment, its Pods | `web-7d9f8b6c5d`, `web-7d9f8b6c5d-x7k2p` | `web` |
//! | Pod of a DaemonSet, a Job, ... | `proxy-bqxzw` | `proxy` |
//! | Pod of a StatefulSet, claim of one | `web-0`, `data-web-0` | `web`, `data-web` |
//! | Job of a CronJob, its Pods | `backup-29381760`, `backup-29381760-x7k2p` | `backup` |
//! | ControllerRevision | `web-6b8c9d7f5` | `web` |
//! | whatever a controller numbered | CertificateRequest `tls-1` of Certificate `tls` | `tls` |
//! | Helm's release Secret | `sh.helm.release.v1.shop.v12` | `helm.release.shop` |
//! | token Secrets | `default-token-bqxzw` | `default-token` |
//! | Nodes and what is named after them | `ip-10-0-1-23.eu-west-1.compute.internal` | `ip.eu-west.compute.internal` |
//! | anything else | UUIDs, digests, `-7gc4kbk6ck`, `-x7k2p`, `-20260131` | |

use super::segment;
use crate::document::Local;
use crate::object::Owner;

/// Labels whose value Kubernetes put into the name.
const HASH_LABELS: [&str; 3] =
    ["pod-template-hash", "controller-revision-hash", "rollouts-pod-template-hash"];
/// Owners that name what they own after themselves and a random or numbered suffix, never after a word.
const NAMING: [&str; 9] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "ReplicaSet",
    "ReplicationController",
    "Rollout",
    "StatefulSet",
    "Workflow",
];
/// Kinds whose names are those of machines, which are numbered.
const MACHINES: [&str; 5] = ["CSINode", "CiliumNode", "Lease", "Machine", "Node"];
/// A name that `generateName` would make too long is cut to this before the suffix.
const CUT: usize = 58;
/// How Helm names the Secret (or ConfigMap) of a release.
const HELM: &str = "sh.helm.release.v1.";

/// The name of an object of this kind without its generated parts; empty when all of it was generated.
pub(super) fn stripped(kind: &str, name: &str, local: &Local) -> String {
    segment::until_settled(name.to_owned(), |name| step(kind, name, local))
}

fn step(kind: &str, name: &str, local: &Local) -> String {
    let mut name = name.to_owned();
    if let Some(owner) = local.owners.iter().find(|owner| owner.controller) {
        name = without_owners_suffix(&name, owner);
    }
    for label in HASH_LABELS {
        if let Some(value) = local.labels.get(label) {
            name = without_hash(&name, value);
        }
    }
    if let Some(release) = name.strip_prefix(HELM) {
        name = format!("helm.release.{}", without_revision(release));
    }
    let name = without_kinds_suffix(kind, &segment::stripped(&name));
    if MACHINES.contains(&kind) { without_numbers(&name) } else { name }
}

/// `web-7d9f8b6c5d-x7k2p` of ReplicaSet `web-7d9f8b6c5d` becomes `web`.
fn without_owners_suffix(name: &str, owner: &Owner) -> String {
    let naming = NAMING.contains(&owner.kind.as_str());
    let base = if let Some(suffix) = after(name, &owner.name) {
        let generated = |part: &str| {
            segment::is_number(part) || segment::is_random_suffix(part) || segment::is_template_hash(part)
        };
        let named = |part: &str| segment::is_number(part) || segment::is_safe(part);
        let ours = suffix.split('-').all(if naming { named } else { generated });
        if ours { &owner.name } else { name }
    } else if naming && is_cut(name, &owner.name) {
        &name[..CUT]
    } else {
        name
    };
    match owner.kind.as_str() {
        // Their names carry a template hash or a time, which may consist of letters or digits alone.
        "ReplicaSet" | "Job" if base.len() < name.len() => without_template_hash(base),
        _ => base.to_owned(),
    }
}

fn after<'a>(name: &'a str, owner: &str) -> Option<&'a str> {
    let suffix = name.strip_prefix(owner)?.strip_prefix('-')?;
    (!owner.is_empty() && !suffix.is_empty()).then_some(suffix)
}

/// A long owner's name was cut, and a random suffix put behind it.
fn is_cut(name: &str, owner: &str) -> bool {
    name.len() == CUT + segment::SUFFIX
        && name.is_char_boundary(CUT)
        && owner.starts_with(&name[..CUT])
        && segment::is_safe(&name[CUT..])
}

/// The hash of a ReplicaSet that is known only as somebody's owner.
fn without_template_hash(name: &str) -> String {
    let (at, tail) = segment::last(name);
    let hash = segment::is_template_hash(tail) || (tail.len() >= 8 && segment::is_number(tail));
    if hash && at > 0 { segment::trim_end(&name[..at]).to_owned() } else { name.to_owned() }
}

/// The value of a hash label, anywhere after the first segment. A StatefulSet's and a DaemonSet's revision label
/// holds the whole name of the revision (`web-6b8c9d7f5`) or the hash alone.
fn without_hash(name: &str, value: &str) -> String {
    let (_, hash) = segment::last(value);
    match name.find(&format!("-{hash}")) {
        Some(at) if !hash.is_empty() && at > 0 => {
            let rest = &name[at + 1 + hash.len()..];
            if rest.is_empty() || rest.starts_with('-') { name[..at].to_owned() } else { name.to_owned() }
        }
        _ => name.to_owned(),
    }
}

/// `shop.v12` becomes `shop`.
fn without_revision(release: &str) -> &str {
    match release.rsplit_once(".v") {
        Some((name, revision)) if segment::is_number(revision) => name,
        _ => release,
    }
}

fn without_kinds_suffix(kind: &str, name: &str) -> String {
    let (at, tail) = segment::last(name);
    let before = segment::trim_end(&name[..at]);
    let generated = match kind {
        // A claim made from a StatefulSet's template has no owner by default: `data-web-0`.
        "PersistentVolumeClaim" => segment::is_number(tail),
        "ReplicaSet" | "ControllerRevision" => segment::is_safe(tail) && (8..=10).contains(&tail.len()),
        "Secret" => {
            let (_, previous) = segment::last(before);
            matches!(previous, "token" | "dockercfg")
                && tail.len() == segment::SUFFIX
                && segment::is_safe(tail)
        }
        _ => false,
    };
    if generated && !before.is_empty() { before.to_owned() } else { name.to_owned() }
}

/// Without segments of digits and without digits that end a segment: machines are counted.
fn without_numbers(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    for part in name.split_inclusive(segment::is_separator) {
        let bare = part.trim_end_matches(segment::is_separator);
        let word = bare.trim_end_matches(|c: char| c.is_ascii_digit());
        if !word.is_empty() {
            kept.push_str(word);
            kept.push_str(&part[bare.len()..]);
        }
    }
    let kept = segment::trim_end(&kept);
    if kept.is_empty() { name.to_owned() } else { kept.to_owned() }
}
