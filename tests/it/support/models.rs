//! ONNX Runtime and the 32 bit model, got once by the scripts in tests/models.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::binary::program;

/// Exit code of the scripts where they can't work.
const SKIPPED: i32 = 75;

/// ONNX Runtime's library: what `ORT_DYLIB_PATH` names, or what `kubesift setup` gets.
pub(crate) fn runtime() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(FOUND.get_or_init(|| match std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        Some(given) => Ok(given.into()),
        None => script("tests/models/runtime", &[&program()]),
    }))
}

/// A home directory for Chroma's Python client in which its default model lies, so that it downloads nothing.
pub(crate) fn chroma_home() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    told(FOUND.get_or_init(|| script("tests/models/fp32", &[])))
}

fn told(found: &Result<PathBuf, String>) -> Option<PathBuf> {
    match found {
        Ok(path) => Some(path.clone()),
        Err(why) => {
            super::skipped(why);
            None
        }
    }
}

fn script(name: &str, arguments: &[&Path]) -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let output = Command::new(script).args(arguments).output().unwrap_or_else(|e| panic!("{name}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        Some(SKIPPED) => {
            Err(errors.lines().last().unwrap_or_default().trim_start_matches("skipped: ").to_owned())
        }
        _ => panic!("{name} failed: {errors}"),
    }
}
