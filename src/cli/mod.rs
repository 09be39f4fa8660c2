//! L5: the command line. Arguments, configuration, output and exit codes; the only place with anyhow, and the only
//! one that reads files and the environment on the user's behalf.

mod args;
mod clock;
mod commands;
mod config;
mod coverage;
mod embedding;
mod env;
mod failure;
mod freshness;
mod hits;
mod logging;
mod mirror;
mod monitor;
mod output;
mod query;
mod session;
mod settings;
mod target;
mod tokens;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command, SearchArgs, SyncArgs};
use env::Env;
use failure::{Exit, Failure, Outcome};
pub use monitor::ready;
use output::Output;
use session::Session;
use settings::{Key, Origin};

/// Work that can't be called off has this long to end once the answer is there.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs the program: arguments (its name first) in, exit code out.
pub fn run(args: Vec<OsString>) -> ExitCode {
    let env = Env::current();
    let mut output = Output::stdio(&env);
    let outcome = dispatch(args, env, &mut output).and_then(|exit| {
        output.flush()?;
        Ok(exit)
    });
    let exit = match outcome {
        Ok(exit) => exit,
        // Who closed the pipe has read enough.
        Err(_) if output.is_closed() => Exit::Done,
        Err(failure) => {
            tracing::error!("{failure}");
            output.failure(&failure);
            failure.exit
        }
    };
    ExitCode::from(exit as u8)
}

fn dispatch(args: Vec<OsString>, env: Env, output: &mut Output) -> Outcome {
    let definition = Cli::command();
    let arranged = tokens::arrange(&definition, args);
    if tokens::asks_for_the_language(&arranged.args) {
        output.script(&crate::query::reference::help())?;
        return Ok(Exit::Done);
    }
    let parsed = definition.try_get_matches_from(arranged.args);
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return explain(error, arranged.dashed.as_deref(), output),
    };
    let app = arranged.implied && output.is_terminal() && !asks_for_output(&matches);
    let Some(command) = cli.command.or_else(|| app.then(|| Command::Search(SearchArgs::default()))) else {
        output.script(&Cli::command().render_help().to_string())?;
        output.note("the terminal app needs a terminal; kubesift search QUERY answers without one");
        return Ok(Exit::Done);
    };
    if let Command::Completions { shell } = command {
        return commands::completions::run(output, shell);
    }
    let mut session = Session::new(&matches, &cli.global, env, output)?;
    arranged.hints.iter().for_each(|hint| session.output.note(hint));
    session.if_nothing = arranged.if_nothing;
    refuse_idle_flags(&session, &command)?;
    start_logging(&mut session, cli.global.verbose)?;
    match &command {
        Command::Search(args) if app => block_on(commands::tui::run(&mut session, args)),
        command => perform(&mut session, command),
    }
}

// `kubesift web -o json` wants an answer printed, also on a terminal: as soon as a flag says how.
fn asks_for_output(matches: &clap::ArgMatches) -> bool {
    const ABOUT_THE_QUERY: [&str; 3] = ["query", "selector", "all_namespaces"];
    let Some(search) = matches.subcommand_matches("search") else { return false };
    let definition = Cli::command();
    let arguments = definition.find_subcommand("search").into_iter().flat_map(clap::Command::get_arguments);
    let typed = |id: &str| search.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
    // Before it is built, the definition of `search` has its own arguments only, not the global ones.
    arguments.map(|arg| arg.get_id().as_str()).any(|id| !ABOUT_THE_QUERY.contains(&id) && typed(id))
}

fn perform(session: &mut Session<'_>, command: &Command) -> Outcome {
    match command {
        Command::Search(args) => block_on(commands::search::run(session, args)),
        Command::Kinds(args) => block_on(commands::kinds::run(session, args)),
        Command::Sync(args) => block_on(commands::sync::run(session, args)),
        Command::Verify(args) => block_on(commands::verify::run(session, args)),
        Command::Demo(args) => block_on(commands::demo::run(session, args)),
        Command::Status(args) => commands::status::run(session, args),
        Command::Setup => commands::setup::run(session),
        Command::Config(command) => commands::config::run(session, command),
        Command::Completions { shell } => commands::completions::run(session.output, *shell),
    }
}

// A flag that would do nothing is a mistake; the same setting in a file or variable is meant for other runs.
fn refuse_idle_flags(session: &Session<'_>, command: &Command) -> Result<(), Failure> {
    let typed = matches!(session.settings().origin(Key::Listen), Some(Origin::Flag(_)));
    match command {
        Command::Sync(SyncArgs { watch: true, .. }) | Command::Config(_) => Ok(()),
        _ if typed => {
            let why = anyhow!("--listen: only sync --watch stays and answers there");
            Err(Failure::usage(why).advise("kubesift sync --watch --listen :9090"))
        }
        _ => Ok(()),
    }
}

// A file where one is named; else stderr, where somebody collects it: then remarks are part of the log.
fn start_logging(session: &mut Session<'_>, verbose: u8) -> Result<(), Failure> {
    let settings = session.settings();
    let json = settings.text(Key::LogFormat) == Some("json");
    let to = match settings.path(Key::LogFile) {
        Some(path) => logging::To::File(path),
        None if json && !session.output.is_read_by_a_person() => logging::To::Stderr,
        None => {
            if json || verbose > 0 {
                session.output.note("nothing is logged on a terminal: name a file with --log-file");
            }
            return Ok(());
        }
    };
    logging::start(&to, json, verbose).context("the log can't be written").map_err(Failure::usage)?;
    if to == logging::To::Stderr {
        session.output.remark_in_log();
    }
    Ok(())
}

fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("no threads to work with")?;
    let outcome = runtime.block_on(command);
    // A look-up of a name or a credential plugin that nobody waits for any more may hang for minutes.
    runtime.shutdown_timeout(LAST_WORDS);
    outcome
}

// Help and version were asked for; everything else is a mistake that clap explains, with a suggestion.
fn explain(mut error: clap::Error, dashed: Option<&str>, output: &mut Output) -> Outcome {
    let refused = |word: &&str| match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => {
            error.kind() == ErrorKind::UnknownArgument && word.starts_with(flag)
        }
        _ => false,
    };
    if let Some(word) = dashed.filter(refused) {
        let meant = format!(
            "to leave out what has '{}', quote the whole query: kubesift search 'WORDS {word}'; to search for it, put \
             it after --",
            &word[1..]
        );
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![meant.into()]));
    }
    let text = error.render().to_string();
    if error.use_stderr() {
        output.note_plain(&text);
        return Ok(Exit::Usage);
    }
    output.script(&text)?;
    Ok(Exit::Done)
}
