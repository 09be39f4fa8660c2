//! Waiting for a condition instead of sleeping.

use std::time::{Duration, Instant};

/// How long a condition may take. Far above what is expected: a test that waits this long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(25);

/// What a condition says when it is looked at: done with a value, or not yet and (perhaps) why.
pub(crate) trait Outcome {
    /// What a condition that holds hands back.
    type Value;
    /// `Err` holds the reason that a failed wait prints.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl Outcome for bool {
    type Value = ();
    fn outcome(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl<T> Outcome for Option<T> {
    type Value = T;
    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(String::new)
    }
}

impl<T> Outcome for Result<T, String> {
    type Value = T;
    fn outcome(self) -> Result<T, String> {
        self
    }
}

/// Waits until the condition holds and hands back its value; panics after [`DEADLINE`] with the last reason.
pub(crate) async fn wait_for<O: Outcome>(what: &str, condition: impl AsyncFnMut() -> O) -> O::Value {
    wait_at_most(DEADLINE, what, condition).await
}

/// [`wait_for`] with another deadline.
pub(crate) async fn wait_at_most<O: Outcome>(
    deadline: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> O,
) -> O::Value {
    let started = Instant::now();
    loop {
        let reason = match condition().await.outcome() {
            Ok(value) => return value,
            Err(reason) => reason,
        };
        assert!(started.elapsed() < deadline, "waited {deadline:?} for {what}, in vain: {reason}");
        tokio::time::sleep(INTERVAL).await;
    }
}
