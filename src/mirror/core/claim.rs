//! Who may write a collection: decided from its marker, by the observer's own clock alone.
//!
//! A marker can't be written on a condition, so two that claim at the same time overwrite each other, and the last one
//! stands. What keeps them from writing at the same time:
//!
//! - Nothing is written without a look at the marker within the last [`FRESH_MS`].
//! - Whoever takes a collection over waits after its claim ([`settles`]), longer than the one before needs to notice. The
//!   writer before need not wait: there is one, and all others wait.
//! - A request ends, well or not, before its writer could be taken for dead ([`REQUEST_MS`]); and who finds the store
//!   slow takes longer to believe that another one is dead ([`Observer::judge`]).

use std::collections::BTreeSet;

use super::Millis;
use super::marker::Marker;
use crate::mirror::store::{Collection, Metric};

/// A writer gives a sign of life this often.
pub const BEAT_MS: Millis = 15_000;
/// A request of the mirror gets this long.
pub const REQUEST_MS: Millis = 90_000;
/// A writer whose beat has not moved for this long is dead, where the store answers at once.
pub const DEAD_MS: Millis = 120_000;
/// Nothing is written unless the claim was seen to stand this recently.
pub const FRESH_MS: Millis = 2_000;
/// After a claim it is this long until it is read back, where the store answers at once.
const SETTLE_MS: Millis = 5_000;

// One slow request for a sign of life, and it comes in time all the same.
const _: () = assert!(BEAT_MS + REQUEST_MS + SETTLE_MS < DEAD_MS);

/// How long a claim has to stand before anything is written under it; `slow` is how long a request took here.
pub fn settles(slow: Millis) -> Millis {
    // The writer before may have looked just before, and its next request is on its way: both are as slow as ours.
    SETTLE_MS + 3 * slow
}

/// Who wants to write, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// Its id.
    pub writer: String,
    /// The newest beat that it may have written under this id, in this run or the last; `None` if it never wrote.
    pub beat: Option<i64>,
    /// Identity of its cluster.
    pub cluster: String,
    /// What it marked collections with while it did not know that.
    pub index: String,
    /// Hash of what is included and excluded.
    pub scope: String,
    /// Scopes that it may have written before: its own configuration may change.
    pub scopes: BTreeSet<String>,
    /// Which vectors.
    pub profile: String,
    /// Their model.
    pub model: String,
    /// Their length.
    pub dimension: usize,
    /// Takes over a collection of another cluster or another selection.
    pub adopt: bool,
}

/// Why a collection is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It mirrors another cluster.
    #[error("the collection mirrors another cluster ({theirs}; this one is {ours})")]
    OtherCluster {
        /// In the marker.
        theirs: String,
        /// Of this run.
        ours: String,
    },
    /// It mirrors another selection of kinds and namespaces: two writers would undo each other's work for ever.
    #[error(
        "the collection mirrors another selection of kinds and namespaces (scope {theirs}; this one is {ours})"
    )]
    OtherScope {
        /// In the marker.
        theirs: String,
        /// Of this run.
        ours: String,
    },
    /// Its vectors are of another profile or model.
    #[error("the collection holds vectors of {theirs}, not of {ours}")]
    OtherVectors {
        /// In the marker.
        theirs: String,
        /// Of this run.
        ours: String,
    },
    /// Its vectors have another length.
    #[error("the collection holds vectors of {theirs} dimensions, the profile makes {ours}")]
    OtherDimension {
        /// Of the collection.
        theirs: usize,
        /// Of this run.
        ours: usize,
    },
    /// It compares vectors in another way.
    #[error("the collection compares vectors by {metric}, documents need cosine")]
    OtherMetric {
        /// Its metric.
        metric: String,
    },
}

/// What a look at the marker means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Nobody writes: claim it.
    Free,
    /// This process wrote it last, or its own last run did: go on.
    Mine,
    /// Another writer lives, or has not been watched for long enough to know.
    Taken {
        /// Its id.
        writer: String,
        /// Its last sign of life.
        beat: i64,
        /// When it counts as dead unless its beat moves.
        until: Millis,
    },
    /// Not to be written at all.
    Refused(Refusal),
}

