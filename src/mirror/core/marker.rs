//! What a mirror writes into its collection's metadata: whose it is, who writes, and how fresh it is.

use serde_json::Value;

use crate::mirror::store::Fields;

/// Prefix of every key of ours.
const PREFIX: &str = "kubesift_";

/// The marker. Keys that are not ours stay as they are: writing replaces the whole map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marker {
    /// Identity of the cluster.
    pub cluster: String,
    /// The writer's id; empty when the last one ended in good order.
    pub writer: String,
    /// The last writer's id, when it ended in good order: it may go on at once.
    pub last: String,
    /// Grows with every sign of life.
    pub beat: i64,
    /// Hash of what is included and excluded.
    pub scope: String,
    /// Which vectors: `default` or `cluster-whisperer`.
    pub profile: String,
    /// The embedding model.
    pub model: String,
    /// How vectors are made from documents: forms and offset, counted by version.
    pub vectors: i64,
    /// When the collection last equalled the index, RFC 3339; empty before that.
    pub synced_at: String,
    /// Whether every kind that should be covered is, no document is missing, no delete held back, and no record stays
    /// that may be a ghost.
    pub complete: bool,
    /// Kinds that are not covered or not confirmed, separated by commas.
    pub stale: String,
    /// Deletes held back by the brake.
    pub held_back: i64,
}

impl Marker {
    /// Reads it; `None` where no kubesift has written.
    pub fn read(fields: &Fields) -> Option<Self> {
        let get = |key: &str| fields.get(&format!("{PREFIX}{key}"));
        let text = |key: &str| get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        get("cluster")?;
        Some(Self {
            cluster: text("cluster"),
            writer: text("writer"),
            last: text("last"),
            beat: get("beat").and_then(Value::as_i64).unwrap_or(0),
            scope: text("scope"),
            profile: text("profile"),
            model: text("model"),
            vectors: get("vectors").and_then(Value::as_i64).unwrap_or(0),
            synced_at: text("synced_at"),
            complete: get("complete").and_then(Value::as_bool).unwrap_or(false),
            stale: text("stale"),
            held_back: get("held_back").and_then(Value::as_i64).unwrap_or(0),
        })
    }

    /// Says of the collection's content what an earlier marker said.
    pub fn take_freshness(&mut self, earlier: Self) {
        self.synced_at = earlier.synced_at;
        self.complete = earlier.complete;
        self.stale = earlier.stale;
        self.held_back = earlier.held_back;
    }

    /// The collection's metadata with this marker in it, and everything that others put there.
    pub fn write(&self, present: &Fields) -> Fields {
        let mut fields: Fields = present
            .iter()
            .filter(|(key, _)| !key.starts_with(PREFIX))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut put = |key: &str, value: Value| fields.insert(format!("{PREFIX}{key}"), value);
        put("cluster", self.cluster.clone().into());
        put("writer", self.writer.clone().into());
        put("last", self.last.clone().into());
        put("beat", self.beat.into());
        put("scope", self.scope.clone().into());
        put("profile", self.profile.clone().into());
        put("model", self.model.clone().into());
        put("vectors", self.vectors.into());
        put("synced_at", self.synced_at.clone().into());
        put("complete", self.complete.into());
        put("stale", self.stale.clone().into());
        put("held_back", self.held_back.into());
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_comes_back_and_leaves_what_others_wrote() {
        let marker = Marker {
            cluster: "uid".into(),
            writer: "w".into(),
            last: "v".into(),
            beat: 7,
            model: "m".into(),
            complete: true,
            stale: "nodes".into(),
            held_back: 3,
            ..Marker::default()
        };
        let present: Fields =
            [("hnsw:space".to_owned(), Value::from("cosine")), ("kubesift_old".into(), 1.into())].into();
        let fields = marker.write(&present);
        assert_eq!(Marker::read(&fields), Some(marker));
        assert_eq!(fields["hnsw:space"], "cosine");
        assert!(!fields.contains_key("kubesift_old"));
        assert_eq!(Marker::read(&present), None);
    }
}
