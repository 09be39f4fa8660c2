//! How current something is that was fetched of an object.

use super::Difference;
use crate::cluster::fetch::{Manifest, Standing};

/// How current it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Live {
    /// As who fetches it said last.
    pub(crate) standing: Option<Standing>,
    /// Since when it is so, in milliseconds since 1970.
    pub(crate) since_ms: i64,
    /// It was deleted at some time after that.
    pub(crate) later: bool,
    /// Lines that the last change made.
    pub(crate) changed: Vec<usize>,
    /// When that came.
    pub(crate) changed_ms: Option<i64>,
    /// Something came for this request.
    pub(crate) shown: bool,
    /// Requests made for it.
    requests: u64,
}

/// The newest text that was seen of an object, for when it is gone once it is asked for again. Never with revealed
/// values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Last {
    /// Of which object.
    pub(crate) uid: String,
    /// The text.
    pub(crate) manifest: Manifest,
    /// Until when it is known to have been there, in milliseconds since 1970.
    pub(crate) there_ms: i64,
    /// When it was deleted, where that was seen.
    pub(crate) deleted_ms: Option<i64>,
}

impl Live {
    /// When it was deleted, where that was seen.
    pub(crate) fn deleted_ms(&self) -> Option<i64> {
        (matches!(self.standing, Some(Standing::Deleted { .. })) && !self.later).then_some(self.since_ms)
    }

    /// Until when it is known to have been there; `None` where nothing was said of it.
    pub(crate) fn there_ms(&self, now_ms: i64) -> Option<i64> {
        self.standing.as_ref().map(|standing| match standing {
            Standing::Live => now_ms,
            Standing::Read | Standing::Still { .. } | Standing::Deleted { .. } => self.since_ms,
        })
    }

    /// It is gone, and this is what was seen of it last.
    pub(crate) fn gone(&mut self, last: &Last) {
        self.since_ms = last.deleted_ms.unwrap_or(last.there_ms);
        self.later = last.deleted_ms.is_none();
    }

    /// Takes what is said about it; `with_page`: it was read again. Returns the requests that this took.
    pub(crate) fn stands(&mut self, now_ms: i64, standing: Standing, with_page: bool, requests: u64) -> u64 {
        let goes_on = match (&self.standing, &standing) {
            // Tried again and again, it is as old as when it broke.
            (Some(Standing::Still { .. }), Standing::Still { .. }) => !with_page,
            // Read just now, and this is what it comes to.
            (Some(Standing::Read), Standing::Still { .. }) => !with_page,
            (Some(before), now) => before == now && !with_page,
            (None, _) => false,
        };
        if !goes_on {
            (self.since_ms, self.later) = (now_ms, false);
        }
        self.standing = Some(standing);
        let more = requests.saturating_sub(self.requests);
        self.requests = requests;
        more
    }

    /// Takes what is another than before.
    pub(crate) fn differs(&mut self, now_ms: i64, difference: &Difference) {
        // What a reveal changes did not change in the cluster; nor did what was read again and is the same.
        if self.shown && !difference.changed.is_empty() {
            self.changed.clone_from(&difference.changed);
            self.changed_ms = Some(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_as_old_as_when_it_broke_however_often_it_is_tried_again() {
        let still = |why: &str| Standing::Still { why: why.to_owned(), again: true };
        let mut live = Live::default();
        assert_eq!(live.stands(1, Standing::Read, true, 1), 1);
        assert_eq!((live.stands(2, Standing::Live, false, 2), live.since_ms), (1, 2));
        live.stands(3, still("lost"), false, 2);
        live.stands(9, still("refused"), false, 4);
        assert_eq!(live.since_ms, 3);
        live.stands(12, Standing::Read, true, 5);
        live.stands(13, still("forbidden"), false, 6);
        assert_eq!(live.since_ms, 12, "it was read before the watch was refused");
        live.stands(20, Standing::Deleted { replaced: false }, false, 6);
        assert_eq!(live.since_ms, 20);
    }
}
