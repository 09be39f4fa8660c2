//! The table of actions: name, where it counts, default keys, help text. Dispatch, the hint bar, the help view, the
//! documentation and rebinding are all made from it.

/// Where a key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// In the query line; characters are typed.
    Query,
    /// In the list of results, or one of its neighbours.
    List,
    /// In a view of text: details, help, coverage.
    Text,
    /// In a picker or the palette; characters are typed.
    Picker,
}

impl Context {
    /// Whether characters are typed here instead of being commands.
    pub fn types(self) -> bool {
        matches!(self, Self::Query | Self::Picker)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Query => Q,
            Self::List => L,
            Self::Text => T,
            Self::Picker => P,
        }
    }
}

const Q: u8 = 1;
const L: u8 = 2;
const T: u8 = 4;
const P: u8 = 8;

/// The parts of the help view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Moving.
    Move,
    /// The query line.
    Query,
    /// What is shown.
    Show,
    /// The object under the cursor.
    Object,
    /// Everything else.
    App,
}

impl Group {
    /// All, in the order of the help view: what one came for first.
    pub const ALL: [Self; 5] = [Self::Object, Self::Show, Self::Move, Self::App, Self::Query];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "Moving",
            Self::Query => "Query line",
            Self::Show => "What is shown",
            Self::Object => "The object under the cursor",
            Self::App => "The app",
        }
    }
}

macro_rules! actions {
    ($($(#[doc = $help:literal])+ $action:ident $name:literal $group:ident $contexts:expr, $keys:literal, $hint:literal;)+) => {
        /// Something that a key does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $($(#[doc = $help])+ $action,)+
        }

        impl Action {
            /// Every action, in the order of the help view.
            pub const ALL: &[Self] = &[$(Self::$action),+];

            /// The name that the configuration calls it by.
            pub fn name(self) -> &'static str {
                match self { $(Self::$action => $name),+ }
            }

            /// What it does, one line.
            pub fn help(self) -> &'static str {
                match self { $(Self::$action => concat!($($help),+).trim_ascii()),+ }
            }

            /// One word for the hint bar; empty where it is not worth a place there.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$action => $hint),+ }
            }

            /// Its part of the help view.
            pub fn group(self) -> Group {
                match self { $(Self::$action => Group::$group),+ }
            }

            fn contexts(self) -> u8 {
                match self { $(Self::$action => $contexts),+ }
            }

            /// Its default keys, separated by spaces.
            pub(super) fn default_keys(self) -> &'static str {
                match self { $(Self::$action => $keys),+ }
            }
        }
    };
}