/// What was seen of another writer.
#[derive(Debug, Clone, Default)]
pub struct Observer {
    seen: Option<(String, i64, Millis)>,
}

impl Observer {
    /// Judges what the collection shows now; `slow` is how long a request took here, and a sign of life takes two.
    pub fn judge(
        &mut self,
        now: Millis,
        collection: &Collection,
        claimant: &Claimant,
        slow: Millis,
    ) -> Judgement {
        let marker = Marker::read(&collection.fields);
        if let Some(refusal) = refusal(collection, marker.as_ref(), claimant) {
            return Judgement::Refused(refusal);
        }
        let Some(marker) = marker else { return Judgement::Free };
        let last = if marker.writer.is_empty() { &marker.last } else { &marker.writer };
        if *last == claimant.writer && claimant.beat.is_some_and(|beat| marker.beat <= beat) {
            return Judgement::Mine;
        }
        if marker.writer.is_empty() {
            return Judgement::Free;
        }
        let since = match &self.seen {
            Some((writer, beat, since)) if *writer == marker.writer && *beat == marker.beat => *since,
            Some(_) | None => now,
        };
        self.seen = Some((marker.writer.clone(), marker.beat, since));
        let until = since + DEAD_MS + 4 * slow;
        if now >= until {
            Judgement::Free
        } else {
            Judgement::Taken { writer: marker.writer, beat: marker.beat, until }
        }
    }
}

