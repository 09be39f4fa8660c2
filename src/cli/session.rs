//! What every command has: the environment, the settings' sources, the clock and the output.

use clap::ArgMatches;

use super::args::Global;
use super::clock::Clock;
use super::config::Location;
use super::env::Env;
use super::failure::Failure;
use super::output::Output;
use super::settings::{Settings, Sources, misspelt_variables};

/// One run of the program.
pub(super) struct Session<'a> {
    /// The environment at the start.
    pub(super) env: Env,
    /// Times for people.
    pub(super) clock: Clock,
    /// Stdout and stderr.
    pub(super) output: &'a mut Output,
    /// Where the configuration file is looked for.
    pub(super) config: Location,
    /// What was set, for any context.
    pub(super) sources: Sources,
    /// `-n`.
    pub(super) namespaces: Vec<String>,
    /// What else may have been meant, to be said when nothing is found.
    pub(super) if_nothing: Option<String>,
}

impl<'a> Session<'a> {
    /// Reads the configuration file, and checks all that was set.
    pub(super) fn new(
        matches: &ArgMatches,
        global: &Global,
        env: Env,
        output: &'a mut Output,
    ) -> Result<Self, Failure> {
        let config = Location::find(global.config.as_deref(), &env);
        let file = config.read(&env).map_err(Failure::usage)?;
        let sources = Sources::new(matches, &env, file).map_err(Failure::usage)?;
        let clock = Clock::local(&env);
        misspelt_variables(&env).iter().for_each(|remark| output.note(remark));
        let namespaces = global.namespace.clone();
        Ok(Self { env, clock, output, config, sources, namespaces, if_nothing: None })
    }

    /// The settings as far as they do not depend on the context.
    pub(super) fn settings(&self) -> Settings {
        self.sources.settings(None)
    }
}
