//! Getting ONNX Runtime: its Python wheel is downloaded by the user's own `pip` (with whatever index, proxy and
//! certificates pip is set up for), the library is taken out of it, checked, and put into the data directory.
//!
//! Always the wheel for one Python version, whichever one runs pip: wheels are built one by one, and a checksum fits one.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Runtime;

/// The version that is set up.
pub const VERSION: &str = "1.32.0";
/// The Python whose wheel is taken.
const PYTHON: &str = "3.11";
/// How often the bar moves.
const TICK: Duration = Duration::from_millis(100);

/// The library for one platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    os: &'static str,
    arch: &'static str,
    /// What the wheel's platform is called.
    tag: &'static str,
    /// The library inside the wheel.
    member: &'static str,
    /// Its SHA-256.
    sha256: &'static str,
    /// Size of the wheel in bytes, for the bar.
    wheel: u64,
}

/// Linux x86_64 was tried; the checksums of the others are those of the same release.
const BUILDS: [Build; 3] = [
    Build {
        os: "linux",
        arch: "x86_64",
        tag: "manylinux_2_28_x86_64",
        member: "onnxruntime/capi/libonnxruntime.so.1.32.0",
        sha256: "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
        wheel: 27_773_237,
    },
    Build {
        os: "linux",
        arch: "aarch64",
        tag: "manylinux_2_28_aarch64",
        member: "onnxruntime/capi/libonnxruntime.so.1.32.0",
        sha256: "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
        wheel: 23_195_070,
    },
    Build {
        os: "macos",
        arch: "aarch64",
        tag: "macosx_14_0_arm64",
        member: "onnxruntime/capi/libonnxruntime.1.32.0.dylib",
        sha256: "fa585fabbea65b823b9a8f7e27d46aee3989d1be7e36b528203d3a1fd613aae7",
        wheel: 22_506_162,
    },
];

impl Build {
    /// The library for this machine; `None` where no release is known.
    pub fn here() -> Option<Self> {
        BUILDS.into_iter().find(|build| {
            (build.os, build.arch) == (std::env::consts::OS, std::env::consts::ARCH)
                && !cfg!(target_env = "musl")
        })
    }

    /// Whether this file is that library, byte for byte.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn is(&self, path: &Path) -> io::Result<bool> {
        let mut file = fs_err::File::open(path)?;
        let mut sha = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                length => sha.update(&buffer[..length]),
            }
        }
        let digest: String = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(digest == self.sha256)
    }
}

/// What [`install`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// The right version was there.
    Already(PathBuf),
    /// It is there now.
    Now(PathBuf),
}

/// Why ONNX Runtime could not be set up; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No release is known for this platform.
    #[error(
        "no build of ONNX Runtime {VERSION} is known for {} on {}",
        std::env::consts::OS,
        std::env::consts::ARCH
    )]
    Platform,
    /// No Python.
    #[error("Python 3 was not found: neither {} can be run", names.join(" nor "))]
    Python {
        /// What was tried.
        names: Vec<String>,
    },
    /// Python without pip.
    #[error("{python} has no pip: {reason}")]
    Pip {
        /// The Python.
        python: String,
        /// What it said.
        reason: String,
    },
    /// The download failed.
    #[error("pip could not download onnxruntime {VERSION}: {reason}")]
    Download {
        /// pip's own words.
        reason: String,
    },
    /// The wheel is not what it should be.
    #[error("the downloaded wheel can't be unpacked: {reason}")]
    Unpack {
        /// What is wrong.
        reason: String,
    },
    /// The library is not the one that is known.
    #[error("the downloaded library has not the checksum of ONNX Runtime {VERSION}; it was thrown away")]
    Checksum,
    /// The data directory can't be written.
    #[error("ONNX Runtime could not be put into the data directory")]
    Write(#[source] io::Error),
}

/// Puts the library below `data_dir` unless it is there. `pythons` are tried in turn; `progress` is told bytes done
/// and in all, for some ten times a second. A download that breaks off leaves nothing.
///
/// # Errors
/// [`SetupError`].
pub fn install(
    data_dir: &Path,
    build: &Build,
    pythons: &[&str],
    mut progress: impl FnMut(u64, u64),
) -> Result<Installed, SetupError> {
    let target = Runtime::installed(data_dir);
    if target.is_file() && build.is(&target).map_err(SetupError::Write)? {
        return Ok(Installed::Already(target));
    }
    let python = find(pythons)?;
    let work = Scratch::new(&target).map_err(SetupError::Write)?;
    let wheel = download(python, build, &work.0, &mut progress)?;
    let library = unpack(python, build, &wheel, &work.0)?;
    if !build.is(&library).map_err(SetupError::Write)? {
        return Err(SetupError::Checksum);
    }
    fs_err::File::open(&library).and_then(|file| file.sync_all()).map_err(SetupError::Write)?;
    fs_err::rename(&library, &target).map_err(SetupError::Write)?;
    Ok(Installed::Now(target))
}

