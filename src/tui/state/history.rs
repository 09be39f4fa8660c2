//! Queries of this cluster, newest last, each once; and where one is while stepping through them.

/// How many are kept.
const KEPT: usize = 500;

/// The queries that were used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct History {
    entries: Vec<String>,
    /// Which entry is shown while stepping, and what was typed before that.
    at: Option<(usize, String)>,
}

impl History {
    /// A stored history; oldest first.
    pub(crate) fn new(entries: Vec<String>) -> Self {
        let mut history = Self::default();
        entries.iter().for_each(|entry| {
            history.add(entry);
        });
        history
    }

    /// All entries, oldest first.
    pub(crate) fn entries(&self) -> &[String] {
        &self.entries
    }

    /// Puts a query at the end, once. Whether that changed anything.
    pub(crate) fn add(&mut self, query: &str) -> bool {
        self.at = None;
        let query = tidy(query);
        if query.is_empty() || self.entries.last().is_some_and(|last| *last == query) {
            return false;
        }
        self.entries.retain(|entry| *entry != query);
        self.entries.push(query);
        let over = self.entries.len().saturating_sub(KEPT);
        self.entries.drain(..over);
        true
    }

    /// The query before; `typed` is what stands in the line now.
    pub(crate) fn previous(&mut self, typed: &str) -> Option<&str> {
        let (from, typed) = match self.at.take() {
            Some((at, typed)) => (at, typed),
            None => (self.entries.len(), typed.to_owned()),
        };
        let shown = if from == self.entries.len() { typed.as_str() } else { self.entries.get(from)? };
        let at = (0..from).rev().find(|at| self.entries[*at] != shown);
        self.at = Some((at.unwrap_or(from), typed));
        self.entries.get(at?).map(String::as_str)
    }

    /// The query after, in the end what was typed before stepping began.
    pub(crate) fn next(&mut self) -> Option<&str> {
        let (at, _) = self.at.as_mut()?;
        *at = (*at + 1).min(self.entries.len());
        let (at, typed) = self.at.as_ref()?;
        Some(self.entries.get(*at).unwrap_or(typed))
    }

    /// Editing ends the stepping.
    pub(crate) fn edited(&mut self) {
        self.at = None;
    }
}

/// Spaces that say nothing are no difference between two queries.
fn tidy(query: &str) -> String {
    match query.contains(['"', '\'']) {
        true => query.trim().to_owned(),
        false => query.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_query_is_kept_once_the_newest_last() {
        let mut history = History::new(vec!["a".into(), "b".into(), "a".into(), " ".into()]);
        assert_eq!(history.entries(), ["b", "a"]);
        assert!(!history.add("a"));
        assert!(history.add("b "));
        assert_eq!(history.entries(), ["a", "b"]);
        assert!(history.add("a  b") && !history.add(" a b") && history.add("\"a  b\""));
        assert_eq!(history.entries(), ["a", "b", "a b", "\"a  b\""]);
    }

    #[test]
    fn stepping_goes_there_and_back_to_what_was_typed() {
        let mut history = History::new(vec!["a".into(), "b".into()]);
        assert_eq!(history.previous("dra"), Some("b"));
        assert_eq!(history.previous("b"), Some("a"));
        assert_eq!(history.previous("a"), None);
        assert_eq!(history.next(), Some("b"));
        assert_eq!(history.next(), Some("dra"));
        assert_eq!(history.previous("b"), Some("b"), "what was typed before counts, not the line");
        history.edited();
        assert_eq!(history.previous("b"), Some("a"), "the query shown is not offered again");
    }
}
