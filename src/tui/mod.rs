//! L4: the terminal app. A pure core ([`update`](update::update): message in, effects out) and a pure view; the
//! runtime around them owns the terminal, the search thread and the connection.
//!
//! ```text
//!   keys, mouse ──┐                        ┌──> search thread ──> Answer ──┐
//!   cluster task ─┼──> Msg ──> update ──> Effect ──> clipboard, history    │
//!   answers ──────┘            │           └──> cluster task (switch)      │
//!        ^                    State ──> view ──> terminal                  │
//!        └─────────────────────────────────────────────────────────────────┘
//! ```

mod clipboard;
mod cluster;
mod family;
mod fetching;
mod input;
mod keyboard;
pub mod keys;
mod layout;
mod loan;
mod msg;
mod runtime;
mod search;
mod state;
mod terminal;
mod theme;
mod update;
mod view;
mod worker;

use jiff::tz::TimeZone;

pub use clipboard::{Clipboard, Desktop};
pub use loan::{Borrowed, Loans};
pub use runtime::{AppError, run};
pub use theme::Theme;

use crate::cluster::fetch::Fetcher;
use crate::engine::Handle;
use crate::engine::status::Status;
use crate::object::Kind;
use crate::search::Searcher;

/// One cluster, as who starts the app reaches it. Methods may read files; none waits for the network.
pub trait Connection: Send + Sync + 'static {
    /// The context, or the server's address.
    fn name(&self) -> String;

    /// The stored index; `None` while there is none.
    fn stored(&self) -> Option<Searcher>;

    /// The kinds that discovery named last.
    fn kinds(&self) -> Vec<Kind>;

    /// What the writer, living or gone, said last.
    fn status(&self) -> Option<Status>;

    /// Becomes the writer of the index; `None` when another process is. Runs on a tokio runtime.
    ///
    /// # Errors
    /// Why nothing can be read: a sentence for the user.
    fn write(&self) -> Result<Option<Handle>, String>;

    /// Looks at single objects; `None` where the cluster can't be reached at all.
    fn fetcher(&self) -> Option<Fetcher>;

    /// The queries that were used here, oldest first.
    fn history(&self) -> Vec<String>;

    /// Stores the queries.
    ///
    /// # Errors
    /// Why not: a sentence for the user.
    fn save_history(&self, queries: &[String]) -> Result<(), String>;
}

/// Opens clusters.
pub trait Host: Send + Sync + 'static {
    /// The contexts of the kubeconfig.
    fn contexts(&self) -> Vec<String>;

    /// Opens a context's cluster.
    ///
    /// # Errors
    /// Why not: a sentence for the user.
    fn open(&self, context: &str) -> Result<Box<dyn Connection>, String>;
}

/// How the app starts.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// The query it opens on.
    pub query: String,
    /// Only these namespaces; all when empty.
    pub namespaces: Vec<String>,
    /// Colours.
    pub theme: Theme,
    /// The local time zone.
    pub zone: TimeZone,
    /// Whether the status of what shows is asked for.
    pub status_column: bool,
    /// How texts are copied.
    pub clipboard: Clipboard,
    /// Which clipboard tools there may be.
    pub desktop: Desktop,
    /// The user's keys.
    pub keys: Vec<keys::Rebinding>,
    /// Where credential plugins borrow the terminal.
    pub loans: Loans,
}
