//! Life: changes as a cluster makes them by itself.

use super::DemoError;
use super::seed::Random;
use super::store::{State, path};
use crate::object::{KindKey, Object};

/// Makes so many changes; which ones follows from the writes before, so equal histories stay equal.
pub(super) fn stir(state: &mut State, changes: usize, now: i64) -> Result<(), DemoError> {
    let mut random = Random::new(state.seed());
    let pods = KindKey::from("pods");
    for _ in 0..changes {
        let all: Vec<_> = state.objects(&pods).cloned().collect();
        if all.is_empty() {
            return Ok(());
        }
        let object = random.pick(&all).object.clone();
        match random.below(10) {
            // A status update: only the version moves.
            0..7 => state.apply(&pods, object)?,
            7 => state.apply(&pods, relabelled(object, &mut random))?,
            _ => {
                state.delete(&pods, &path(&object.namespace, &object.name));
                state.apply(&pods, replaced(object, &mut random, now))?
            }
        };
    }
    Ok(())
}

fn relabelled(mut object: Object, random: &mut Random) -> Object {
    let zone = *random.pick(&["a", "b", "c"]);
    object.labels.insert("example.org/zone".to_owned(), zone.to_owned());
    object
}

// The Pod that takes another's place.
fn replaced(object: Object, random: &mut Random, now: i64) -> Object {
    let keeps_name = object.owners.iter().any(|owner| owner.kind == "StatefulSet");
    let stem = object.name.rsplit_once('-').map_or(object.name.as_str(), |(stem, _)| stem);
    let name = if keeps_name { object.name.clone() } else { format!("{stem}-{}", random.suffix(5)) };
    Object { name, uid: random.uid(), created: Some(now), deleted: None, ..object }
}
