//! L1: query text to AST and back. Pure; knows no kinds and no schema.

mod ast;

pub use ast::{Expr, Hint, LabelOp, LabelSelector, Pattern, Query, Span, Term};
