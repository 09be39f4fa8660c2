//! A real Chroma on a loopback port, in a directory of its own, and a Python client beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::process::{self, Process};
use super::wait::wait_at_most;

/// A running Chroma; it and its data go when this is dropped.
pub(crate) struct Chroma {
    venv: PathBuf,
    port: u16,
    process: Option<Process>,
    /// Where Python clients look for their model.
    home: Option<PathBuf>,
    dir: TempDir,
}

impl Chroma {
    /// Starts one for a test of its own; `None` when it can't run here (said on stderr).
    pub(crate) async fn start() -> Option<Self> {
        let venv = environment().await?.to_owned();
        let dir = tempfile::Builder::new().prefix("kubesift-chroma-").tempdir().expect("temp dir");
        let mut chroma =
            Self { venv, port: super::controlplane::free_port(), process: None, home: None, dir };
        chroma.resume().await;
        Some(chroma)
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills it as `kill -9` does; its data stays.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port and data, and waits until it answers.
    pub(crate) async fn resume(&mut self) {
        let arguments = [
            "run".to_owned(),
            "--path".to_owned(),
            self.data().display().to_string(),
            "--host".to_owned(),
            "127.0.0.1".to_owned(),
            "--port".to_owned(),
            self.port.to_string(),
        ];
        let log = self.dir.path().join("chroma.log");
        self.process = Some(Process::spawn(&self.venv.join("bin/chroma"), &arguments, &log));
        let (port, process) = (self.port, self.process.as_mut().expect("just started"));
        wait_at_most(Duration::from_secs(60), "Chroma to answer", async || {
            assert!(process.is_running(), "Chroma ended: {}", process.log_tail());
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())
        })
        .await;
    }

    /// Kills it and starts it without any data, as a Pod without a volume.
    pub(crate) async fn wipe(&mut self) {
        self.kill();
        fs_err::remove_dir_all(self.data()).expect("Chroma's data");
        self.resume().await;
    }

    /// Lets it stand still: connections are accepted and nothing is answered.
    pub(crate) fn freeze(&self) {
        process::signal(self.id(), "STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        process::signal(self.id(), "CONT");
    }

    /// Gives Python clients a home directory.
    pub(crate) fn set_home(&mut self, home: &Path) {
        self.home = Some(home.to_owned());
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.as_ref().expect("Chroma runs").id()
    }

    /// Runs Python with a client in `client` and the collection's name in `name`; hands back what it prints last,
    /// as JSON.
    pub(crate) async fn python(&self, script: &str) -> Value {
        let head = format!(
            "import json, sys, chromadb\nclient = chromadb.HttpClient(host='127.0.0.1', port={})\n",
            self.port
        );
        let mut command = tokio::process::Command::new(self.venv.join("bin/python"));
        command.arg("-c").arg(head + script).env("ANONYMIZED_TELEMETRY", "False").kill_on_drop(true);
        if let Some(home) = &self.home {
            command.env("HOME", home);
        }
        let output = command.output().await.expect("python starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "python failed: {errors}\n{script}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let last = text.lines().last().unwrap_or("null");
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {text}\n{errors}"))
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

/// Exit code of `tests/chroma/build` where it can't work.
const SKIPPED: i32 = 75;

/// The Python environment, made once where that has not been done yet.
pub(crate) async fn environment() -> Option<&'static Path> {
    static ENVIRONMENT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = tokio::task::spawn_blocking(|| ENVIRONMENT.get_or_init(build)).await.expect("build task");
    match found {
        Ok(path) => Some(path),
        Err(why) => {
            super::skipped(why);
            None
        }
    }
}

fn build() -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chroma/build");
    let output = Command::new(script).output().expect("tests/chroma/build starts");
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        Some(SKIPPED) => {
            Err(errors.lines().last().unwrap_or_default().trim_start_matches("skipped: ").to_owned())
        }
        _ => panic!("tests/chroma/build failed: {errors}"),
    }
}

/// ONNX Runtime's library in the Python environment, if that was made.
pub(crate) fn onnx_runtime() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let lib = cache.join("kubesift-test/chroma-venv/lib");
    let python = fs_err::read_dir(lib).ok()?.flatten().map(|entry| entry.path()).next()?;
    let capi = fs_err::read_dir(python.join("site-packages/onnxruntime/capi")).ok()?;
    let is_library = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("libonnxruntime.so"))
    };
    capi.flatten().map(|entry| entry.path()).find(is_library)
}
