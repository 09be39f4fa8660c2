//! Work that nobody waits for steps back.

/// How far, on the scale from 0 to 19.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lowers the calling thread's priority, and that of the threads it starts afterwards. On Linux alone: elsewhere it
/// would be that of the whole process.
pub fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "background work runs at ordinary priority");
    }
}
