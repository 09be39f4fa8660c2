//! Running a credential plugin (`users[].user.exec`) and reading what it gives.
//!
//! kube can do this too, but runs the command once for the token and again for a certificate, inherits the
//! terminal whoever has it, and puts the plugin's output (a token) into its errors.

use std::io::{IsTerminal as _, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use kube::config::{ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::AuthError;
use super::terminal::{Lender, Loan, Terminal};
use crate::cluster::tls::ClientCertificate;
use crate::document::{REDACTED, without_secrets};

/// How long a plugin may think when nobody can answer its questions.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a renewal may take without the terminal of an app before it gets the terminal.
const QUIET_RENEWAL: Duration = Duration::from_secs(10);
/// More than any credential; a plugin that floods us is cut off.
const LONGEST_OUTPUT: u64 = 1 << 20;
/// Of what it says on stderr, so much of the end is kept.
const LAST_WORDS: usize = 4 << 10;
/// What Go writes for "no time": no expiry, as kubectl holds.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// A plugin, ready to run.
pub(super) struct ExecPlugin {
    config: ExecConfig,
    terminal: Terminal,
}

/// What a run has of a terminal.
#[derive(Clone, Copy)]
enum Means<'a> {
    /// Neither to ask on nor to write on: an app has it, or nobody.
    Nothing(Duration),
    /// It may write on our stderr: nobody is there to be asked.
    Stderr,
    /// Our stdin and stderr.
    Shared,
    /// The terminal of an app.
    Lent(&'a dyn Loan),
}

impl Means<'_> {
    fn is_interactive(self) -> bool {
        matches!(self, Self::Shared | Self::Lent(_))
    }

    /// How long it may take; without an end where a person may be typing.
    fn patience(self) -> Option<Duration> {
        match self {
            Self::Nothing(patience) => Some(patience),
            Self::Stderr => Some(PATIENCE),
            Self::Shared | Self::Lent(_) => None,
        }
    }
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

/// Empty fields are absent ones.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct AnswerStatus {
    #[serde(deserialize_with = "filled")]
    expiration_timestamp: Option<String>,
    #[serde(deserialize_with = "filled")]
    token: Option<String>,
    #[serde(deserialize_with = "filled")]
    client_certificate_data: Option<String>,
    #[serde(deserialize_with = "filled")]
    client_key_data: Option<String>,
}

fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.trim().is_empty()))
}

impl ExecPlugin {
    /// `terminal`: what the plugin may use, where its own `interactiveMode` agrees.
    pub(super) fn new(config: ExecConfig, terminal: Terminal) -> Self {
        Self { config, terminal }
    }

