//! How a run ends: exit codes, and errors that say what failed, why, and what to do.

use std::fmt;

/// How a run ended, as its exit code says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Found, done.
    Done = 0,
    /// Nothing found.
    Nothing = 1,
    /// A mistake in the command line, the configuration or the query.
    Usage = 2,
    /// The cluster can't be reached, or is another one, and nothing stored can answer.
    Unavailable = 3,
}

/// An error on its way to the user.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) exit: Exit,
    /// What failed and why, outermost first.
    error: anyhow::Error,
    /// Lines that say where the mistake stands and what to do about it.
    advice: Vec<String>,
}

/// What a command ends with.
pub(super) type Outcome = Result<Exit, Failure>;

impl Failure {
    /// A mistake of the person at the keyboard.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into(), advice: Vec::new() }
    }

    /// Nothing can answer.
    pub(super) fn unavailable(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Unavailable, error: error.into(), advice: Vec::new() }
    }

    /// Adds what to do; several lines are fine.
    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.extend(advice.into().lines().map(str::to_owned));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {:#}", self.error)?;
        self.advice.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// What has no better classification: something beside the command line failed, so nothing could answer.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::unavailable(error)
    }
}

/// Writing to stdout failed; a closed pipe among these is no failure ([`super::output::Output::is_closed`]).
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::unavailable(anyhow::Error::new(error).context("can't write the answer"))
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn an_error_says_what_failed_why_and_what_to_do() {
        let error = anyhow!("connection refused").context("can't reach https://10.0.0.1");
        let failure = Failure::unavailable(error).advise("is the cluster up?");
        assert_eq!(
            failure.to_string(),
            "error: can't reach https://10.0.0.1: connection refused\n  is the cluster up?"
        );
        assert_eq!(failure.exit as u8, 3);
    }
}
