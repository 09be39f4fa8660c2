//! Bodies on their way out: damaged where a fault says so, compressed where asked, counted always.

use std::collections::VecDeque;
use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};

use super::reply::Payload;
use crate::demo::faults::Action;
use crate::demo::log::Counter;

/// What hyper sends.
pub(in crate::demo) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Pieces that a whole body is cut into when a fault works on it.
const PIECE: usize = 16 << 10;

pub(super) fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// Makes the body that is sent.
pub(super) fn body(payload: Payload, action: Option<&Action>, counter: Counter) -> Body {
    let faulty = action.is_some_and(|action| {
        matches!(
            action,
            Action::Break { .. }
                | Action::Truncate { .. }
                | Action::Garbage { .. }
                | Action::Slow { .. }
                | Action::Silent { .. }
        )
    });
    let body = match payload {
        Payload::Whole(bytes) if !faulty => {
            Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
        }
        Payload::Whole(bytes) => {
            let bytes = Bytes::from(bytes);
            let starts = (0..bytes.len()).step_by(PIECE);
            let pieces: Vec<_> =
                starts.map(|start| Ok(bytes.slice(start..(start + PIECE).min(bytes.len())))).collect();
            framed(damaged(stream::iter(pieces).boxed(), action))
        }
        Payload::Stream(stream) => framed(damaged(stream, action)),
    };
    body.map_frame(move |frame| {
        if let Some(bytes) = frame.data_ref() {
            counter.add(bytes.len());
        }
        frame
    })
    .boxed_unsync()
}

type Chunks = BoxStream<'static, io::Result<Bytes>>;

fn framed(chunks: Chunks) -> Body {
    StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync()
}

fn damaged(chunks: Chunks, action: Option<&Action>) -> Chunks {
    match action {
        Some(Action::Break { after }) => {
            let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "broken on request");
            first(chunks, *after).chain(stream::once(async { Err(broken) })).boxed()
        }
        Some(Action::Truncate { after }) => first(chunks, *after),
        Some(Action::Silent { after }) => first(chunks, *after).chain(stream::pending()).boxed(),
        Some(Action::Garbage { after }) => garbage(chunks, *after),
        Some(Action::Slow { chunk, pause }) => {
            let (size, pause) = ((*chunk).max(1), *pause);
            stream::unfold((chunks, VecDeque::new()), move |(mut chunks, mut pieces)| async move {
                while pieces.is_empty() {
                    match chunks.next().await? {
                        Ok(bytes) => pieces = cut(&bytes, size),
                        Err(error) => return Some((Err(error), (chunks, pieces))),
                    }
                }
                tokio::time::sleep(pause).await;
                pieces.pop_front().map(|piece| (Ok(piece), (chunks, pieces)))
            })
            .boxed()
        }
        _ => chunks,
    }
}

fn cut(bytes: &Bytes, size: usize) -> VecDeque<Bytes> {
    (0..bytes.len()).step_by(size).map(|start| bytes.slice(start..(start + size).min(bytes.len()))).collect()
}

// The first bytes of a body; ends there, even where the body itself would go on waiting.
fn first(chunks: Chunks, length: usize) -> Chunks {
    stream::unfold((chunks, length), |(mut chunks, left)| async move {
        if left == 0 {
            return None;
        }
        let bytes = match chunks.next().await? {
            Ok(bytes) => bytes,
            Err(error) => return Some((Err(error), (chunks, left))),
        };
        let taken = bytes.len().min(left);
        Some((Ok(bytes.slice(..taken)), (chunks, left - taken)))
    })
    .boxed()
}

fn garbage(chunks: Chunks, after: usize) -> Chunks {
    let mut passed = 0usize;
    chunks
        .map_ok(move |bytes| {
            let noisy = bytes.iter().enumerate().map(|(index, &byte)| {
                let place = passed + index;
                // A fixed noise: runs are repeatable.
                let noise = (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0] | 1;
                if place < after { byte } else { byte ^ noise }
            });
            let noisy: Vec<u8> = noisy.collect();
            passed += bytes.len();
            Bytes::from(noisy)
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::faults::Verb;
    use crate::demo::log::{self, Log};

    async fn through(action: Action) -> Result<Vec<u8>, io::Error> {
        let payload = Payload::Whole(vec![7; 40_000]);
        let mut noted = log::Request::new("GET", "/", Verb::Other, None);
        let counter = Log::default().begin(&mut noted);
        let sent = body(payload, Some(&action), counter).collect().await?.to_bytes();
        assert_eq!((noted.bytes(), noted.is_open()), (sent.len() as u64, false));
        Ok(sent.to_vec())
    }

    #[tokio::test]
    async fn bodies_are_damaged_as_asked_and_counted() {
        assert_eq!(through(Action::Truncate { after: 20_000 }).await.unwrap(), vec![7; 20_000]);
        assert!(through(Action::Break { after: 20_000 }).await.is_err());
        let noise = through(Action::Garbage { after: 20_000 }).await.unwrap();
        assert_eq!((&noise[..20_000], noise.len()), (vec![7; 20_000].as_slice(), 40_000));
        assert!(noise[20_000..].iter().all(|&byte| byte != 7));
        let slow = Action::Slow { chunk: 10_000, pause: std::time::Duration::ZERO };
        assert_eq!(through(slow).await.unwrap().len(), 40_000);
        assert_eq!(through(Action::Duplicate).await.unwrap().len(), 40_000);
    }
}