actions! {
    /// Focus the query line, cursor at its end
    FocusQuery "focus-query" Query L, "/", "search";
    /// Accept the completion
    Complete "complete" Query Q | P, "tab", "complete";
    /// Clear the line up to the cursor
    DeleteToStart "delete-to-start" Query Q | P, "ctrl-u", "";
    /// Delete the word before the cursor
    DeleteWord "delete-word" Query Q | P, "ctrl-w alt-backspace", "";
    /// Delete the character before the cursor
    Backspace "delete-before" Query Q | P, "backspace ctrl-h", "";
    /// Delete the character under the cursor
    Delete "delete-after" Query Q | P, "delete", "";
    /// Delete up to the end of the line
    DeleteToEnd "delete-to-end" Query Q | P, "ctrl-k", "";
    /// Cursor one character to the left
    Left "cursor-left" Query Q | P, "left ctrl-b", "";
    /// Cursor one character to the right
    Right "cursor-right" Query Q | P, "right ctrl-f", "";
    /// Cursor one word to the left
    WordLeft "word-left" Query Q | P, "alt-b ctrl-left", "";
    /// Cursor one word to the right
    WordRight "word-right" Query Q | P, "alt-f ctrl-right", "";
    /// Cursor to the start of the line
    LineStart "line-start" Query Q | P, "ctrl-a home", "";
    /// Cursor to the end of the line
    LineEnd "line-end" Query Q | P, "ctrl-e end", "";
    /// The query before this one
    HistoryPrevious "history-previous" Query Q | L, "alt-p ctrl-up", "";
    /// The query after this one
    HistoryNext "history-next" Query Q | L, "alt-n ctrl-down", "";

    /// Up
    Up "up" Move Q | L | T | P, "up ctrl-p k", "";
    /// Down
    Down "down" Move Q | L | T | P, "down ctrl-n j", "";
    /// One page up
    PageUp "page-up" Move Q | L | T | P, "pageup", "";
    /// One page down
    PageDown "page-down" Move Q | L | T | P, "pagedown", "";
    /// One page up, where nothing is typed
    ScreenUp "screen-up" Move L | T, "ctrl-b", "";
    /// One page down, where nothing is typed
    ScreenDown "screen-down" Move L | T, "ctrl-f", "";
    /// Half a page up
    HalfUp "half-page-up" Move L | T, "ctrl-u", "";
    /// Half a page down
    HalfDown "half-page-down" Move L | T, "ctrl-d", "";
    /// To the first line
    Top "top" Move L | T, "g home", "";
    /// To the last line
    Bottom "bottom" Move L | T, "G end", "";
    /// To the list, keeping the query; back; close
    Escape "escape" Move Q | L | T | P, "esc", "";
    /// Back; at the root, quit
    Back "back" Move L | T, "q", "back";
    /// Search in this view
    Find "find" Move T, "/", "find";
    /// The next match
    FindNext "find-next" Move T, "n", "";
    /// The match before
    FindPrevious "find-previous" Move T, "N", "";
    /// To the next pane
    NextPane "next-pane" Move L | T, "tab", "";
    /// To the previous pane
    PreviousPane "previous-pane" Move L | T, "shift-tab", "";
    /// Back to where the last jump began, with its place in the list
    ViewBack "view-back" Move L, "[", "";
    /// Forward again
    ViewForward "view-forward" Move L, "]", "";
    /// The query that was shown last
    ViewLast "view-last" Move L, "-", "";

    /// Open: an object's details, a kind's objects, a folded row
    Open "open" Object Q | L | T | P, "enter", "open";
    /// Fold or unfold siblings
    Fold "fold" Object L, "space", "fold";
    /// All that the index knows of it
    Describe "describe" Object L | T, "d", "";
    /// Its YAML, as it is now in the cluster; a Secret's values are masked
    Yaml "yaml" Object L | T, "y", "yaml";
    /// The events about it
    Events "events" Object L | T, "E", "events";
    /// The log of a container, of a Pod or of one that it owns
    Logs "logs" Object L | T, "l", "logs";
    /// Its family, from the index: owners all the way up, what it owns all the way down
    Tree "tree" Object L | T, "t", "tree";
    /// Go to its owner
    Owner "owner" Object L | T, "J", "";
    /// Show the log before the container's last restart, or the present one again
    Previous "previous-log" Object T, "p", "previous";
    /// Choose the container whose log is shown
    Container "container" Object T, "o", "container";
    /// Keep the newest lines of the log in view, or stay
    Follow "follow" Object T, "f", "follow";
    /// Show or hide managedFields in the YAML
    ManagedFields "managed-fields" Object T, "m", "managedFields";
    /// Reveal the values of a Secret in the YAML, until it is closed; mask them again
    Reveal "reveal" Object T, "x", "reveal";
    /// Copy the name
    CopyName "copy-name" Object L | T, "c", "copy";
    /// Copy any field
    CopyField "copy-field" Object L | T, "Y", "";
    /// Copy the kubectl command that shows it
    CopyCommand "copy-command" Object L | T, "C", "";

    /// Facets: counts by kind, namespace and label; Enter narrows
    Facets "facets" Show L, "f", "facets";
    /// Choose namespaces
    Namespaces "namespaces" Show L, "n", "namespaces";
    /// All namespaces
    AllNamespaces "all-namespaces" Show L, "0", "";
    /// Only objects that are being deleted; again: all
    Deleting "deleting" Show L, "!", "";
    /// Wide columns: labels and owner
    Wide "wide" Show L, "w", "";
    /// Show or hide the preview
    Preview "preview" Show Q | L, "p ctrl-o", "";
    /// Choose the order
    Sort "sort" Show L, "s", "sort";
    /// By name; again: the other way round
    SortName "sort-name" Show L, "N", "";
    /// By age, the youngest first; again: the other way round
    SortAge "sort-age" Show L, "A", "";
    /// By namespace; again: the other way round
    SortNamespace "sort-namespace" Show L, "P", "";
    /// Turn the order round
    SortInvert "sort-invert" Show L, "S", "";
    /// Coverage: what is read of each kind, and what it costs
    Coverage "coverage" Show L, "K", "kinds";

    /// Commands: contexts, namespaces, kinds, views
    Palette "palette" App L | T, ":", "command";
    /// Help: keys and the query language
    Help "help" App Q | L | T, "? f1", "help";
    /// Ask the cluster again now
    Refresh "refresh" App Q | L | T, "ctrl-r", "";
    /// Draw the screen anew
    Redraw "redraw" App Q | L | T | P, "ctrl-l", "";
    /// To the shell; fg comes back
    Suspend "suspend" App Q | L | T | P, "ctrl-z", "";
    /// Quit
    Quit "quit" App Q | L | T | P, "ctrl-c", "";
}

impl Action {
    /// Whether it counts here.
    pub fn applies(self, context: Context) -> bool {
        self.contexts() & context.bit() != 0
    }

    /// The action with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.name() == name)
    }
}
