//! Which kubeconfig files there are, and their text.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::AccessError;
use super::{AccessOptions, Environment};

/// What was read from pipes (`--kubeconfig <(...)`). A pipe gives its text once, and a process asks for it several
/// times: for the current context, for the access, and again whenever the app opens a cluster.
static PIPES: Mutex<BTreeMap<PathBuf, Arc<str>>> = Mutex::new(BTreeMap::new());

/// More than any kubeconfig: a device that never ends must not fill the memory.
const LONGEST: u64 = 64 << 20;

/// The files to read, and whether they must be there: files of a list that do not exist are passed over, as kubectl
/// does; a file named by `--kubeconfig` must exist.
pub(super) fn paths(options: &AccessOptions) -> (Vec<PathBuf>, bool) {
    match &options.kubeconfig {
        Some(path) => (vec![path.clone()], true),
        None => (default_paths(&options.environment), false),
    }
}

fn default_paths(environment: &Environment) -> Vec<PathBuf> {
    if let Some(list) = environment.get("KUBECONFIG") {
        let paths: Vec<PathBuf> =
            std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
        if !paths.is_empty() {
            return paths;
        }
    }
    environment.home().map(|home| home.join(".kube").join("config")).into_iter().collect()
}

/// The text of one file; `None` where it does not exist and need not.
pub(super) fn read(path: &Path, required: bool) -> Result<Option<Arc<str>>, AccessError> {
    // Held while a pipe is read: a second reader would find it empty.
    let mut pipes = PIPES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(text) = pipes.get(path) {
        return Ok(Some(Arc::clone(text)));
    }
    let metadata = match fs_err::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && !required => return Ok(None),
        result => result.map_err(|source| AccessError::Read { source })?,
    };
    // A directory says what it is when it is read.
    if metadata.is_file() || metadata.is_dir() {
        drop(pipes);
        let bytes = fs_err::read(path).map_err(|source| AccessError::Read { source })?;
        return text(path, bytes).map(|text| Some(text.into()));
    }
    let text: Arc<str> = read_once(path).and_then(|bytes| text(path, bytes))?.into();
    pipes.insert(path.to_owned(), Arc::clone(&text));
    Ok(Some(text))
}

fn read_once(path: &Path) -> Result<Vec<u8>, AccessError> {
    let mut bytes = Vec::new();
    let read = fs_err::File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 == LONGEST => Err(unreadable(path, "does not end")),
        Ok(_) => Ok(bytes),
        Err(source) => Err(AccessError::Read { source }),
    }
}

fn unreadable(path: &Path, problem: &str) -> AccessError {
    AccessError::Read { source: Error::new(ErrorKind::InvalidData, format!("{} {problem}", path.display())) }
}

/// Editors on Windows write UTF-16 or a byte order mark; kubectl reads both.
fn text(path: &Path, bytes: Vec<u8>) -> Result<String, AccessError> {
    let wide = |from: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units: Vec<u16> =
            bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(from).collect();
        String::from_utf16(&units).map_err(|_| unreadable(path, "is not valid UTF-16"))
    };
    match bytes.as_slice() {
        [0xFF, 0xFE, rest @ ..] => wide(u16::from_le_bytes, rest),
        [0xFE, 0xFF, rest @ ..] => wide(u16::from_be_bytes, rest),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(path, rest.to_vec()),
        _ => utf8(path, bytes),
    }
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String, AccessError> {
    String::from_utf8(bytes).map_err(|_| unreadable(path, "is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_read_once_and_a_file_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, file) = (dir.path().join("pipe"), dir.path().join("file"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Writing ends when it was read to its end.
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs_err::write(pipe, "from a pipe").unwrap()
        });
        for _ in 0..3 {
            assert_eq!(read(&pipe, true).unwrap().as_deref(), Some("from a pipe"));
        }
        writer.join().unwrap();
        for text in ["one", "two"] {
            fs_err::write(&file, text).unwrap();
            assert_eq!(read(&file, true).unwrap().as_deref(), Some(text));
        }
    }

    #[test]
    fn a_device_without_an_end_is_an_error() {
        let error = format!("{:?}", read(Path::new("/dev/zero"), true).unwrap_err());
        assert!(error.contains("/dev/zero does not end"), "{error}");
    }

    #[test]
    fn byte_order_marks_and_wide_characters_are_read() {
        let path = Path::new("k");
        let wide = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            let units = "a: é".encode_utf16().flat_map(bytes);
            mark.into_iter().chain(units).collect::<Vec<u8>>()
        };
        let same = [
            "a: é".as_bytes().to_vec(),
            [&[0xEF, 0xBB, 0xBF], "a: é".as_bytes()].concat(),
            wide([0xFF, 0xFE], u16::to_le_bytes),
            wide([0xFE, 0xFF], u16::to_be_bytes),
        ];
        for bytes in same {
            assert_eq!(text(path, bytes).unwrap(), "a: é");
        }
        assert!(format!("{:?}", text(path, vec![b'a', 0xFF]).unwrap_err()).contains("UTF-8"));
    }
}
