//! How wide the columns of the list want to be.

/// Widths that the columns want, in terminal columns; 0 where a column has nothing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    /// The kind.
    pub(crate) kind: usize,
    /// The kind by its short name.
    pub(crate) short_kind: usize,
    /// The namespace.
    pub(crate) namespace: usize,
    /// The name.
    pub(crate) name: usize,
    /// The age.
    pub(crate) age: usize,
    /// The status.
    pub(crate) status: usize,
    /// Why a row matched.
    pub(crate) matched: usize,
    /// The owner.
    pub(crate) owner: usize,
    /// The labels.
    pub(crate) labels: usize,
}

impl Wanted {
    /// Wide enough for both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            kind: self.kind.max(other.kind),
            short_kind: self.short_kind.max(other.short_kind),
            namespace: self.namespace.max(other.namespace),
            name: self.name.max(other.name),
            age: self.age.max(other.age),
            status: self.status.max(other.status),
            matched: self.matched.max(other.matched),
            owner: self.owner.max(other.owner),
            labels: self.labels.max(other.labels),
        }
    }
}

/// What the lines that showed so far wanted, and for which query: widths stay while they fit, so that moving by a line
/// moves no column without need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Widths {
    /// The query that the rows answer.
    pub(crate) query: String,
    /// What they wanted.
    pub(crate) wanted: Wanted,
}
