//! A real control plane: etcd and kube-apiserver on loopback ports, in a directory of their own.

mod audit;
mod etcd;
pub(crate) mod kubeconfig;
mod kubectl;
mod pki;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) use audit::Request;
pub(crate) use pki::Certified;
use tokio::sync::OnceCell;

use super::process::{self, Process};
use super::wait::{wait_at_most, wait_for};

/// Users with a token. `admin` may do everything; the others nothing until a test grants them rights.
pub(crate) const USERS: [&str; 5] = ["admin", "reader", "limited", "twons", "nobody"];

/// How to start a control plane.
pub(crate) struct Options {
    /// etcd's `--watch-progress-notify-interval`; `None` for its default of 10 minutes.
    pub progress_notify: Option<&'static str>,
    /// Write every request to an audit log, which [`ControlPlane::requests`] reads.
    pub audit: bool,
    /// More arguments for kube-apiserver.
    pub apiserver: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { progress_notify: Some("5s"), audit: true, apiserver: Vec::new() }
    }
}

/// A running control plane; its processes and its directory go with it.
pub(crate) struct ControlPlane {
    options: Options,
    programs: PathBuf,
    dir: PathBuf,
    pki: pki::Pki,
    port: u16,
    etcd_ports: [u16; 2],
    // Declared before the directory's guard: fields are dropped in order.
    apiserver: Option<Process>,
    etcd: Option<Process>,
    _cleanup: Cleanup,
}

/// etcd's data at one moment.
pub(crate) struct Snapshot(PathBuf);

impl ControlPlane {
    /// Starts one for a test of its own; `None` when it can't run here (said on stderr).
    pub(crate) async fn start(options: Options) -> Option<Self> {
        let programs = programs().await?;
        let dir = tempfile::Builder::new().prefix("kubesift-cp-").tempdir().expect("temp dir").keep();
        let [port, client, peer] = free_ports();
        let mut plane = Self {
            options,
            programs: programs.to_owned(),
            pki: pki::Pki::new(&dir.join("pki")),
            port,
            etcd_ports: [client, peer],
            apiserver: None,
            etcd: None,
            _cleanup: Cleanup::of(&dir),
            dir,
        };
        plane.write_files();
        plane.start_etcd().await;
        plane.start_apiserver().await;
        Some(plane)
    }

