//! A program run to its end, and what it cost.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::process;

/// How often a running program's memory is looked at; its high-water mark is the kernel's.
const LOOK: Duration = Duration::from_millis(2);

/// What one run cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From the start of the process to its end.
    pub wall: Duration,
    /// Its CPU time, user and system; the kernel counts hundredths of a second.
    pub cpu: Duration,
    /// Peak resident memory in MB, and the most of it that was anonymous.
    pub peak_mb: f64,
    /// See `peak_mb`.
    pub anon_mb: f64,
    /// Its exit code.
    pub code: i32,
}

/// Runs a command with its output thrown away. Only one at a time: CPU time is that of all children that ended.
pub(crate) async fn cost(mut command: std::process::Command) -> Cost {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let before = children_cpu();
    let started = Instant::now();
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().expect("it starts");
    let pid = child.id().expect("just started");
    let (mut peak_mb, mut anon_mb) = (0f64, 0f64);
    let status = loop {
        peak_mb = peak_mb.max(process::memory_mb(pid, "VmHWM").unwrap_or_default());
        anon_mb = anon_mb.max(process::memory_mb(pid, "RssAnon").unwrap_or_default());
        if let Ok(ended) = tokio::time::timeout(LOOK, child.wait()).await {
            break ended.expect("a child");
        }
    };
    let wall = started.elapsed();
    let cpu = children_cpu().saturating_sub(before);
    Cost { wall, cpu, peak_mb, anon_mb, code: status.code().unwrap_or(-1) }
}

/// CPU time of all children of this process that have ended.
fn children_cpu() -> Duration {
    let stat = fs_err::read_to_string("/proc/self/stat").expect("Linux");
    // After the program's name, which may hold spaces: cutime and cstime are the 14th and 15th.
    let fields: Vec<_> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
    let ticks: u64 = fields[13..=14].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}