/// The first Python that runs and has pip.
fn find<'a>(pythons: &[&'a str]) -> Result<&'a str, SetupError> {
    let mut without_pip = None;
    for python in pythons {
        let Ok(said) = command(python).args(["-m", "pip", "--version"]).output() else { continue };
        if said.status.success() {
            return Ok(python);
        }
        let reason = last_line(&said);
        without_pip.get_or_insert(SetupError::Pip { python: (*python).to_owned(), reason });
    }
    let names = pythons.iter().map(|name| (*name).to_owned()).collect();
    Err(without_pip.unwrap_or(SetupError::Python { names }))
}

fn download(
    python: &str,
    build: &Build,
    work: &Path,
    progress: &mut impl FnMut(u64, u64),
) -> Result<PathBuf, SetupError> {
    let failed = |reason: String| SetupError::Download { reason };
    let (wheels, temporary) = (work.join("wheel"), work.join("tmp"));
    fs_err::create_dir(&temporary).map_err(SetupError::Write)?;
    let mut pip = command(python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--implementation=cp"]);
    pip.args(["--python-version", PYTHON, "--platform", build.tag, "--dest"]).arg(&wheels);
    pip.arg(format!("onnxruntime=={VERSION}"));
    // Where pip keeps what it has so far: how far it is shows in the size.
    pip.env("TMPDIR", &temporary).env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_NO_INPUT", "1");
    let mut child =
        pip.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|e| failed(e.to_string()))?;
    while child.try_wait().map_err(|error| failed(error.to_string()))?.is_none() {
        progress(size(work).min(build.wheel), build.wheel);
        std::thread::sleep(TICK);
    }
    let said = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !said.status.success() {
        return Err(failed(last_line(&said)));
    }
    progress(build.wheel, build.wheel);
    let wheel = fs_err::read_dir(&wheels).ok().and_then(|mut entries| entries.next()?.ok());
    wheel.map(|entry| entry.path()).ok_or_else(|| failed("it left no wheel".to_owned()))
}

/// Python reads zip files; only the library is taken out, whatever else is in it.
fn unpack(python: &str, build: &Build, wheel: &Path, work: &Path) -> Result<PathBuf, SetupError> {
    const SCRIPT: &str = "import shutil, sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as source, open(sys.argv[3], 'wb') as target:\n\
        \x20   shutil.copyfileobj(source, target)\n";
    let library = work.join("library");
    let arguments: [&OsStr; 5] =
        ["-c".as_ref(), SCRIPT.as_ref(), wheel.as_ref(), build.member.as_ref(), library.as_ref()];
    let said = command(python).args(arguments).output();
    let said = said.map_err(|error| SetupError::Unpack { reason: error.to_string() })?;
    if said.status.success() { Ok(library) } else { Err(SetupError::Unpack { reason: last_line(&said) }) }
}

fn command(python: &str) -> Command {
    let mut command = Command::new(python);
    command.stdin(Stdio::null());
    command
}

/// What a program said last about its failure; pip's warnings come before and after its errors.
fn last_line(said: &Output) -> String {
    let text = String::from_utf8_lossy(&said.stderr);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().filter_map(|line| line.strip_prefix("ERROR: ")).next_back();
    let line = error.or_else(|| lines().next_back()).unwrap_or("it gave no reason");
    crate::text::sanitise(line).into_owned()
}

/// Bytes in all files below a directory; what vanishes meanwhile counts nothing.
fn size(dir: &Path) -> u64 {
    let Ok(entries) = fs_err::read_dir(dir) else { return 0 };
    let sizes = entries.filter_map(Result::ok).map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |metadata| metadata.len()),
        Err(_) => 0,
    });
    sizes.sum()
}

/// A directory beside the target, on the same file system, removed whatever happens.
struct Scratch(PathBuf);

