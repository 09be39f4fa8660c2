//! Who may write a collection: decided from its marker, by the observer's own clock alone.

use std::collections::BTreeSet;

use super::Millis;
use super::marker::Marker;
use crate::mirror::store::{Collection, Metric};

/// A writer gives a sign of life this often.
pub const BEAT_MS: Millis = 15_000;
/// A writer whose beat has not moved for this long is dead.
pub const DEAD_MS: Millis = 60_000;
/// After a claim it is this long until it is read back.
pub const SETTLE_MS: Millis = 5_000;

/// Who wants to write, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// Its id.
    pub writer: String,
    /// The newest beat that it may have written under this id, in this run or the last; `None` if it never wrote.
    pub beat: Option<i64>,
    /// Identity of its cluster.
    pub cluster: String,
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
    /// Judges what the collection shows now.
    pub fn judge(&mut self, now: Millis, collection: &Collection, claimant: &Claimant) -> Judgement {
        let marker = Marker::read(&collection.fields);
        if let Some(refusal) = refusal(collection, marker.as_ref(), claimant) {
            return Judgement::Refused(refusal);
        }
        let Some(marker) = marker.filter(|marker| !marker.writer.is_empty()) else { return Judgement::Free };
        if marker.writer == claimant.writer && claimant.beat.is_some_and(|beat| marker.beat <= beat) {
            return Judgement::Mine;
        }
        let since = match &self.seen {
            Some((writer, beat, since)) if *writer == marker.writer && *beat == marker.beat => *since,
            Some(_) | None => now,
        };
        self.seen = Some((marker.writer.clone(), marker.beat, since));
        if now - since >= DEAD_MS {
            Judgement::Free
        } else {
            Judgement::Taken { writer: marker.writer, until: since + DEAD_MS }
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
    if marker.cluster != claimant.cluster && !claimant.adopt {
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
        Observer::default().judge(0, &collection(marker), &claimant())
    }

    #[test]
    fn a_collection_without_a_living_writer_is_free() {
        assert_eq!(judge(None), Judgement::Free);
        assert_eq!(judge(Some(marker("", 9))), Judgement::Free);
        assert_eq!(judge(Some(marker("me", 3))), Judgement::Mine);
        assert_eq!(judge(Some(marker("me", 2))), Judgement::Mine);
        // Somebody runs a copy of our state, or we of theirs.
        assert!(matches!(judge(Some(marker("me", 4))), Judgement::Taken { .. }));
    }

    #[test]
    fn another_writer_is_dead_when_its_beat_stood_still_for_a_minute() {
        let (mut observer, claimant) = (Observer::default(), claimant());
        let mut look = |now, beat| observer.judge(now, &collection(Some(marker("you", beat))), &claimant);
        let taken = |until| Judgement::Taken { writer: "you".into(), until };
        assert_eq!(look(1_000, 5), taken(61_000));
        assert_eq!(look(60_999, 5), taken(61_000));
        assert_eq!(look(60_999, 6), taken(120_999));
        assert_eq!(look(120_998, 6), taken(120_999));
        assert_eq!(look(120_999, 6), Judgement::Free);
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
        let mut narrow = collection(None);
        narrow.dimension = Some(8);
        let mut observer = Observer::default();
        let refused = observer.judge(0, &narrow, &claimant());
        assert_eq!(refused, Judgement::Refused(Refusal::OtherDimension { theirs: 8, ours: 384 }));
        let euclid = Collection { metric: Metric::Other("l2".into()), ..collection(None) };
        let refused = observer.judge(0, &euclid, &claimant());
        assert_eq!(refused, Judgement::Refused(Refusal::OtherMetric { metric: "l2".into() }));
        let adopting = Claimant { adopt: true, ..claimant() };
        let theirs = Marker { cluster: "there".into(), scope: "less".into(), ..marker("", 1) };
        assert_eq!(observer.judge(0, &collection(Some(theirs)), &adopting), Judgement::Free);
    }
}
