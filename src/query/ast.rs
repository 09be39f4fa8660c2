//! What the user wrote, resolved against nothing: no kinds, no schema, no clock.

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
    /// `cluster:`, `@`: the contexts whose stored indexes are asked instead of the present one; empty for that.
    pub clusters: Vec<Value>,
    /// `sort:`, the most important first; empty for the order of relevance.
    pub sort: Vec<Sort>,
    /// `limit:`; at least 1.
    pub limit: Option<usize>,
    /// Remarks that are no errors, such as "no qualifier `system:`, searching as text".
    pub hints: Vec<Hint>,
}

impl Query {
    /// Whether its answer changes as time goes by, though no object does.
    pub fn depends_on_clock(&self) -> bool {
        fn any(expr: &Expr) -> bool {
            match expr {
                Expr::And(all) | Expr::Or(all) => all.iter().any(any),
                Expr::Not(inner) => any(inner),
                Expr::Term(term, _) => {
                    matches!(term, Term::Created(Times::Ago { .. }) | Term::Changed(Times::Ago { .. }))
                }
            }
        }
        self.root.as_ref().is_some_and(any)
    }
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

/// A single condition. Lists are alternatives and never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A word over all fields: any part of a name, or the start of a token elsewhere.
    Word(String),
    /// An exact phrase over all fields.
    Phrase(String),
    /// `~`: what an object is about, for the semantic engine.
    Meaning(String),
    /// `kind:`; kind words (plural, singular, short name, `name.group`, category) or patterns over them.
    Kind(Vec<Value>),
    /// `ns:`, `-n`
    Namespace(Vec<Pattern>),
    /// `name:`, `^web`, `web$`, `web-*`, `'web`, `/regex/`
    Name(Vec<Pattern>),
    /// `deploy/web`: the kind and a part of the name. Where no kind is called so (`app.kubernetes.io/name`), a word:
    /// the term as it prints.
    KindName {
        /// A kind word.
        kind: String,
        /// Over the name.
        name: Pattern,
    },
    /// `group:`; an exact value also means the groups that go on after it with a dot (`cert-manager` means
    /// `cert-manager.io`); `core` is the empty group.
    Group(Vec<Pattern>),
    /// `version:`; over the version alone (`v1beta1`).
    Version(Vec<Pattern>),
    /// `uid:`
    Uid(Vec<Pattern>),
    /// A requirement on one label.
    Label(Selector),
    /// A requirement on one annotation.
    Annotation(Selector),
    /// `label:/regex/`, `label:app*`: a glob or regular expression over `key=value` of any label.
    LabelPair(Pattern),
    /// `anno:/regex/`, `anno:team*`: the same over annotations.
    AnnotationPair(Pattern),
    /// `owner:`; a direct owner.
    Owner(Vec<Owner>),
    /// `root:`; any ancestor.
    Root(Vec<Owner>),
    /// `age:`, `created:`
    Created(Times),
    /// `changed:`; the last write outside of `status`.
    Changed(Times),
    /// `by:`; the client program that wrote (a field manager).
    By(Vec<Pattern>),
    /// `is:`
    Is(Vec<State>),
    /// `has:`; `no:` is its exclusion.
    Has(Vec<Part>),
}

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// What is compared.
    pub pattern: Pattern,
    /// The value's place in the query.
    pub span: Span,
}

/// How a value of a field is compared. Whether letter case counts: [`Pattern::is_case_sensitive`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
    /// A regular expression of the `regex` crate that compiles within its size limit; matches anywhere in the value.
    Regex(String),
}

impl Pattern {
    /// Smart case: letter case counts when a capital letter was written.
    pub fn is_case_sensitive(&self) -> bool {
        match self {
            Self::Exact(text)
            | Self::Substring(text)
            | Self::Prefix(text)
            | Self::Suffix(text)
            | Self::Glob(text) => is_case_sensitive(text),
            Self::Regex(source) => is_case_sensitive(&without_escapes(source)),
        }
    }
}

/// Smart case: letter case counts when a word has a capital letter. Values of labels and annotations are compared
/// exactly whatever this says, kind words never with regard to case.
pub fn is_case_sensitive(text: &str) -> bool {
    text.chars().any(char::is_uppercase)
}

/// `\S`, `\pL` and `\p{Lu}` are no capital letters.
fn without_escapes(source: &str) -> String {
    let mut out = String::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        if matches!(chars.next(), Some('p' | 'P' | 'x' | 'u' | 'U'))
            && chars.next().is_some_and(|next| next == '{')
        {
            chars.by_ref().find(|c| *c == '}');
        }
    }
    out
}

/// A requirement on the value of one key, with Kubernetes' meaning: [`SelectorOp::NotIn`] and [`SelectorOp::NotExists`] match objects
/// without the key as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The key, prefix included; always compared exactly.
    pub key: String,
    /// The comparison.
    pub op: SelectorOp,
}

/// Comparison of a label or an annotation. Letter case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectorOp {
    /// The key is there.
    Exists,
    /// The key is not there.
    NotExists,
    /// The value is one of these (`=`, `==`, `in`).
    In(Vec<Pattern>),
    /// The value is none of these, or the key is not there (`!=`, `notin`).
    NotIn(Vec<Pattern>),
    /// The value is an integer above this (kubectl's `-l 'x>1'`); a value that is none does not match.
    Above(i64),
    /// The value is an integer below this.
    Below(i64),
}

/// An owner as `owner:` and `root:` name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// `owner:3f1c2d4e-...`
    Uid(String),
    /// `owner:deploy/web`, `owner:web`
    Object {
        /// A kind word; any kind without it.
        kind: Option<String>,
        /// Over the owner's name.
        name: Pattern,
    },
}

/// A stretch of time, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// How long ago, at the moment of the search by the server's clock; both ends belong to it.
    Ago {
        /// At least this many seconds.
        least: Option<u64>,
        /// At most this many seconds.
        most: Option<u64>,
    },
    /// Seconds since 1970.
    At {
        /// This second or later.
        from: Option<i64>,
        /// Before this second.
        until: Option<i64>,
    },
}

impl Times {
    /// Whether a moment lies in it; both in seconds since 1970.
    pub fn contains(&self, moment: i64, now: i64) -> bool {
        match *self {
            Self::Ago { least, most } => {
                // a clock that runs behind must not hide what was made just now
                let ago = u64::try_from(now.saturating_sub(moment)).unwrap_or(0);
                least.is_none_or(|least| ago >= least) && most.is_none_or(|most| ago <= most)
            }
            Self::At { from, until } => {
                from.is_none_or(|from| moment >= from) && until.is_none_or(|until| moment < until)
            }
        }
    }
}

/// `is:`; what the metadata say about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Of a namespaced kind.
    Namespaced,
    /// Of a cluster-scoped kind.
    Cluster,
    /// Marked for deletion.
    Deleting,
    /// Of a kind that is no part of Kubernetes itself.
    Custom,
    /// Deleted, and still findable.
    Gone,
}

/// `has:` and `no:`; what an object may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Any label.
    Label,
    /// Any annotation.
    Annotation,
    /// Any owner.
    Owner,
    /// Any finalizer.
    Finalizer,
}

/// One key of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// The other way round: `sort:-age`.
    pub descending: bool,
}

/// What hits are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// The best first.
    Relevance,
    /// By name.
    Name,
    /// By namespace; cluster-scoped kinds first.
    Namespace,
    /// By kind.
    Kind,
    /// The youngest first.
    Age,
}
