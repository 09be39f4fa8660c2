//! The family of an object, from the index: its owners all the way up, and what it owns all the way down. Any kind,
//! custom resources included; no request.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::state::Row;
use crate::object::Owner;
use crate::query::parse;
use crate::search::{Options, Searcher};

/// Owners above an object at most: real chains have three or four, and a circle must end.
const HIGHEST: usize = 12;
/// Generations below an object at most.
const DEEPEST: usize = 6;
/// Members that are listed at most.
const MOST: usize = 500;

/// One member of a family.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    /// How far it stands to the right: one more than its owner.
    pub(crate) depth: usize,
    /// The object; `None` when the index does not hold it.
    pub(crate) row: Option<Arc<Row>>,
    /// `Kind/name`.
    pub(crate) label: String,
    /// It is the object whose family this is.
    pub(crate) is_self: bool,
}

/// A family, topmost owner first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Family {
    /// Its members, each below its owner.
    pub(crate) members: Vec<Member>,
    /// There are more than are listed.
    pub(crate) more: bool,
}

/// Finds the family of an object.
///
/// # Errors
/// A sentence for the user.
pub(super) fn family(searcher: &Searcher, row: &Arc<Row>) -> Result<Family, String> {
    let mut chain: Vec<Member> = Vec::new();
    let mut seen = BTreeSet::from([row.document.local.uid.clone()]);
    let mut owners = row.document.local.owners.clone();
    while let Some(owner) =
        chief(&owners).filter(|owner| chain.len() < HIGHEST && seen.insert(owner.uid.clone()))
    {
        let found = find(searcher, "uid", &owner.uid, 1)?.pop();
        let label = format!("{}/{}", owner.kind, owner.name);
        owners = found.as_ref().map(|row| row.document.local.owners.clone()).unwrap_or_default();
        chain.push(Member { depth: 0, row: found, label, is_self: false });
    }
    chain.reverse();
    let mut family = Family { members: chain, more: false };
    for (depth, member) in family.members.iter_mut().enumerate() {
        member.depth = depth;
    }
    let depth = family.members.len();
    family.members.push(Member { depth, row: Some(row.clone()), label: label(row), is_self: true });
    descend(searcher, row, depth + 1, &mut seen, &mut family)?;
    Ok(family)
}

// The one that manages it, or else the first.
fn chief(owners: &[Owner]) -> Option<Owner> {
    owners
        .iter()
        .find(|owner| owner.controller)
        .or(owners.first())
        .filter(|owner| !owner.uid.is_empty())
        .cloned()
}

fn descend(
    searcher: &Searcher,
    row: &Arc<Row>,
    depth: usize,
    seen: &mut BTreeSet<String>,
    family: &mut Family,
) -> Result<(), String> {
    let mut owned = find(searcher, "owner", &row.document.local.uid, MOST)?;
    owned.sort_by_cached_key(|row| (row.document.metadata.kind.clone(), row.document.metadata.name.clone()));
    for child in owned {
        if !seen.insert(child.document.local.uid.clone()) {
            continue;
        }
        if family.members.len() >= MOST {
            family.more = true;
            return Ok(());
        }
        family.members.push(Member { depth, row: Some(child.clone()), label: label(&child), is_self: false });
        if depth < HIGHEST + DEEPEST {
            descend(searcher, &child, depth + 1, seen, family)?;
        }
    }
    Ok(())
}

fn label(row: &Row) -> String {
    format!("{}/{}", row.document.metadata.kind, row.document.metadata.name)
}

fn find(searcher: &Searcher, field: &str, uid: &str, limit: usize) -> Result<Vec<Arc<Row>>, String> {
    // A uid comes from outside: only what looks like one is put into a query.
    if uid.is_empty() || !uid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Ok(Vec::new());
    }
    let query = parse(&format!("{field}:{uid}")).map_err(|error| error.to_string())?;
    let options = Options { limit, similar: false, ..Options::default() };
    let answer = searcher.search(&query, &options).map_err(|error| error.to_string())?;
    Ok(super::search::rows(answer.hits, searcher.catalog()))
}
