//! Which objects' status is wanted now: of those whose lines show, while the cluster answers.

use std::sync::Arc;

use super::super::layout;
use super::super::msg::{Effect, Link};
use super::super::state::{Item, MANY, Row, State, StatusEffect, TOO_MANY, Target};
use super::detail::reference;
use crate::engine::status::Phase;

/// Asks for what is wanted by now, and cancels what is not.
pub(super) fn plan(state: &mut State, moves: bool, effects: &mut Vec<Effect>) {
    if state.statuses.off {
        return;
    }
    if moves {
        state.statuses.moved(state.now_ms);
    }
    let targets = targets(state);
    let planned = state.statuses.plan(state.now_ms, &targets);
    effects.extend(planned.into_iter().map(effect));
}

/// Another cluster shows.
pub(super) fn reset(state: &mut State, effects: &mut Vec<Effect>) {
    effects.extend(state.statuses.reset(state.now_ms).into_iter().map(effect));
}

fn effect(planned: StatusEffect) -> Effect {
    match planned {
        StatusEffect::Ask(request) => Effect::AskStatus(request),
        StatusEffect::Cancel(ticket) => Effect::CancelStatus(ticket),
    }
}

/// Whether the cluster answers, as far as is known.
pub(crate) fn answers(state: &State) -> bool {
    let up = |phase: &Phase| matches!(phase, Phase::Live | Phase::Syncing { .. });
    match state.cluster.link {
        Link::Opening | Link::Stored(_) => false,
        Link::Writer | Link::Following { .. } => {
            state.cluster.status.as_ref().is_some_and(|status| up(&status.phase))
        }
    }
}

// The objects of the lines that show; a folded line stands for all its siblings, where they can be asked for.
fn targets(state: &State) -> Vec<Target> {
    if !state.overlays.is_empty() || !answers(state) {
        return Vec::new();
    }
    let rows = state.results.content.rows();
    let mut targets = Vec::new();
    let shown = state.results.items.iter().skip(state.offset).take(layout::rows(state));
    for item in shown {
        match item {
            Item::Kind(_) | Item::Group { open: true, .. } => {}
            Item::Row(nth) | Item::Member(nth) => {
                targets.extend(rows.get(*nth).map(|row| target(state, row)));
            }
            Item::Group { rows: members, open: false } => {
                let few = members.len() <= MANY;
                let members = members.iter().filter_map(|nth| rows.get(*nth));
                let members: Vec<Target> = members.map(|row| target(state, row)).collect();
                let together = |target: &Target| target.neighbours.is_some_and(|count| count < TOO_MANY);
                if few || members.first().is_some_and(together) {
                    targets.extend(members);
                }
            }
        }
    }
    targets
}

fn target(state: &State, row: &Arc<Row>) -> Target {
    let place = (row.kind.clone(), row.document.metadata.namespace.clone());
    Target { object: reference(row), neighbours: state.results.places.get(&place).copied() }
}
