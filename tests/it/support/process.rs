//! Child processes that end with this one, and what the kernel says about them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// A shell replaces itself by the program, after it has forked a guard that reads from a pipe which only this
/// process holds open: when this process ends, however it ends, the guard reads the end of it and kills the program.
const GUARDED: &str = r#"exec 3<&0
{ read -r _ <&3 || kill -9 $$; } >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null"#;

/// A running program whose output goes to a log file.
pub(crate) struct Process {
    child: Child,
    guard: ChildStdin,
    log: PathBuf,
}

impl Process {
    /// Starts the program; output is appended to `log`.
    pub(crate) fn spawn(program: &Path, arguments: &[String], log: &Path) -> Self {
        let output = fs_err::OpenOptions::new().create(true).append(true).open(log).expect("log file");
        let output = output.into_parts().0;
        let mut child = guarded(program)
            .args(arguments)
            .stdout(output.try_clone().expect("log file"))
            .stderr(output)
            .spawn()
            .expect("sh starts");
        let guard = child.stdin.take().expect("stdin is piped");
        Self { child, guard, log: log.to_owned() }
    }

    /// The program's process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the program still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The last lines it wrote.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs_err::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Runs `action` while every thread of the program stands still.
    pub(crate) fn while_frozen<T>(&self, action: impl FnOnce() -> T) -> T {
        signal(self.id(), "STOP");
        while !threads(self.id()).all(|state| state == 'T') {
            std::thread::sleep(Duration::from_millis(1));
        }
        let result = action();
        signal(self.id(), "CONT");
        result
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // All of these fail only when the program is gone already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
        self.guard.write_all(b"\n").ok();
    }
}

/// A command that dies with this process; its stdin must be kept by whoever keeps the child.
pub(crate) fn guarded(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", GUARDED, "sh"]).arg(program).stdin(Stdio::piped());
    command
}

/// Sends a signal by name (`KILL`, `TERM`, `STOP`, ...).
pub(crate) fn signal(pid: u32, name: &str) {
    Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().expect("kill starts");
}

/// CPU seconds (user and system) that a process has used.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    /// `USER_HZ`, the unit of /proc/PID/stat: 100 on every Linux that is not on Alpha or IA-64.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    // The fields after the program's name, which may hold spaces: utime and stime are the 12th and 13th.
    let fields: Vec<_> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// One memory figure of /proc/PID/status (`RssAnon`, `VmHWM`, ...) in MB.
pub(crate) fn memory_mb(pid: u32, field: &str) -> Option<f64> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

fn threads(pid: u32) -> impl Iterator<Item = char> {
    let tasks = fs_err::read_dir(format!("/proc/{pid}/task")).expect("a running process");
    tasks.filter_map(|task| {
        let stat = fs_err::read_to_string(task.ok()?.path().join("stat")).ok()?;
        stat.rsplit(") ").next()?.chars().next()
    })
}
