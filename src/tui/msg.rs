//! What the core is told ([`Msg`]) and what it wants done ([`Effect`]). Plain data, no handles.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::family::Family;
use super::keys::Key;
use super::state::{Content, Facet, Proposal, Row, StatusRequest};
use crate::cluster::fetch::{Fate, Manifest, ObjectRef, Occurrence, Printed, Sight};
use crate::engine::status::Status;
use crate::object::KindKey;
use crate::query::Span;
use crate::search::Catalog;

/// Something happened.
#[derive(Debug, Clone)]
pub(crate) struct Msg {
    /// When, in milliseconds since 1970 (UTC): the core has no clock.
    pub(crate) now_ms: i64,
    /// What.
    pub(crate) event: Event,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(Mouse),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// A second went by.
    Tick,
    /// A search was answered.
    Answer(Answer),
    /// The index holds something else than the last answer was made from.
    IndexChanged,
    /// What was found of an object in the index.
    Fetched {
        /// Number of the request.
        ticket: u64,
        /// What came, or why nothing did.
        page: Result<Page, String>,
    },
    /// What is seen of an object in the cluster.
    Seen {
        /// Number of the request.
        ticket: u64,
        /// What.
        sight: Sight<Page>,
    },
    /// Something about the log that is followed.
    Log {
        /// Number of the request.
        ticket: u64,
        /// What.
        news: LogNews,
    },
    /// What was said about the status of some objects.
    Status {
        /// Number of the request.
        ticket: u64,
        /// What, or why nothing.
        said: Result<Printed, String>,
    },
    /// Something about the cluster.
    Cluster(ClusterEvent),
    /// Something to tell the user.
    Note(String),
    /// The program is asked to stop for a while.
    Suspend,
    /// The program is asked to end by ctrl-c's signal, which in raw mode comes from elsewhere than the keyboard.
    Interrupt,
    /// The program is asked to end.
    Terminate,
}

/// What became known of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogNews {
    /// The containers of the Pod; the log is that of the first.
    Containers(Vec<String>),
    /// Lines, oldest first.
    Lines(Vec<String>),
    /// No more lines come: what became of the Pod, or what is wrong.
    Ended(Result<Fate, String>),
}

/// What the mouse did, in columns and rows from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mouse {
    /// The left button went down.
    Click {
        /// Column.
        x: u16,
        /// Row.
        y: u16,
    },
    /// The wheel turned up.
    WheelUp,
    /// The wheel turned down.
    WheelDown,
}

/// How this process stands to the index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Link {
    /// Not known yet.
    #[default]
    Opening,
    /// It writes it.
    Writer,
    /// Another process writes it.
    Following {
        /// Its id.
        pid: u32,
    },
    /// Nobody writes it: why.
    Stored(String),
}

/// Something about the cluster. Each carries the number of the connection it belongs to: a switch of context makes
/// a new one, and what the old one still says is dropped.
#[derive(Debug, Clone)]
pub(crate) struct ClusterEvent {
    /// Number of the connection.
    pub(crate) connection: u64,
    /// What it says.
    pub(crate) what: ClusterNews,
}

/// What a connection says.
#[derive(Debug, Clone)]
pub(crate) enum ClusterNews {
    /// A connection was opened: its name, and the queries that were used there.
    Opened {
        /// The context, or the server's address.
        name: String,
        /// Oldest first.
        history: Vec<String>,
    },
    /// It could not be opened: the old one stays.
    NotOpened(String),
    /// How this process stands to the index.
    Link(Link),
    /// The writer's view.
    Status(Arc<Status>),
}

/// A search that is wanted. The newest wins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// Number of the request; an answer carries it.
    pub(crate) generation: u64,
    /// The query.
    pub(crate) text: String,
    /// Where the cursor stands in it; `None` when it is elsewhere, so that nothing is half-typed.
    pub(crate) cursor: Option<usize>,
    /// Where the cursor stood when the query line was left, until that was answered: what is half-typed there is
    /// settled.
    pub(crate) left: Option<usize>,
    /// Only these namespaces; all when empty.
    pub(crate) namespaces: Vec<String>,
    /// Rows at most.
    pub(crate) limit: usize,
    /// Whether facets are wanted.
    pub(crate) facets: bool,
    /// The label whose values are counted as well.
    pub(crate) facet_key: Option<String>,
    /// Seconds since 1970: what ages are counted from.
    pub(crate) now: i64,
    /// What is read, to say why nothing was found.
    pub(crate) status: Option<Arc<Status>>,
}