    /// The command's name, for messages: a path would leave no room for the reason. Arguments may hold secrets.
    fn command(&self) -> String {
        let command = self.config.command.as_deref().unwrap_or_default();
        command.rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// Who lends it a terminal, where it may use one.
    pub(super) fn lender(&self) -> Option<&dyn Lender> {
        let asks = self.config.interactive_mode != Some(ExecInteractiveMode::Never);
        match &self.terminal {
            Terminal::Lent(lender) if asks => Some(&**lender),
            Terminal::Lent(_) | Terminal::Shared | Terminal::Unavailable => None,
        }
    }

    /// Runs the command and waits for it: call it where blocking is allowed. `renewal`: it gave a credential before.
    ///
    /// The terminal is handed over as client-go does: wherever there is one, unless the mode is `Never`. Only a renewal
    /// beside an app begins without: most plugins renew by themselves, and a screen that vanishes every quarter of an
    /// hour disturbs.
    pub(super) fn run(&self, renewal: bool) -> Result<Given, AuthError> {
        let always = self.config.interactive_mode == Some(ExecInteractiveMode::Always);
        if let Some(lender) = self.lender() {
            if renewal && !always {
                match self.run_with(Means::Nothing(QUIET_RENEWAL)) {
                    Ok(given) => return Ok(given),
                    Err(error) => tracing::info!(%error, "renewing needs the terminal"),
                }
            }
            let loan = lender.lend(&self.command());
            let loan = loan.ok_or_else(|| self.failed("there is no terminal any more"))?;
            return self.run_with(Means::Lent(&*loan));
        }
        let never = self.config.interactive_mode == Some(ExecInteractiveMode::Never);
        let shared = matches!(self.terminal, Terminal::Shared);
        match shared && std::io::stdin().is_terminal() {
            true if !never => self.run_with(Means::Shared),
            _ if always => Err(self.failed("it needs a terminal (interactiveMode: Always)")),
            _ if shared => self.run_with(Means::Stderr),
            _ => self.run_with(Means::Nothing(PATIENCE)),
        }
    }

    fn run_with(&self, means: Means<'_>) -> Result<Given, AuthError> {
        let mut child = self.prepare(means)?.spawn().map_err(|error| self.not_started(&error))?;
        let shows = Arc::new(AtomicBool::new(!matches!(means, Means::Nothing(_))));
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(|pipe| last_words(pipe, &shows));
        let status = self.wait(&mut child, means);
        let (stdout, stderr) = (output(stdout), output(stderr));
        // What a grandchild still says would tear the screen that comes back.
        shows.store(false, Ordering::Relaxed);
        let status = status?;
        if !status.success() {
            let said = said(&stderr, &stdout);
            let problem = if said.is_empty() { status.to_string() } else { format!("{said} ({status})") };
            return Err(self.failed(problem));
        }
        self.read(&stdout)
    }

    fn prepare(&self, means: Means<'_>) -> Result<Command, AuthError> {
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
        let spec = QuestionSpec { cluster, interactive: means.is_interactive() };
        let question = Question { kind: "ExecCredential", api_version, spec };
        let question = serde_json::to_string(&question).map_err(|error| self.failed(error.to_string()))?;
        command.env("KUBERNETES_EXEC_INFO", question).stdout(Stdio::piped());
        match means {
            Means::Shared if std::io::stderr().is_terminal() => {
                command.stdin(Stdio::inherit()).stderr(Stdio::inherit())
            }
            // Somebody keeps our stderr: no secret of a plugin gets there.
            Means::Shared => command.stdin(Stdio::inherit()).stderr(Stdio::piped()),
            // Copied to ours as it comes: the reason of a failure is still known when the screen is back.
            Means::Lent(_) => command.stdin(Stdio::inherit()).stderr(Stdio::piped()),
            Means::Stderr => command.stdin(Stdio::null()).stderr(Stdio::piped()),
            Means::Nothing(_) => command.stdin(Stdio::null()).stderr(Stdio::piped()),
        };
        if let (Means::Nothing(_), Terminal::Lent(_)) = (means, &self.terminal) {
            // In the background of the app's terminal: what asks on /dev/tty all the same is stopped by the system, and
            // takes no key from the app.
            command.process_group(0);
        }
        Ok(command)
    }

    fn wait(&self, child: &mut Child, means: Means<'_>) -> Result<ExitStatus, AuthError> {
        let patience = means.patience();
        let deadline = patience.map(|patience| Instant::now() + patience);
        let problem = loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(error) => break error.to_string(),
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break format!("no answer within {} s", patience.unwrap_or_default().as_secs());
            }
            if matches!(means, Means::Lent(loan) if loan.is_called_back()) {
                break "kubesift ends".to_owned();
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        // Already ended is as good as killed.
        _ = child.kill();
        _ = child.wait();
        Err(self.failed(problem))
    }

    fn read(&self, stdout: &[u8]) -> Result<Given, AuthError> {
        // The parser's message is not repeated: it may quote the credential.
        let unreadable = || self.failed("it did not print an ExecCredential");
        let text = std::str::from_utf8(stdout).map_err(|_| unreadable())?;
        let answer: Answer = serde_saphyr::from_str(text).map_err(|_| unreadable())?;
        let status = answer.status.ok_or_else(|| self.failed("its ExecCredential has no status"))?;
        let expires = status.expiration_timestamp.as_deref().filter(|time| *time != ZERO_TIME);
        let expires = expires.map(str::parse).transpose();
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
        AuthError::plugin(self.command(), &problem.into())
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

/// Copies a pipe to stderr for as long as it may show, and keeps its end. A terminal gets it as it comes, with questions
/// that no line ends; what is kept by somebody gets lines without secrets.
fn last_words(mut pipe: impl Read + Send + 'static, shows: &Arc<AtomicBool>) -> Receiver<Vec<u8>> {
    let (send, receive) = sync_channel(1);
    let shows = Arc::clone(shows);
    std::thread::spawn(move || {
        let (mut kept, mut buffer) = (Vec::new(), [0; 1 << 10]);
        let mut lines = (!std::io::stderr().is_terminal()).then(Lines::default);
        let show = |bytes: &[u8]| {
            if shows.load(Ordering::Relaxed) {
                // Nobody reads our stderr: the plugin goes on all the same.
                _ = std::io::stderr().write_all(bytes);
            }
        };
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            match &mut lines {
                Some(lines) => show(lines.push(&buffer[..read]).as_bytes()),
                None => show(&buffer[..read]),
            }
            kept.extend_from_slice(&buffer[..read]);
            if kept.len() > 2 * LAST_WORDS {
                kept.drain(..kept.len() - LAST_WORDS);
            }
        }
        show(lines.map(Lines::rest).unwrap_or_default().as_bytes());
        _ = send.send(kept);
    });
    receive
}

/// Whole lines of what comes in pieces, without secrets.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    /// A line that is too long is not worth its end.
    skips: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> String {
        let mut whole = String::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.skips {
                self.begun.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                whole.push_str(&self.taken());
                self.skips = false;
            } else if self.begun.len() > LAST_WORDS {
                self.begun.truncate(LAST_WORDS);
                self.skips = true;
            }
        }
        whole
    }

