//! L0: strings for people. Every outside string passes [`sanitise`] before a terminal sees it; ages, shell quoting,
//! display widths, timestamps and "did you mean" live beside it, and [`Clock`], from which everybody has the time. No IO.

mod ansi;
mod clock;
mod host;
mod sanitise;
mod shell;
mod suggest;
mod time;
mod width;

pub use ansi::{Paint, Painted, painted};
pub use clock::Clock;
pub use host::is_loopback;
pub use sanitise::{sanitise, sanitise_lines};
pub use shell::shell_quote;
pub use suggest::suggest;
pub use time::{age, http_date, parse_rfc3339, rfc3339};
pub use width::{truncate, width};