impl Request {
    /// Whether another request asks the same question, be it at another time.
    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        let Self { text, cursor, left, namespaces, limit, facets, facet_key, .. } = self;
        (text, cursor, left) == (&other.text, &other.cursor, &other.left)
            && (namespaces, limit, facets, facet_key)
                == (&other.namespaces, &other.limit, &other.facets, &other.facet_key)
    }
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Number of the request.
    pub(crate) generation: u64,
    /// How long it took, in microseconds.
    pub(crate) took_us: u64,
    /// What was found, or what is wrong.
    pub(crate) found: Result<Found, Problem>,
    /// What the query reads now that its line was left; `None` where it stays.
    pub(crate) settled: Option<String>,
    /// What the word under the cursor may become.
    pub(crate) proposals: Vec<Proposal>,
    /// What it stands for: the part of the query that a proposal replaces.
    pub(crate) proposed_for: Span,
}

/// What a search found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// Rows, or kinds for an empty query.
    pub(crate) content: Content,
    /// How many objects match.
    pub(crate) total: u64,
    /// Whether it is exactly so many, or at least.
    pub(crate) exact: bool,
    /// Objects in the index.
    pub(crate) objects: u64,
    /// Remarks about the query.
    pub(crate) hints: Vec<String>,
    /// Objects by namespace.
    pub(crate) namespaces: Vec<(String, u64)>,
    /// The kinds of the cluster, by all their names.
    pub(crate) catalog: Arc<Catalog>,
    /// Objects by kind.
    pub(crate) counts: BTreeMap<KindKey, u64>,
    /// Counts by kind, namespace and label, when they were asked for.
    pub(crate) facets: Vec<Facet>,
    /// How many objects are where many of the rows are, by kind and namespace.
    pub(crate) places: BTreeMap<(KindKey, String), u64>,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The part of the query to blame.
    pub(crate) span: Option<Span>,
    /// What is wrong.
    pub(crate) message: String,
    /// It may still become right: no error yet.
    pub(crate) half_typed: bool,
}

/// What can be fetched of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Its YAML.
    Manifest {
        /// With the values of a Secret.
        reveal: bool,
    },
    /// The events about it.
    Events,
}

/// What was fetched of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Page {
    /// Its YAML.
    Manifest(Manifest),
    /// The events about it, oldest first.
    Events(Vec<Occurrence>),
    /// Its owners and what it owns.
    Family(Family),
}

/// Something to be done outside of the core.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Search; an older request that still waits is forgotten.
    Search(Request),
    /// Put text into the clipboard.
    Copy(String),
    /// Store the history of the present cluster.
    SaveHistory(Vec<String>),
    /// Open another context.
    SwitchContext(String),
    /// Fetch something of an object and keep it current; what was fetched before is cancelled.
    Fetch {
        /// Number of the request; the answer carries it.
        ticket: u64,
        /// The object.
        object: ObjectRef,
        /// What.
        wanted: Wanted,
    },
    /// Find an object's family in the index.
    Family {
        /// Number of the request; the answer carries it.
        ticket: u64,
        /// The object.
        row: Arc<Row>,
    },
    /// Follow the log of a Pod; what was fetched before is cancelled.
    Logs {
        /// Number of the request; what comes carries it.
        ticket: u64,
        /// The Pod.
        pod: ObjectRef,
        /// The container; empty for the one to look at first.
        container: String,
        /// Of the container before its last restart.
        previous: bool,
    },
    /// What is being fetched is wanted no longer.
    CancelFetch,
    /// Ask for the status of objects.
    AskStatus(StatusRequest),
    /// The status request with this number is wanted no longer.
    CancelStatus(u64),
    /// A credential plugin that failed may ask again.
    AskForCredentials,
    /// Look at the cluster again now.
    Refresh,
    /// Draw everything anew.
    Redraw,
    /// Stop until the shell wakes us.
    Suspend,
    /// Catch the mouse, or let the terminal have it for selecting text.
    CatchMouse(bool),
    /// End.
    Quit,
}