    fn taken(&mut self) -> String {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.begun)).into_owned();
        format!("{}\n", without_secrets(line.trim_end_matches(['\r', '\n'])))
    }

    fn rest(mut self) -> String {
        if self.begun.is_empty() { String::new() } else { self.taken() }
    }
}

/// The last lines of what it said, as one. What it printed as its answer is not repeated, whatever it looks like.
fn said(stderr: &[u8], stdout: &[u8]) -> String {
    const LINES: usize = 3;
    const LONGEST: usize = 300;
    let mut text = String::from_utf8_lossy(stderr).into_owned();
    for secret in answered(stdout) {
        text = text.replace(&secret, REDACTED);
    }
    let text = without_secrets(&text);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("; ");
    // The end says what went wrong.
    let skipped = last.chars().count().saturating_sub(LONGEST);
    last.chars().skip(skipped).collect()
}

/// The secrets of an answer, as far as it is one.
fn answered(stdout: &[u8]) -> Vec<String> {
    let answer =
        std::str::from_utf8(stdout).ok().and_then(|text| serde_saphyr::from_str::<Answer>(text).ok());
    let status = answer.and_then(|answer| answer.status).unwrap_or_default();
    let all = [status.token, status.client_key_data];
    all.into_iter().flatten().map(|secret| secret.trim().to_owned()).collect()
}

/// What the pipe gave. A grandchild may hold it open for ever: a second after the plugin's end is enough.
fn output(pipe: Option<Receiver<Vec<u8>>>) -> Vec<u8> {
    pipe.and_then(|pipe| pipe.recv_timeout(Duration::from_secs(1)).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_without_secrets_however_they_are_cut() {
        let said = "first\r\ntoken=abcdef wrong\nBearer abc123def456 end";
        for size in 1..said.len() {
            let mut lines = Lines::default();
            let pieces = said.as_bytes().chunks(size).map(|piece| lines.push(piece));
            let shown = pieces.collect::<String>() + &lines.rest();
            assert_eq!(shown, "first\ntoken=[redacted] wrong\nBearer [redacted] end\n", "{size}");
        }
        let mut lines = Lines::default();
        assert_eq!(lines.push(&vec![b'a'; 3 * LAST_WORDS]), "");
        assert_eq!(lines.push(b"b\nc\n").len(), LAST_WORDS + 1 + 2, "a flood is cut");
    }
}
