//! The kubesift program.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubesift::cli::run(std::env::args_os().collect())
}
