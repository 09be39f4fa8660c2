//! Running a credential plugin (`users[].user.exec`) and reading what it gives.
//!
//! kube can do this too, but runs the command once for the token and again for a certificate, inherits the
//! terminal, and puts the plugin's output (a token) into its errors.

use std::io::{IsTerminal as _, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use kube::config::{ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::error::AuthError;
use crate::cluster::tls::ClientCertificate;

/// How long a plugin may think when nobody can answer its questions.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than any credential; a plugin that floods us is cut off.
const LONGEST_OUTPUT: u64 = 1 << 20;

/// A plugin, ready to run.
pub(super) struct ExecPlugin {
    config: ExecConfig,
    interactive: bool,
}

/// What a plugin gave.
pub(super) struct Given {
    pub(super) token: Option<SecretString>,
    pub(super) certificate: Option<ClientCertificate>,
    pub(super) expires: Option<jiff::Timestamp>,
}

#[derive(Serialize)]
struct Question<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    spec: QuestionSpec<'a>,
}

#[derive(Serialize)]
struct QuestionSpec<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a ExecAuthCluster>,
    interactive: bool,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<AnswerStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerStatus {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl ExecPlugin {
    /// `interactive`: whether the plugin may use our terminal, where its own `interactiveMode` agrees.
    pub(super) fn new(config: ExecConfig, interactive: bool) -> Self {
        Self { config, interactive }
    }

    /// The command's name, for messages. Arguments stay out: they may hold secrets.
    fn command(&self) -> String {
        self.config.command.clone().unwrap_or_default()
    }

    /// Runs the command and waits for it: call it where blocking is allowed.
    pub(super) fn run(&self) -> Result<Given, AuthError> {
        let terminal = self.interactive && std::io::stdin().is_terminal();
        let interactive = match self.config.interactive_mode {
            Some(ExecInteractiveMode::Never) => false,
            Some(ExecInteractiveMode::Always) if !terminal => {
                return Err(self.failed("it needs a terminal (interactiveMode: Always)"));
            }
            Some(ExecInteractiveMode::IfAvailable | ExecInteractiveMode::Always) | None => terminal,
        };
        let mut child = self.prepare(interactive)?.spawn().map_err(|error| self.not_started(&error))?;
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        let status = self.wait(&mut child, interactive)?;
        let (stdout, stderr) = (output(stdout), output(stderr));
        if !status.success() {
            let said = String::from_utf8_lossy(&stderr);
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
            let last: String = last.chars().take(300).collect();
            return Err(self.failed(if last.is_empty() {
                status.to_string()
            } else {
                format!("{status}: {last}")
            }));
        }
        self.read(&stdout)
    }

    fn prepare(&self, interactive: bool) -> Result<Command, AuthError> {
        let config = &self.config;
        let name = config.command.as_ref().ok_or_else(|| self.failed("the kubeconfig names no command"))?;
        let mut command = Command::new(name);
        command.args(config.args.iter().flatten());
        for variable in config.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        let api_version = config.api_version.as_deref().unwrap_or("client.authentication.k8s.io/v1");
        let cluster = config.cluster.as_ref().filter(|_| config.provide_cluster_info);
        let question =
            Question { kind: "ExecCredential", api_version, spec: QuestionSpec { cluster, interactive } };
        let question = serde_json::to_string(&question).map_err(|error| self.failed(error.to_string()))?;
        command.env("KUBERNETES_EXEC_INFO", question).stdout(Stdio::piped());
        match interactive {
            true => command.stdin(Stdio::inherit()).stderr(Stdio::inherit()),
            false => command.stdin(Stdio::null()).stderr(Stdio::piped()),
        };
        Ok(command)
    }

    fn wait(&self, child: &mut Child, interactive: bool) -> Result<ExitStatus, AuthError> {
        if interactive {
            return child.wait().map_err(|error| self.failed(error.to_string()));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) => {
                    // Already ended is as good as killed.
                    _ = child.kill();
                    _ = child.wait();
                    return Err(self.failed(format!("no answer within {} s", PATIENCE.as_secs())));
                }
                Err(error) => return Err(self.failed(error.to_string())),
            }
        }
    }

    fn read(&self, stdout: &[u8]) -> Result<Given, AuthError> {
        // The parser's message is not repeated: it may quote the credential.
        let unreadable = || self.failed("it did not print an ExecCredential");
        let text = std::str::from_utf8(stdout).map_err(|_| unreadable())?;
        let answer: Answer = serde_saphyr::from_str(text).map_err(|_| unreadable())?;
        let status = answer.status.ok_or_else(|| self.failed("its ExecCredential has no status"))?;
        let expires = status.expiration_timestamp.as_deref().map(str::parse).transpose();
        let certificate = match (status.client_certificate_data, status.client_key_data) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key: key.into() }),
            (None, None) => None,
            _ => return Err(self.failed("it gave a client certificate without its key, or a key alone")),
        };
        if status.token.is_none() && certificate.is_none() {
            return Err(self.failed("it gave neither a token nor a client certificate"));
        }
        let expires = expires.map_err(|_| self.failed("its expirationTimestamp is not a time"))?;
        Ok(Given { token: status.token.map(SecretString::from), certificate, expires })
    }

    fn failed(&self, problem: impl Into<String>) -> AuthError {
        AuthError::Plugin { command: self.command(), problem: problem.into() }
    }

    fn not_started(&self, error: &std::io::Error) -> AuthError {
        let hint = self.config.install_hint.as_deref().map(str::trim).filter(|hint| !hint.is_empty());
        match (error.kind(), hint) {
            (std::io::ErrorKind::NotFound, Some(hint)) => self.failed(format!("it is not installed: {hint}")),
            (std::io::ErrorKind::NotFound, None) => self.failed("it is not installed, or not in PATH"),
            _ => self.failed(format!("it can't be started: {error}")),
        }
    }
}

/// Reads a pipe on its own thread: a child that fills one while we wait for the other would never end.
fn collect(pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before a read error is used; nobody listens after a timeout.
        _ = pipe.take(LONGEST_OUTPUT).read_to_end(&mut bytes);
        _ = send.send(bytes);
    });
    receive
}

/// What the pipe gave. A grandchild may hold it open for ever: a second after the plugin's end is enough.
fn output(pipe: Option<Receiver<Vec<u8>>>) -> Vec<u8> {
    pipe.and_then(|pipe| pipe.recv_timeout(Duration::from_secs(1)).ok()).unwrap_or_default()
}
