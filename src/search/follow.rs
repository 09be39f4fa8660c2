//! The matches of one commit after another: only documents that are new are read.

use crate::index::{Doc, SegmentKey};
use crate::query::Query;

use super::order::Order;
use super::plan::plan;
use super::rank::{Found, Wanted, page};
use super::{Hit, Options, SearchError, Searcher};

/// Where a document lies in the index. Another version of an object lies elsewhere, and so does the same one after its
/// segment was merged into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    segment: SegmentKey,
    doc: Doc,
}

impl Searcher {
    /// Every match of a query, best first (`limit:` of the query counts, the option does not): its position, and the
    /// hit itself where `is_known` does not know the position.
    ///
    /// # Errors
    /// As [`Searcher::search`].
    pub fn matches(
        &self,
        query: &Query,
        options: &Options,
        is_known: impl Fn(&Position) -> bool,
    ) -> Result<Vec<(Position, Option<Hit>)>, SearchError> {
        let snapshot = self.reader().snapshot();
        let node = plan(query, options, self.catalog(), &snapshot)?;
        let segments = snapshot.segments();
        let all = usize::try_from(snapshot.num_docs()).unwrap_or(usize::MAX);
        let limit = query.limit.unwrap_or(all).min(all);
        let wanted = Wanted { offset: 0, limit, exact: true, similar: false, stop: &options.stop };
        let found = page(&node, segments, &Order::new(&query.sort, segments), wanted)?.found;
        let at =
            |found: &Found| Position { segment: segments[found.place.segment].key(), doc: found.place.doc };
        let positions: Vec<Position> = found.iter().map(at).collect();
        let new: Vec<Found> = found.into_iter().filter(|found| !is_known(&at(found))).collect();
        let mut hits = self.hits(&node, &snapshot, &new)?.into_iter();
        let hit = |position: Position| (position, if is_known(&position) { None } else { hits.next() });
        Ok(positions.into_iter().map(hit).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{index, literally, thing};
    use super::*;
    use crate::index::{Checkpoint, Op};
    use crate::query::parse;

    #[test]
    fn after_a_commit_only_what_is_new_is_read() {
        let pods: Vec<_> = (0..20).map(|nth| thing("Pod", "shop", &format!("web-{nth}"))).collect();
        let (mut writer, searcher) = index(&pods);
        let query = parse("kind:pod").unwrap();
        let first = searcher.matches(&query, &literally(), |_| false).unwrap();
        assert_eq!(first.iter().filter(|(_, hit)| hit.is_some()).count(), 20);

        let changed = pods[3].clone().label("app", "web").entry(3);
        writer.apply(Op::Upsert(Box::new(changed))).unwrap();
        writer.commit(&Checkpoint::default()).unwrap();
        searcher.refresh().unwrap();
        let known: HashSet<Position> = first.into_iter().map(|(position, _)| position).collect();
        let second = searcher.matches(&query, &literally(), |position| known.contains(position)).unwrap();
        assert_eq!(second.len(), 20);
        let read: Vec<_> = second.into_iter().filter_map(|(_, hit)| hit).collect();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].document.metadata.name, "web-3");
    }

    #[test]
    fn a_limit_of_the_query_counts() {
        let (_writer, searcher) = index(&[thing("Pod", "shop", "a"), thing("Pod", "shop", "b")]);
        let query = parse("kind:pod sort:name limit:1").unwrap();
        let found = searcher.matches(&query, &literally(), |_| false).unwrap();
        let names: Vec<_> =
            found.into_iter().filter_map(|(_, hit)| Some(hit?.document.metadata.name)).collect();
        assert_eq!(names, ["a"]);
    }
}
