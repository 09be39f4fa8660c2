//! The log of a container, as it is written.

use serde_json::Value;

use super::FetchError;
use crate::cluster::client::Response;
use crate::cluster::wire::{Gunzip, WireError};

/// Bytes of one line that are kept: the rest of a longer one is left out.
const LONGEST_LINE: usize = 16 << 10;

/// Which log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// The container.
    pub container: String,
    /// Of the container before its last restart.
    pub previous: bool,
    /// Lines of the past at most.
    pub tail: usize,
}

/// What became of a Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is there, as far as is known.
    There,
    /// It is being deleted.
    Deleting,
    /// It is not there any more.
    Gone,
}

/// The log of a container as it comes. Dropping it ends the request.
pub struct LogStream {
    response: Response,
    gunzip: Gunzip,
    cutter: Cutter,
}

impl LogStream {
    pub(super) fn new(response: Response) -> Result<Self, FetchError> {
        let encoding = response.header("content-encoding").map(str::to_owned);
        let gunzip = Gunzip::of(encoding.as_deref())
            .ok_or_else(|| FetchError::Unreadable(format!("compressed as {encoding:?}")))?;
        Ok(Self { response, gunzip, cutter: Cutter::default() })
    }

    /// The next lines; `None` at the end of the log. Waits as long as nothing is written.
    ///
    /// # Errors
    /// [`FetchError`] when the connection breaks.
    pub async fn lines(&mut self) -> Result<Option<Vec<String>>, FetchError> {
        loop {
            let Some(chunk) = self.response.chunk().await? else {
                let rest = self.cutter.finish();
                return Ok((!rest.is_empty()).then_some(rest));
            };
            let mut lines = Vec::new();
            let cutter = &mut self.cutter;
            let mut sink = |plain: &[u8]| {
                cutter.push(plain, &mut lines);
                Ok::<(), WireError>(())
            };
            let inflated = self.gunzip.push(&chunk, &mut sink);
            inflated.map_err(|error| FetchError::Unreadable(error.to_string()))?;
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
    }
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
struct Cutter {
    open: Vec<u8>,
    /// Bytes of the open line that were left out.
    left_out: usize,
}

impl Cutter {
    fn push(&mut self, bytes: &[u8], lines: &mut Vec<String>) {
        for (nth, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if nth > 0 {
                lines.push(self.take());
            }
            let room = LONGEST_LINE.saturating_sub(self.open.len());
            let taken = part.len().min(room);
            self.open.extend_from_slice(&part[..taken]);
            self.left_out += part.len() - taken;
        }
    }

    fn take(&mut self) -> String {
        let bytes = std::mem::take(&mut self.open);
        let text = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(&bytes)).into_owned();
        match std::mem::take(&mut self.left_out) {
            0 => text,
            more => format!("{text}… ({more} bytes more)"),
        }
    }

    fn finish(&mut self) -> Vec<String> {
        if self.open.is_empty() { Vec::new() } else { vec![self.take()] }
    }
}

/// What became of the Pod with this uid, by the one that has its name.
pub(super) fn fate(pod: &Value, uid: &str) -> Fate {
    let said = |pointer| pod.pointer(pointer).and_then(Value::as_str);
    match (said("/metadata/uid"), said("/metadata/deletionTimestamp")) {
        (Some(own), _) if !uid.is_empty() && own != uid => Fate::Gone,
        (_, Some(_)) => Fate::Deleting,
        (_, None) => Fate::There,
    }
}

/// The containers of a Pod, the one that is looked at first in front.
pub(super) fn containers(pod: &Value) -> Vec<String> {
    let of = |field: &str| {
        let all = pod.pointer(&format!("/spec/{field}")).and_then(Value::as_array);
        let names = all.into_iter().flatten().filter_map(|container| container.get("name")?.as_str());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut names = of("containers");
    names.extend(of("initContainers"));
    names.extend(of("ephemeralContainers"));
    let default = pod.pointer("/metadata/annotations/kubectl.kubernetes.io~1default-container");
    if let Some(at) =
        default.and_then(Value::as_str).and_then(|name| names.iter().position(|own| own == name))
    {
        names[..=at].rotate_right(1);
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_cut_wherever_the_chunks_end() {
        let text = "eins\r\nzwei ü\n\nlast".as_bytes();
        for size in 1..text.len() {
            let (mut cutter, mut lines) = (Cutter::default(), Vec::new());
            text.chunks(size).for_each(|chunk| cutter.push(chunk, &mut lines));
            lines.extend(cutter.finish());
            assert_eq!(lines, ["eins", "zwei ü", "", "last"]);
        }
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let (mut cutter, mut lines) = (Cutter::default(), Vec::new());
        (0..100).for_each(|_| cutter.push(&[b'x'; 1000], &mut lines));
        assert!(cutter.open.len() <= LONGEST_LINE && lines.is_empty());
        cutter.push(b"\nnext\n", &mut lines);
        assert!(lines[0].ends_with("… (83616 bytes more)"), "{}", &lines[0][LONGEST_LINE..]);
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn the_default_container_comes_first_and_init_containers_last() {
        let pod = json!({
            "metadata": { "annotations": { "kubectl.kubernetes.io/default-container": "app" } },
            "spec": {
                "initContainers": [{ "name": "migrate" }],
                "containers": [{ "name": "proxy" }, { "name": "app" }, { "image": "x" }],
            },
        });
        assert_eq!(containers(&pod), ["app", "proxy", "migrate"]);
        assert!(containers(&json!([])).is_empty());
    }

    #[test]
    fn a_pod_whose_name_another_one_has_is_gone() {
        let pod = json!({ "metadata": { "uid": "a" } });
        assert_eq!(
            (fate(&pod, "a"), fate(&pod, ""), fate(&pod, "b")),
            (Fate::There, Fate::There, Fate::Gone)
        );
        let deleted = json!({ "metadata": { "uid": "a", "deletionTimestamp": "2026-11-28T02:40:00Z" } });
        assert_eq!(fate(&deleted, "a"), Fate::Deleting);
        assert_eq!(fate(&json!([]), "a"), Fate::There);
    }
}
