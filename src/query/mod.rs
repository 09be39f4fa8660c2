//! L1: query text to AST and back. Pure; knows no kinds and no schema. `docs/query.md` is the language for users.

mod ast;
mod build;
mod conditions;
mod cursor;
mod error;
mod hints;
mod lenient;
mod lex;
mod parse;
mod print;
mod problems;
pub mod reference;
mod selector;
mod settings;
mod terms;
#[cfg(test)]
mod tests;
mod times;
mod value;
mod words;

pub use ast::{
    Expr, Hint, Owner, Part, Pattern, Query, Selector, SelectorOp, Sort, SortKey, Span, State, Term, Times,
    Value, is_case_sensitive,
};
pub use cursor::{AtCursor, Place, at_cursor};
pub use error::ParseError;
pub use lenient::{Known, Lenient, parse_lenient};
pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_TERMS, parse};
pub use selector::parse_selector;
