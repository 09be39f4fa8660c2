//! `completions`: a script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::super::args::Cli;
use super::super::failure::{Exit, Outcome};
use super::super::output::Output;

/// Runs `completions`.
pub(crate) fn run(output: &mut Output, shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kubesift", &mut script);
    output.script(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