impl Scratch {
    fn new(target: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let parent = target.parent().unwrap_or(target);
        let private = |recursive| {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(recursive).mode(0o700);
            builder
        };
        private(true).create(parent)?;
        let dir = parent.join(format!(".setup-{}", std::process::id()));
        // A process of this number that was killed left it.
        if dir.exists() {
            fs_err::remove_dir_all(&dir)?;
        }
        private(false).create(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed is removed by the next setup with this number.
        fs_err::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A Python that does what a script says; `pip download` gets its `--dest` as `$dest`.
    fn python(dir: &Path, pip: &str, unzip: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.join("python");
        let script = format!(
            "#!/bin/sh\n\
             case \"$*\" in\n\
             *'pip --version'*) exit 0;;\n\
             *'pip download'*) while [ \"$1\" != --dest ]; do shift; done; dest=$2; mkdir -p \"$dest\"; {pip};;\n\
             *) for target; do :; done; {unzip};;\n\
             esac\n"
        );
        fs_err::write(&path, script).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A build whose library is the word `library`.
    fn build() -> Build {
        Build { sha256: "b718f1354f7247312eca086d9a024afe5fa717ddea5adeddd6f12bcf945b2e8c", ..BUILDS[0] }
    }

    fn run(data: &Path, python: &str) -> Result<Installed, SetupError> {
        install(data, &build(), &["/nowhere/python3", python], |_, _| {})
    }

    #[test]
    fn the_library_is_put_in_place_once() {
        let dir = tempfile::tempdir().unwrap();
        let calls = dir.path().join("calls");
        let pip = format!("echo x >> {}; touch \"$dest/w.whl\"", calls.display());
        let python = python(dir.path(), &pip, "printf library > \"$target\"");
        let data = dir.path().join("data");
        let path = Runtime::installed(&data);
        assert_eq!(run(&data, &python).unwrap(), Installed::Now(path.clone()));
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "library");
        assert_eq!(run(&data, &python).unwrap(), Installed::Already(path.clone()));
        // Another version, or a damaged one, is replaced.
        fs_err::write(&path, "old").unwrap();
        assert_eq!(run(&data, &python).unwrap(), Installed::Now(path.clone()));
        assert_eq!(fs_err::read_to_string(&calls).unwrap(), "x\nx\n");
        assert_eq!(fs_err::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn failures_are_told_and_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let failed = |pip: &str, unzip: &str| {
            let error = run(&data, &python(dir.path(), pip, unzip)).unwrap_err();
            let left = fs_err::read_dir(Runtime::installed(&data).parent().unwrap()).unwrap().count();
            assert_eq!(left, 0);
            error.to_string()
        };
        assert_eq!(
            failed("echo 'WARNING: Retrying' >&2; echo 'ERROR: No matching distribution' >&2; exit 1", ""),
            "pip could not download onnxruntime 1.32.0: No matching distribution"
        );
        assert_eq!(failed("true", ""), "pip could not download onnxruntime 1.32.0: it left no wheel");
        assert_eq!(
            failed("touch \"$dest/w.whl\"", "echo 'zipfile.BadZipFile: File is not a zip file' >&2; exit 1"),
            "the downloaded wheel can't be unpacked: zipfile.BadZipFile: File is not a zip file"
        );
        assert_eq!(
            failed("touch \"$dest/w.whl\"", "printf other > \"$target\""),
            "the downloaded library has not the checksum of ONNX Runtime 1.32.0; it was thrown away"
        );
    }

    #[test]
    fn without_python_or_pip_it_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let error = install(dir.path(), &build(), &["/nowhere/a", "/nowhere/b"], |_, _| {}).unwrap_err();
        assert_eq!(error.to_string(), "Python 3 was not found: neither /nowhere/a nor /nowhere/b can be run");
        let python = python(dir.path(), "", "");
        fs_err::write(&python, "#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n").unwrap();
        let error = run(dir.path(), &python).unwrap_err().to_string();
        assert!(error.ends_with("/python has no pip: No module named pip"), "{error}");
    }

    #[test]
    fn progress_ends_with_the_download() {
        let dir = tempfile::tempdir().unwrap();
        let python = python(dir.path(), "touch \"$dest/w.whl\"", "printf library > \"$target\"");
        let last = Cell::new((0, 0));
        install(&dir.path().join("data"), &build(), &[&python], |done, all| last.set((done, all))).unwrap();
        assert_eq!(last.get(), (build().wheel, build().wheel));
    }
}
