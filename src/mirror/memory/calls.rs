//! The calls of the contract, as the double answers them.

use serde_json::Value;

use super::{KeptRecord, Memory, Operation};
use crate::mirror::StoreError;
use crate::mirror::store::{
    Collection, Contents, Ensured, Fields, Limits, Record, Sink, Stored, VectorStore,
};

/// As real stores do it: keys that are not named stay, null removes.
fn merge(old: &mut Fields, new: &Fields) {
    for (key, value) in new {
        match value {
            Value::Null => old.remove(key),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                old.insert(key.clone(), value.clone())
            }
        };
    }
}

impl Sink for Memory {
    fn limits(&self) -> Limits {
        self.inner().limits
    }

    async fn upsert(&self, records: &[Record]) -> Result<(), StoreError> {
        let records = records.to_vec();
        self.change(Vec::new(), move |inner| {
            inner.check(&records)?;
            let lost = inner.lost;
            let kept = inner.kept()?;
            for record in &records {
                let Some(vector) = &record.vector else {
                    return Err(StoreError::Rejected { status: 422, message: "no vector".to_owned() });
                };
                let dimension = *kept.collection.dimension.get_or_insert(vector.len());
                if dimension != vector.len() {
                    let message = format!("expecting dimension {dimension}, got {}", vector.len());
                    return Err(StoreError::Rejected { status: 400, message });
                }
            }
            for record in records.iter().skip(lost) {
                let Some(vector) = record.vector.clone() else { continue };
                let entry = kept.records.entry(record.id.clone()).or_insert_with(|| KeptRecord {
                    text: String::new(),
                    fields: Fields::new(),
                    vector: vector.clone(),
                });
                entry.text.clone_from(&record.text);
                entry.vector = vector;
                merge(&mut entry.fields, &record.fields);
            }
            inner.calls.upserted += records.len();
            Ok(())
        })
        .await
    }

    async fn delete(&self, ids: &[String]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        self.change(ids.clone(), move |inner| {
            let lost = inner.lost;
            let kept = inner.kept()?;
            ids.iter().skip(lost).for_each(|id| {
                kept.records.remove(id);
            });
            inner.calls.deleted += ids.len();
            Ok(())
        })
        .await
    }
}

impl VectorStore for Memory {
    async fn find(&self) -> Result<Option<Collection>, StoreError> {
        self.call(Operation::Read, |inner| Ok(inner.collection.as_ref().map(|kept| kept.collection.clone())))
            .await
    }

    async fn ensure(&self, fields: &Fields) -> Result<Ensured, StoreError> {
        let fields = fields.clone();
        self.call(Operation::Read, move |inner| {
            if let Some(kept) = &inner.collection {
                return Ok(Ensured { collection: kept.collection.clone(), created: false });
            }
            if let Some(message) = &inner.refused {
                return Err(StoreError::Name(format!("memory: {message}")));
            }
            Ok(Ensured { collection: inner.make(fields), created: true })
        })
        .await
    }

    async fn set_fields(&self, fields: &Fields) -> Result<(), StoreError> {
        let fields = fields.clone();
        self.call(Operation::Mark, move |inner| {
            let keeps = inner.keeps_marks;
            let kept = inner.kept()?;
            if keeps {
                kept.collection.fields = fields;
            }
            Ok(())
        })
        .await
    }

    async fn update(&self, records: &[Record]) -> Result<(), StoreError> {
        let records = records.to_vec();
        self.change(Vec::new(), move |inner| {
            inner.check(&records)?;
            let lost = inner.lost;
            let kept = inner.kept()?;
            for record in records.iter().skip(lost) {
                if let Some(there) = kept.records.get_mut(&record.id) {
                    there.text.clone_from(&record.text);
                    merge(&mut there.fields, &record.fields);
                }
            }
            inner.calls.updated += records.len();
            Ok(())
        })
        .await
    }

    async fn page(&self, offset: usize, limit: usize, contents: Contents) -> Result<Vec<Stored>, StoreError> {
        self.call(Operation::Read, move |inner| {
            // Every page sees another order, unless it has one: whoever trusts it misses some records and sees others
            // twice.
            inner.turns = inner.turns.wrapping_mul(31).wrapping_add(7);
            let (turns, lost) = (if inner.in_order { 0 } else { inner.turns }, inner.lost);
            let hidden = inner.hidden.clone();
            let kept = inner.kept()?;
            let count = kept.records.len().max(1);
            let records: Vec<_> = kept.records.iter().filter(|(id, _)| hidden.as_ref() != Some(id)).collect();
            let (before, after) = records.split_at(turns % count % (records.len() + 1));
            let order = after.iter().chain(before).skip(lost).skip(offset).take(limit);
            Ok(order.map(|(id, record)| record.stored(id, contents)).collect())
        })
        .await
    }

    async fn get(&self, ids: &[String], contents: Contents) -> Result<Vec<Stored>, StoreError> {
        let ids = ids.to_vec();
        self.call(Operation::Read, move |inner| {
            let (lost, hidden) = (inner.lost, inner.hidden.clone());
            let kept = inner.kept()?;
            let shown = ids.iter().skip(lost).filter(|id| hidden.as_ref() != Some(id));
            let found = shown.filter_map(|id| Some(kept.records.get(id)?.stored(id, contents)));
            Ok(found.collect())
        })
        .await
    }

    async fn count(&self) -> Result<usize, StoreError> {
        self.call(Operation::Read, |inner| {
            let lost = inner.lost;
            Ok(inner.kept()?.records.len().saturating_sub(lost))
        })
        .await
    }

    fn name(&self) -> String {
        "memory".to_owned()
    }
}
