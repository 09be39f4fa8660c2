//! What the user wrote, resolved against nothing: no kinds, no schema.

use std::ops::Range;

/// A byte range of the query text.
pub type Span = Range<usize>;

/// One parsed query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// What must match; `None` for an empty query (which lists kinds, never all rows).
    pub root: Option<Expr>,
    /// `-A` was given: a namespace set outside the query (flag, configuration, screen) does not apply.
    pub all_namespaces: bool,
    /// Remarks that are no errors, such as "no field 'system', searching as text".
    pub hints: Vec<Hint>,
}

/// A remark about a part of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The part it is about.
    pub span: Span,
    /// What the user reads.
    pub message: String,
}

/// A boolean combination of terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All must match; never empty.
    And(Vec<Expr>),
    /// One must match; never empty.
    Or(Vec<Expr>),
    /// Must not match.
    Not(Box<Expr>),
    /// A single condition, and where it stands.
    Term(Term, Span),
}

/// A single condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A word over all fields: any part of a name, or the start of a token elsewhere.
    Word(String),
    /// An exact phrase over all fields.
    Phrase(String),
    /// `kind:`; one or more kind words as typed (plural, singular, short name, `name.group`, category).
    Kind(Vec<String>),
    /// `ns:`, `-n`; one or more namespaces or globs.
    Namespace(Vec<Pattern>),
    /// `name:`; one or more names or globs; a bare word is a substring.
    Name(Vec<Pattern>),
    /// A label selector requirement.
    Label(LabelSelector),
}

/// How a value of a field is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Equal.
    Exact(String),
    /// Contains.
    Substring(String),
    /// Starts with.
    Prefix(String),
    /// Ends with.
    Suffix(String),
    /// `*` any run, `?` any one character; matches the whole value.
    Glob(String),
}

/// One requirement of a label selector, with Kubernetes' meaning: `NotIn` and `NotExists` match objects without
/// the key as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSelector {
    /// The label key, prefix included.
    pub key: String,
    /// The comparison.
    pub op: LabelOp,
}

/// Comparison of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelOp {
    /// The key is there.
    Exists,
    /// The key is not there.
    NotExists,
    /// The value is one of these (`=`, `==`, `in`).
    In(Vec<String>),
    /// The value is none of these, or the key is not there (`!=`, `notin`).
    NotIn(Vec<String>),
}
