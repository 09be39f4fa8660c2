//! What is said, held against what is so.

use kubesift::engine::status::{KindState, Status};
use kubesift::mirror::memory::Memory;

use crate::cluster::Cluster;
use crate::judge::{Judge, ON_ITS_WAY_MS, Sight};
use crate::world::{Violation, violation};

/// What was last said of the index may be so old.
const SAID_MS: i64 = 30_000;

impl Judge {
    /// What a kind is said to hold, it holds: everything that there was at that time.
    pub(super) fn statements_are_true(
        &self,
        sight: &Sight,
        status: &Status,
        cluster: &Cluster,
    ) -> Result<(), Violation> {
        if sight.now < self.doubtful_until {
            return Ok(());
        }
        for kind in &status.kinds {
            if self.doubtful_kinds.get(&kind.kind).is_some_and(|until| sight.now < *until) {
                continue;
            }
            if !matches!(kind.state, KindState::Complete | KindState::Polled) {
                continue;
            }
            let Some(as_of) = kind.as_of_ms.map(|as_of| as_of - sight.ahead) else { continue };
            let changed = self.changed.get(&kind.kind).copied().unwrap_or(0).max(self.all_changed);
            // What happened in the same moment is on its way.
            if as_of <= changed || sight.now < changed + ON_ITS_WAY_MS {
                continue;
            }
            let in_scope = |namespace: &str| {
                kind.scopes.is_empty() || kind.scopes.iter().any(|scope| scope == namespace)
            };
            let wanted = sight.things.iter().filter(|(_, thing)| {
                thing.kind == kind.kind
                    && in_scope(&thing.namespace)
                    && !sight.excludes(thing)
                    && cluster.readable(&thing.kind, &thing.namespace)
            });
            for (key, thing) in wanted {
                let held = sight.held.get(key);
                if held.is_none_or(|held| held.fingerprint.content != thing.content) {
                    let how = if held.is_some() { "is old" } else { "is missing" };
                    let what = format!(
                        "{} is said to be complete as of {} s ago, {} s after its last change, and {} {how}",
                        kind.kind,
                        (sight.now - as_of) / 1_000,
                        (as_of - changed) / 1_000,
                        thing.id,
                    );
                    return Err(violation("untrue: complete", what));
                }
            }
            let ghost = sight.held.values().find(|held| {
                held.kind == kind.kind && in_scope(&held.namespace) && !sight.things.contains_key(&held.key)
            });
            if let Some(ghost) = ghost {
                let name = self.names.get(&ghost.key).map_or("?", |thing| thing.id.as_str());
                let what = format!(
                    "{} is said to be complete as of {} s ago, and {name} is a ghost",
                    kind.kind,
                    (sight.now - as_of) / 1_000,
                );
                return Err(violation("untrue: complete", what));
            }
        }
        Ok(())
    }

    pub(super) fn mirror_tells_the_truth(
        &self,
        sight: &Sight,
        status: &Status,
        memory: &Memory,
    ) -> Result<(), Violation> {
        let Some(mirror) = &status.mirror else { return Ok(()) };
        let settled = sight.now >= self.index_changed + 30_000 && sight.now >= self.foreign_until;
        if !mirror.in_sync || !settled {
            return Ok(());
        }
        self.differences(sight, memory).map_err(|what| violation("untrue: mirror in sync", what))
    }

    /// `/readyz`: what it says is so, and one failing API is that API's trouble.
    pub(crate) fn readiness(
        &mut self,
        sight: &Sight,
        status: &Status,
        wall_ms: i64,
        calm: bool,
    ) -> Result<(), Violation> {
        let said = kubesift::cli::ready(status, wall_ms);
        let held = sight.held.len() as u64;
        // What is said may be a moment ahead of its commit.
        let differs = (status.objects != held).then(|| self.miscounted.unwrap_or(sight.now));
        self.miscounted = differs;
        match said {
            Ok(says) if differs.is_some_and(|since| sight.now >= since + SAID_MS) => {
                Err(violation("untrue: ready", format!("{says:?}, and {held} are held")))
            }
            Err(says) if calm => {
                // Kinds that fail may leave records in the store of which nobody knows whether they should go.
                let lacks = status.mirror.as_ref().is_some_and(|mirror| !mirror.lacks.is_empty());
                let nothing = status.coverage().complete == 0;
                if lacks || nothing { Ok(()) } else { Err(violation("not ready", says)) }
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
