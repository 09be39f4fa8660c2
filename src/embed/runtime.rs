//! ONNX Runtime's library: where it is looked for, and how it is loaded without taking the process down.
//!
//! `ort` panics when it is used before a library is loaded, and the dynamic linker maps a cut-off file without a word
//! and dies reading it. So the file is looked at first, and loaded by name.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::{Build, EmbedError};

/// The library's file name.
#[cfg(target_os = "macos")]
pub const LIBRARY: &str = "libonnxruntime.dylib";
/// The library's file name.
#[cfg(not(target_os = "macos"))]
pub const LIBRARY: &str = "libonnxruntime.so";

/// Below the data directory.
const DIRECTORY: &str = "onnxruntime";
/// Where distributions and hand-made installations put libraries.
const SYSTEM: [&str; 7] = [
    "/usr/local/lib",
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/opt/homebrew/lib",
    "/opt/onnxruntime/lib",
];

/// Where ONNX Runtime may lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// `ORT_DYLIB_PATH`: this file and no other.
    pub given: Option<PathBuf>,
    /// kubesift's data directory, where `setup` puts it.
    pub data_dir: Option<PathBuf>,
    /// `LD_LIBRARY_PATH` or its like, in the order it names them.
    pub search_path: Vec<PathBuf>,
}

impl Runtime {
    /// Where `setup` puts the library below this data directory.
    pub fn installed(data_dir: &Path) -> PathBuf {
        data_dir.join(DIRECTORY).join(LIBRARY)
    }

    /// The library that would be loaded.
    ///
    /// # Errors
    /// [`EmbedError::RuntimeMissing`].
    pub fn find(&self) -> Result<PathBuf, EmbedError> {
        let candidates = self.candidates();
        let found = candidates.iter().find(|path| path.is_file());
        found.cloned().ok_or(EmbedError::RuntimeMissing { looked: candidates })
    }

    /// Whether this is the one that `setup` installed.
    fn is_installed(&self, path: &Path) -> bool {
        self.given.is_none() && self.data_dir.as_deref().is_some_and(|dir| path == Self::installed(dir))
    }

    fn candidates(&self) -> Vec<PathBuf> {
        if let Some(given) = &self.given {
            return vec![given.clone()];
        }
        let installed = self.data_dir.iter().map(|dir| Self::installed(dir));
        let searched = self.search_path.iter().map(|dir| dir.join(LIBRARY));
        installed.chain(searched).chain(SYSTEM.map(|dir| Path::new(dir).join(LIBRARY))).collect()
    }
}

/// A process can load one library, once. Kept for ever: the library's globals must outlive everything that uses them.
static LOADED: Mutex<Option<Environment>> = Mutex::new(None);

/// Loads the library and makes it `ort`'s; a second time gives the same.
///
/// # Errors
/// [`EmbedError::RuntimeMissing`], [`EmbedError::RuntimeUnusable`]; it may be tried again.
pub(super) fn load(runtime: &Runtime) -> Result<Environment, EmbedError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let path = runtime.find()?;
    let unusable = |reason: String| EmbedError::RuntimeUnusable { path: path.clone(), reason };
    check(&path).map_err(unusable)?;
    if runtime.is_installed(&path) && !intact(&path) {
        return Err(unusable("it is damaged, or of another version than this program needs".to_owned()));
    }
    let builder = ort::init_from(&path).map_err(|error| unusable(error.to_string()))?;
    let builder = builder.with_telemetry(false).with_logger(Arc::new(log));
    let environment = builder.build().map_err(|error| unusable(error.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    Ok(loaded.insert(environment).clone())
}

/// The library would write to stderr, into whatever the terminal app shows.
fn log(level: LogLevel, _category: &str, _id: &str, place: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::warn!(place, message, "ONNX Runtime"),
        LogLevel::Warning | LogLevel::Info | LogLevel::Verbose => {
            tracing::debug!(place, message, "ONNX Runtime");
        }
    }
}

/// Whether it is what `setup` put there, byte for byte: a bent library does not fail, it crashes.
fn intact(path: &Path) -> bool {
    Build::here().is_none_or(|build| build.is(path).unwrap_or(false))
}

/// Whether this is a whole library of this machine's kind.
fn check(path: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut file = fs_err::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut head = [0; 64];
    file.read_exact(&mut head).map_err(|_| "it is no library".to_owned())?;
    if cfg!(target_os = "linux") { check_elf(&head, length) } else { Ok(()) }
}

/// The section headers stand at the end of a library: a file that ends before them was cut off.
fn check_elf(head: &[u8; 64], length: u64) -> Result<(), String> {
    let [short, long] = [head[18], head[19]].map(u64::from);
    let machine = short | (long << 8);
    if head[..4] != *b"\x7fELF" {
        return Err("it is no library".to_owned());
    }
    let ours = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    if head[4] != 2 || machine != ours {
        return Err(format!("it is for another processor than {}", std::env::consts::ARCH));
    }
    let number = |at: usize, bytes: usize| {
        head[at..at + bytes].iter().rev().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))
    };
    let end = number(40, 8).saturating_add(number(58, 2) * number(60, 2));
    if end > length { Err("it is cut off; download it again".to_owned()) } else { Ok(()) }
}
