//! `setup`: gets what semantic search needs beside the program itself, ONNX Runtime's library.

use super::super::failure::{Exit, Failure, Outcome};
use super::super::session::Session;
use super::super::target::data_dir;
use crate::embed::{Build, Installed, SetupError, install};

/// What runs pip; the first that can.
const PYTHONS: [&str; 2] = ["python3", "python"];

/// Runs `setup`.
pub(crate) fn run(session: &mut Session<'_>) -> Outcome {
    let data_dir = data_dir(session, &session.settings())?;
    let build = Build::here().ok_or_else(|| failed(SetupError::Platform))?;
    let mut progress = session.output.progress();
    let shown = |bytes: u64| usize::try_from(bytes / 1024).unwrap_or(usize::MAX);
    let installed = install(&data_dir, &build, &PYTHONS, |done, all| {
        progress.update("downloading ONNX Runtime (KiB)", shown(done), shown(all));
    });
    progress.finish();
    let line = match installed.map_err(failed)? {
        Installed::Already(path) => {
            format!("ONNX Runtime {} is there already: {}", crate::embed::VERSION, path.display())
        }
        Installed::Now(path) => {
            format!(
                "ONNX Runtime {} is set up for semantic search: {}",
                crate::embed::VERSION,
                path.display()
            )
        }
    };
    session.output.data(&line)?;
    Ok(Exit::Done)
}

fn failed(error: SetupError) -> Failure {
    let own = "or get the library yourself: ORT_DYLIB_PATH=/path/to/libonnxruntime (1.24 or newer)";
    let advice = match &error {
        SetupError::Platform => {
            format!("give your own: {}", own.trim_start_matches("or get the library yourself: "))
        }
        SetupError::Python { .. } => format!("install Python 3 with pip and run it again,\n{own}"),
        SetupError::Pip { .. } => {
            format!("install pip (python3-pip, or python3 -m ensurepip) and run it again,\n{own}")
        }
        SetupError::Download { .. } => format!("is there a network, and does pip install work here?\n{own}"),
        SetupError::Unpack { .. } | SetupError::Checksum => {
            format!("run it again (pip cache purge first),\n{own}")
        }
        SetupError::Write(_) => "choose another place: --data-dir DIR or KUBESIFT_DATA_DIR".to_owned(),
    };
    Failure::unavailable(error).advise(advice)
}
