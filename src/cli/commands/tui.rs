//! The terminal app: what it needs from the command line's side.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

use super::super::args::SearchArgs;
use super::super::env::Env;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::output::Output;
use super::super::session::Session;
use super::super::settings::{Key, Settings};
use super::super::target::{Need, Target};
use crate::cluster::AccessOptions;
use crate::cluster::access::{Environment, contexts};
use crate::cluster::client::{Lender, Loan, Terminal};
use crate::cluster::fetch::Fetcher;
use crate::engine::status::Status;
use crate::engine::{Handle, Mode};
use crate::index::Lock;
use crate::object::Kind;
use crate::search::{Catalog, Searcher};
use crate::tui::{AppOptions, Borrowed, Clipboard, Connection, Desktop, Host, Loans, Theme, run as run_app};

/// Queries of one cluster: a file in its index's directory, one a line.
const HISTORY: &str = "history";

/// Runs the app, opened on the query.
pub(crate) async fn run(session: &mut Session<'_>, args: &SearchArgs) -> Outcome {
    let mut target = Target::open(session, Need::Stored)?;
    target.mirror_as_configured(session)?;
    let options = options(session, &target.settings, args);
    let host = Opener::new(session, &target, options.loans.clone());
    let connection = Box::new(Opened::new(target, options.loans.clone()));
    let ended = run_app(options, connection, Box::new(host)).await;
    ended.context("the terminal app ended").map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn options(session: &Session<'_>, settings: &Settings, args: &SearchArgs) -> AppOptions {
    let namespaces = if args.all_namespaces { &[][..] } else { &session.namespaces[..] };
    // Plain names are a scope of their own; globs are part of the query, which knows them.
    let (globs, names): (Vec<&String>, Vec<&String>) =
        namespaces.iter().partition(|name| name.contains(['*', '?']));
    let mut words = args.query.clone();
    words.extend(globs.iter().map(|glob| format!("ns:{glob}")));
    words.extend(args.selector.iter().map(|selector| format!("-l '{selector}'")));
    let has = |name: &str| session.env.get(name).is_some_and(|value| !value.is_empty());
    AppOptions {
        query: words.join(" "),
        namespaces: names.into_iter().cloned().collect(),
        theme: theme(settings.text(Key::Theme), &session.env),
        zone: session.clock.zone(),
        status_column: settings.is_on(Key::StatusColumn),
        clipboard: match settings.text(Key::Clipboard) {
            Some("native") => Clipboard::Native,
            Some("osc52") => Clipboard::Osc52,
            Some(_) | None => Clipboard::Auto,
        },
        desktop: Desktop {
            wayland: has("WAYLAND_DISPLAY"),
            x11: has("DISPLAY"),
            ssh: has("SSH_CONNECTION") || has("SSH_TTY"),
        },
        keys: session.sources.keys().to_vec(),
        loans: Loans::default(),
    }
}

// What was chosen; else no colours where none are wanted, and light ones where the terminal says that it is light.
fn theme(chosen: Option<&str>, env: &Env) -> Theme {
    let has = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    match chosen {
        Some("dark") => Theme::Dark,
        Some("light") => Theme::Light,
        Some("plain") => Theme::Plain,
        _ if has("NO_COLOR") || env.get("TERM") == Some("dumb") => Theme::Plain,
        // `foreground;background`, as rxvt, Konsole and others set it: 7 and 9 to 15 are light.
        _ => match env.get("COLORFGBG").and_then(|value| value.rsplit(';').next()?.parse().ok()) {
            Some(7_u8 | 9..=15) => Theme::Light,
            Some(_) | None => Theme::Dark,
        },
    }
}

/// One cluster and its index.
struct Opened {
    target: Target,
    // Writing the history twice at once would leave half of one.
    writing: Mutex<()>,
}

impl Opened {
    fn new(mut target: Target, loans: Loans) -> Self {
        // Where stdin is no terminal, keys are read from /dev/tty, and a plugin would find nobody there.
        target.terminal = match std::io::stdin().is_terminal() {
            true => Terminal::Lent(Arc::new(Screen(loans))),
            false => Terminal::Unavailable,
        };
        Self { target, writing: Mutex::new(()) }
    }

    fn history_file(&self) -> PathBuf {
        self.target.store.dir().join(HISTORY)
    }
}

/// The app's terminal, as the client borrows it.
struct Screen(Loans);

impl Lender for Screen {
    fn lend(&self, command: &str) -> Option<Box<dyn Loan>> {
        Some(Box::new(Lent(self.0.borrow(command)?)))
    }

    fn asked(&self) -> u64 {
        self.0.asked()
    }
}

struct Lent(Borrowed);

impl Loan for Lent {
    fn is_called_back(&self) -> bool {
        self.0.is_called_back()
    }
}

impl Connection for Opened {
    fn name(&self) -> String {
        self.target.short_name()
    }

    fn stored(&self) -> Option<Searcher> {
        match self.target.reader() {
            Ok(reader) => Some(Searcher::new(reader?, Arc::new(Catalog::new(self.kinds())))),
            Err(failure) => {
                tracing::warn!("{failure}");
                None
            }
        }
    }

    fn kinds(&self) -> Vec<Kind> {
        self.target.kinds()
    }

    fn status(&self) -> Option<Status> {
        self.target.status()
    }

    fn write(&self) -> Result<Option<Handle>, String> {
        if let Some(problem) = &self.target.problem {
            return Err(problem.clone());
        }
        let told = |failure: Failure| failure.to_string();
        let lock =
            Lock::try_acquire(&self.target.store).map_err(|error| told(Failure::unavailable(error)))?;
        let Some(lock) = lock else { return Ok(None) };
        self.target.start(lock, Mode::Live).map(Some).map_err(told)
    }

    fn fetcher(&self) -> Option<Fetcher> {
        match self.target.client() {
            Ok(client) => Some(Fetcher::new(client)),
            Err(failure) => {
                tracing::warn!("{failure}");
                None
            }
        }
    }

    fn history(&self) -> Vec<String> {
        // There is none before the first query.
        let text = fs_err::read_to_string(self.history_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn save_history(&self, queries: &[String]) -> Result<(), String> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let text: String = queries.iter().map(|query| format!("{query}\n")).collect();
        write_private(&self.history_file(), &text)
            .map_err(|error| format!("the history can't be stored: {error}"))
    }
}

// Whole or not at all, and for its owner alone.
fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let dir = path.parent().ok_or(std::io::ErrorKind::NotFound)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// Opens the clusters of other contexts, with the same settings as the first.
struct Opener {
    env: Env,
    config: super::super::config::Location,
    sources: super::super::settings::Sources,
    clock: super::super::clock::Clock,
    kubeconfig: Option<PathBuf>,
    /// The context of the start: a mirror that a variable names is meant for it alone.
    first: Option<String>,
    loans: Loans,
}

impl Opener {
    fn new(session: &Session<'_>, target: &Target, loans: Loans) -> Self {
        let first = target.access.as_ref().and_then(|access| access.context.clone());
        Self {
            first: first.or_else(|| target.settings.text(Key::Context).map(str::to_owned)),
            env: session.env.clone(),
            config: session.config.clone(),
            sources: session.sources.clone(),
            clock: session.clock.clone(),
            kubeconfig: target.settings.path(Key::Kubeconfig),
            loans,
        }
    }
}

impl Host for Opener {
    fn contexts(&self) -> Vec<String> {
        let options = AccessOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: None,
            namespace: None,
            environment: Environment::default(),
        };
        contexts(&options).unwrap_or_default()
    }

    fn open(&self, context: &str) -> Result<Box<dyn Connection>, String> {
        let sources = self.sources.for_context(context);
        let sources = match self.first.as_deref() == Some(context) {
            true => sources,
            false => sources.without_a_mirror_of_the_start(),
        };
        // The screen belongs to the app: what would be said on stderr goes nowhere.
        let mut output = Output::silent();
        let mut session = Session {
            env: self.env.clone(),
            clock: self.clock.clone(),
            output: &mut output,
            config: self.config.clone(),
            sources,
            namespaces: Vec::new(),
            if_nothing: None,
        };
        let told = |failure: Failure| failure.to_string();
        let mut target = Target::open(&mut session, Need::Stored).map_err(told)?;
        target.mirror_as_configured(&session).map_err(told)?;
        Ok(Box::new(Opened::new(target, self.loans.clone())))
    }
}
