//! L5: the command line. Arguments, configuration, output and exit codes; the only place with anyhow, and the only
//! one that reads files and the environment on the user's behalf.

mod args;
mod clock;
mod config;
mod env;
mod failure;
mod output;
mod settings;
mod tokens;