    /// One that every test of this binary may read from and add objects to (in namespaces of its own); it is
    /// never stopped, restored or filled with thousands of objects.
    pub(crate) async fn shared() -> Option<&'static Self> {
        static SHARED: OnceCell<Option<ControlPlane>> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::start(Options::default())).await.as_ref()
    }

    /// The API server's URL.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The API server's port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The directory that goes with the control plane.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The certificate authority's file.
    pub(crate) fn ca(&self) -> String {
        self.pki.path("ca.crt")
    }

    /// A server certificate of the cluster's authority, for a proxy that ends TLS.
    pub(crate) fn server_certificate(&self, name: &str) -> Certified {
        self.pki.server(name)
    }

    /// A client certificate for a user and groups.
    pub(crate) fn client_certificate(&self, user: &str, groups: &[&str]) -> Certified {
        self.pki.client(user, groups)
    }

    /// A client of the tests' own, as a user. It belongs to the runtime that calls this.
    pub(crate) async fn client(&self, user: &str) -> kube::Client {
        let file = kube::config::Kubeconfig::read_from(self.kubeconfig(user)).expect("kubeconfig");
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options).await.expect("kubeconfig");
        kube::Client::try_from(config).expect("client")
    }

    /// Kills the API server as `kill -9` does.
    pub(crate) fn kill_apiserver(&mut self) {
        self.apiserver = None;
    }

    /// Starts the API server on the same port and waits until it is ready.
    pub(crate) async fn start_apiserver(&mut self) {
        let arguments = self.apiserver_arguments();
        let log = self.dir.join("kube-apiserver.log");
        self.apiserver = Some(Process::spawn(&self.programs.join("kube-apiserver"), &arguments, &log));
        let client = self.client("admin").await;
        let apiserver = self.apiserver.as_mut().expect("just started");
        wait_at_most(Duration::from_secs(120), "the API server to be ready", async || {
            assert!(apiserver.is_running(), "kube-apiserver ended: {}", apiserver.log_tail());
            let request = http::Request::get("/readyz").body(Vec::new()).expect("request");
            client.request_text(request).await.map_err(|error| error.to_string())
        })
        .await;
    }

    /// Kills the API server and starts it again.
    pub(crate) async fn restart_apiserver(&mut self) {
        self.kill_apiserver();
        self.start_apiserver().await;
    }

    /// Takes etcd's data as a power cut would leave it, without anyone noticing.
    pub(crate) fn snapshot(&self) -> Snapshot {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let to = self.dir.join(format!("snapshot-{number}"));
        self.etcd.as_ref().expect("etcd runs").while_frozen(|| copy(&self.dir.join("etcd"), &to));
        Snapshot(to)
    }

    /// Puts etcd's data back, as an administrator does: everything stopped, data swapped, started again.
    pub(crate) async fn restore(&mut self, snapshot: &Snapshot) {
        self.kill_apiserver();
        self.etcd = None;
        fs_err::remove_dir_all(self.dir.join("etcd")).expect("etcd's data");
        copy(&snapshot.0, &self.dir.join("etcd"));
        self.start_etcd().await;
        self.start_apiserver().await;
    }

    /// etcd's current revision.
    pub(crate) async fn revision(&self) -> u64 {
        etcd::revision(self.etcd_ports[0]).await
    }

    /// Makes etcd forget every older revision. The API server's own memory of recent events survives that;
    /// restart it as well to get 410 for an old resourceVersion.
    pub(crate) async fn compact(&self) {
        etcd::compact(self.etcd_ports[0], self.revision().await).await;
    }

    /// CPU seconds that the API server has used since it started.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        process::cpu_seconds(self.apiserver_id())
    }

    /// The API server's process id.
    pub(crate) fn apiserver_id(&self) -> u32 {
        self.apiserver.as_ref().expect("the API server runs").id()
    }

    /// What the API server wrote last.
    pub(crate) fn log_tail(&self) -> String {
        self.apiserver.as_ref().map(Process::log_tail).unwrap_or_default()
    }

    fn write_files(&self) {
        fs_err::create_dir_all(self.dir.join("kubeconfig")).expect("kubeconfig directory");
        fs_err::create_dir_all(self.dir.join("kubectl")).expect("kubectl's home");
        let tokens: String = USERS
            .iter()
            .map(|user| {
                let group = if *user == "admin" { "system:masters" } else { "testers" };
                format!("{},{user},uid-{user},\"{group}\"\n", token(user))
            })
            .collect();
        fs_err::write(self.dir.join("tokens.csv"), tokens).expect("tokens.csv");
        audit::write_policy(&self.dir);
    }

    async fn start_etcd(&mut self) {
        let [client, peer] = self.etcd_ports;
        let mut arguments = vec![
            "--name=test".to_owned(),
            format!("--data-dir={}", self.dir.join("etcd").display()),
            format!("--listen-client-urls=http://127.0.0.1:{client}"),
            format!("--advertise-client-urls=http://127.0.0.1:{client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-cluster=test=http://127.0.0.1:{peer}"),
            // Only a crash of the machine could lose data, and then the test is lost as well.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        if let Some(interval) = self.options.progress_notify {
            arguments.push(format!("--watch-progress-notify-interval={interval}"));
        }
        let log = self.dir.join("etcd.log");
        self.etcd = Some(Process::spawn(&self.programs.join("etcd"), &arguments, &log));
        let etcd = self.etcd.as_mut().expect("just started");
        wait_for("etcd to be ready", async || {
            assert!(etcd.is_running(), "etcd ended: {}", etcd.log_tail());
            etcd::is_ready(client).await
        })
        .await;
    }

    fn apiserver_arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_ports[0]),
            format!("--secure-port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--cert-dir={}", self.dir.join("certs").display()),
            format!("--tls-cert-file={}", self.pki.path("server.crt")),
            format!("--tls-private-key-file={}", self.pki.path("server.key")),
            format!("--client-ca-file={}", self.pki.path("ca.crt")),
            format!("--token-auth-file={}", self.dir.join("tokens.csv").display()),
            "--authorization-mode=RBAC".to_owned(),
            format!("--service-account-key-file={}", self.pki.path("accounts.pub")),
            format!("--service-account-signing-key-file={}", self.pki.path("accounts.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
            // No controller makes default service accounts here, and Pods must be creatable.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
        ];
        if self.options.audit {
            arguments.extend(audit::arguments(&self.dir));
        }
        arguments.extend(self.options.apiserver.iter().cloned());
        arguments
    }
}

/// The bearer token of a user.
fn token(user: &str) -> String {
    format!("token-of-{user}")
}

/// The directory of etcd, kube-apiserver and kubectl; built once where that has not been done yet.
async fn programs() -> Option<&'static Path> {
    static PROGRAMS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = tokio::task::spawn_blocking(|| PROGRAMS.get_or_init(build)).await.expect("build task");
    match found {
        Ok(path) => Some(path),
        Err(why) => {
            super::skipped(why);
            None
        }
    }
}

/// Exit code of `tests/controlplane/build` where it can't work.
const SKIPPED: i32 = 75;

fn build() -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controlplane/build");
    let output = Command::new(script).output().expect("tests/controlplane/build starts");
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        Some(SKIPPED) => Err(errors.trim_start_matches("skipped: ").to_owned()),
        _ => panic!("tests/controlplane/build failed: {errors}"),
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

/// Ports that are free now. Held together, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("bound").port())
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["-a", "--sparse=always"]).arg(from).arg(to).status();
    assert!(status.expect("cp starts").success(), "copying {}", from.display());
}

/// Removes the directory when it is dropped or, as a shared control plane is never dropped, when this process ends.
struct Cleanup {
    dir: PathBuf,
    janitor: std::process::Child,
}

impl Cleanup {
    fn of(dir: &Path) -> Self {
        // After the end of the pipe the servers are being killed too: what they still write needs another round.
        let script = r#"read -r _; for _ in 1 2 3 4 5; do rm -rf "$1" && exit; sleep 0.2; done"#;
        let janitor = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(dir)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("sh starts");
        Self { dir: dir.to_owned(), janitor }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("KUBESIFT_TEST_KEEP").is_some() {
            _ = self.janitor.kill();
            return;
        }
        drop(self.janitor.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.dir.exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        _ = self.janitor.wait();
    }
}