fn refusal(collection: &Collection, marker: Option<&Marker>, claimant: &Claimant) -> Option<Refusal> {
    if let Metric::Other(metric) = &collection.metric {
        return Some(Refusal::OtherMetric { metric: metric.clone() });
    }
    if let Some(theirs) = collection.dimension.filter(|theirs| *theirs != claimant.dimension) {
        return Some(Refusal::OtherDimension { theirs, ours: claimant.dimension });
    }
    let marker = marker?;
    // A cluster's identity may become readable later, and what the same index has written until then is its own.
    let own_cluster = marker.cluster == claimant.cluster || marker.cluster == claimant.index;
    if !own_cluster && !claimant.adopt {
        let (theirs, ours) = (marker.cluster.clone(), claimant.cluster.clone());
        return Some(Refusal::OtherCluster { theirs, ours });
    }
    let own_scope = marker.scope.is_empty() // written before scopes were
        || marker.scope == claimant.scope
        || claimant.scopes.contains(&marker.scope);
    if !own_scope && !claimant.adopt {
        let (theirs, ours) = (marker.scope.clone(), claimant.scope.clone());
        return Some(Refusal::OtherScope { theirs, ours });
    }
    if (&marker.profile, &marker.model) != (&claimant.profile, &claimant.model) {
        let name = |profile: &str, model: &str| format!("profile {profile} ({model})");
        let theirs = name(&marker.profile, &marker.model);
        return Some(Refusal::OtherVectors { theirs, ours: name(&claimant.profile, &claimant.model) });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::Fields;

    fn claimant() -> Claimant {
        Claimant {
            writer: "me".into(),
            beat: Some(3),
            cluster: "here".into(),
            index: "index:1".into(),
            scope: "all".into(),
            scopes: ["before".to_owned()].into(),
            profile: "default".into(),
            model: "m".into(),
            dimension: 384,
            adopt: false,
        }
    }

    fn marker(writer: &str, beat: i64) -> Marker {
        let (cluster, profile, model) = ("here".into(), "default".into(), "m".into());
        Marker { writer: writer.into(), beat, cluster, profile, model, ..Marker::default() }
    }

    fn collection(marker: Option<Marker>) -> Collection {
        let fields = marker.map_or_else(Fields::new, |marker| marker.write(&Fields::new()));
        Collection { id: "1".into(), metric: Metric::Cosine, dimension: Some(384), fields }
    }

    fn judge(marker: Option<Marker>) -> Judgement {
        Observer::default().judge(0, &collection(marker), &claimant(), 0)
    }

    #[test]
    fn a_collection_without_a_living_writer_is_free() {
        assert_eq!(judge(None), Judgement::Free);
        assert_eq!(judge(Some(marker("", 9))), Judgement::Free);
        assert_eq!(judge(Some(marker("me", 3))), Judgement::Mine);
        assert_eq!(judge(Some(marker("me", 2))), Judgement::Mine);
        // Somebody runs a copy of our state, or we of theirs.
        assert!(matches!(judge(Some(marker("me", 4))), Judgement::Taken { .. }));
        // Given free in good order: whoever wrote last goes on at once, all others wait.
        let free = |last: &str, beat| judge(Some(Marker { last: last.into(), ..marker("", beat) }));
        assert_eq!((free("me", 3), free("me", 4), free("you", 3)), {
            (Judgement::Mine, Judgement::Free, Judgement::Free)
        });
    }

    #[test]
    fn another_writer_is_dead_when_its_beat_stood_still_for_two_minutes() {
        let (mut observer, claimant) = (Observer::default(), claimant());
        let mut look = |now, beat| observer.judge(now, &collection(Some(marker("you", beat))), &claimant, 0);
        let taken = |beat, until| Judgement::Taken { writer: "you".into(), beat, until };
        assert_eq!(look(1_000, 5), taken(5, 121_000));
        assert_eq!(look(120_999, 5), taken(5, 121_000));
        assert_eq!(look(120_999, 6), taken(6, 240_999));
        assert_eq!(look(240_998, 6), taken(6, 240_999));
        assert_eq!(look(240_999, 6), Judgement::Free);
    }

    #[test]
    fn a_slow_store_makes_nobody_look_dead() {
        let (mut observer, claimant) = (Observer::default(), claimant());
        let slow = 75_000;
        let mut look =
            |now, beat| observer.judge(now, &collection(Some(marker("you", beat))), &claimant, slow);
        // Each request takes 75 seconds: a sign of life, two of them, comes every 165.
        for beat in 1..20 {
            let seen = look(beat * (BEAT_MS + 2 * slow), beat);
            assert!(matches!(seen, Judgement::Taken { .. }), "{beat}: {seen:?}");
        }
        assert_eq!(look(20 * (BEAT_MS + 2 * slow) + DEAD_MS + 4 * slow, 19), Judgement::Free);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let other = |change: fn(&mut Marker)| {
            let mut marker = marker("you", 1);
            change(&mut marker);
            judge(Some(marker))
        };
        assert!(matches!(
            other(|m| m.cluster = "there".into()),
            Judgement::Refused(Refusal::OtherCluster { .. })
        ));
        assert!(matches!(other(|m| m.model = "n".into()), Judgement::Refused(Refusal::OtherVectors { .. })));
        assert!(matches!(
            other(|m| m.profile = "p".into()),
            Judgement::Refused(Refusal::OtherVectors { .. })
        ));
        assert_eq!(
            other(|m| m.scope = "less".into()),
            Judgement::Refused(Refusal::OtherScope { theirs: "less".into(), ours: "all".into() })
        );
        for own in ["", "all", "before"] {
            let own = Marker { scope: own.into(), ..marker("", 1) };
            assert_eq!(judge(Some(own)), Judgement::Free);
        }
        // Marked while the cluster's identity could not be read: by this index, and by another one.
        let by_index = |name: &str| judge(Some(Marker { cluster: name.into(), ..marker("", 1) }));
        assert_eq!(by_index("index:1"), Judgement::Free);
        assert!(matches!(by_index("index:2"), Judgement::Refused(Refusal::OtherCluster { .. })));
        let mut narrow = collection(None);
        narrow.dimension = Some(8);
        let mut observer = Observer::default();
        let refused = observer.judge(0, &narrow, &claimant(), 0);
        assert_eq!(refused, Judgement::Refused(Refusal::OtherDimension { theirs: 8, ours: 384 }));
        let euclid = Collection { metric: Metric::Other("l2".into()), ..collection(None) };
        let refused = observer.judge(0, &euclid, &claimant(), 0);
        assert_eq!(refused, Judgement::Refused(Refusal::OtherMetric { metric: "l2".into() }));
        let adopting = Claimant { adopt: true, ..claimant() };
        let theirs = Marker { cluster: "there".into(), scope: "less".into(), ..marker("", 1) };
        assert_eq!(observer.judge(0, &collection(Some(theirs)), &adopting, 0), Judgement::Free);
    }
}
