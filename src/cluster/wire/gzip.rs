//! Gzipped bodies, inflated as they arrive.

use flate2::{Decompress, FlushDecompress, Status as Flate};

use super::WireError;

/// Output buffer: what one call of the sink gets at most.
const BUFFER: usize = 32 << 10;

/// Inflates a body (or passes it on as it is), a buffer at a time: a small body that inflates to gigabytes costs the
/// sink's patience, not memory.
pub struct Gunzip {
    inner: Option<Inflate>,
}

struct Inflate {
    stream: Decompress,
    buffer: Box<[u8]>,
    /// Inside a gzip member (a body may be several, one after the other).
    open: bool,
}

impl Gunzip {
    /// For a body whose `Content-Encoding` is gzip.
    pub fn new() -> Self {
        let stream = Decompress::new_gzip(15);
        Self { inner: Some(Inflate { stream, buffer: vec![0; BUFFER].into(), open: false }) }
    }

    /// For a body without an encoding: every byte is passed on.
    pub fn identity() -> Self {
        Self { inner: None }
    }

    /// Chooses by the `Content-Encoding` header; `None` for an encoding that was never asked for.
    pub fn of(content_encoding: Option<&str>) -> Option<Self> {
        match content_encoding.map(str::trim) {
            None | Some("") => Some(Self::identity()),
            Some(name) if name.eq_ignore_ascii_case("identity") => Some(Self::identity()),
            Some(name) if name.eq_ignore_ascii_case("gzip") => Some(Self::new()),
            Some(_) => None,
        }
    }

    /// Takes the next bytes and hands what they inflate to to `sink`, whose error ends it.
    pub fn push<E: From<WireError>>(
        &mut self,
        bytes: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match &mut self.inner {
            None => sink(bytes),
            Some(inflate) => inflate.push(bytes, sink),
        }
    }

    /// Ends the body; an error when it ended inside a gzip member.
    pub fn finish(self) -> Result<(), WireError> {
        match self.inner {
            Some(inflate) if inflate.open => Err(WireError::Truncated("compressed data")),
            _ => Ok(()),
        }
    }
}

impl Default for Gunzip {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflate {
    fn push<E: From<WireError>>(
        &mut self,
        mut bytes: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut full = false;
        while !bytes.is_empty() || full {
            if !self.open {
                self.stream = Decompress::new_gzip(15);
                self.open = true;
            }
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let result = self.stream.decompress(bytes, &mut self.buffer, FlushDecompress::None);
            let read = count(self.stream.total_in() - read).min(bytes.len());
            let written = count(self.stream.total_out() - written).min(self.buffer.len());
            bytes = &bytes[read..];
            full = written == self.buffer.len();
            if written > 0 {
                sink(&self.buffer[..written])?;
            }
            match result {
                Ok(Flate::StreamEnd) => (self.open, full) = (false, false),
                Ok(Flate::Ok | Flate::BufError) if read > 0 || written > 0 => {}
                // Nothing was left behind the full buffer.
                Ok(Flate::Ok | Flate::BufError) if bytes.is_empty() => {}
                Ok(Flate::Ok | Flate::BufError) | Err(_) => return Err(WireError::Gzip.into()),
            }
        }
        Ok(())
    }
}

fn count(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
