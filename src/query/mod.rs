//! L1: query text to AST and back. Pure; knows no kinds and no schema. `docs/query.md` is the language for users.

mod ast;
mod build;
mod error;
mod lex;
mod parse;
mod print;
mod selector;
#[cfg(test)]
mod tests;
mod value;

pub use ast::{Expr, Hint, LabelOp, LabelSelector, Pattern, Query, Span, Term};
pub use error::ParseError;
pub use parse::{MAX_BYTES, MAX_DEPTH, MAX_TERMS, parse};
pub use selector::parse_selector;
