//! The mirror on the command line: which store the settings mean, what is said about it, how it fails.

use anyhow::anyhow;

use super::failure::Failure;
use super::output::count;
use super::session::Session;
use super::settings::{Key, Settings};
use crate::embed::{Embedder, Storing, Vectors};
use crate::engine::mirror::{MirrorSettings, Profile};
use crate::mirror::core::claim::Refusal;
use crate::mirror::{
    AnyStore, Chroma, ChromaOptions, Halt, MirrorPhase, MirrorStatus, StoreError, Token, VectorStore as _,
};
use crate::text::Clock;

/// The stores that documents can be mirrored to.
pub(super) const STORES: [&str; 1] = ["chroma"];
/// Where the store's token is taken from: never a flag, a file or a log.
const TOKEN: &str = "KUBESIFT_CHROMA_TOKEN";
/// Kinds named in a summary.
const NAMES: usize = 8;

/// A mirror that is asked for, before its vectors are opened.
#[derive(Clone)]
pub(super) struct Plan {
    settings: MirrorSettings,
}

/// What only flags can ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OneShot {
    /// `--adopt`.
    pub(super) adopt: bool,
    /// `--allow-mass-delete`.
    pub(super) allow_mass_delete: Option<usize>,
}

impl Plan {
    /// The mirror that the settings ask for; `None` when they ask for none.
    pub(super) fn read(
        session: &Session<'_>,
        settings: &Settings,
        one_shot: OneShot,
    ) -> Result<Option<Self>, Failure> {
        let (to, url) = (settings.text(Key::MirrorTo), settings.text(Key::MirrorUrl));
        let url = match (to, url) {
            (None, None) => return Ok(None),
            (_, Some(url)) => url.to_owned(),
            (Some(to), None) => {
                return Err(Failure::usage(anyhow!("--to {to} needs the store's address"))
                    .advise("kubesift sync --to chroma --url http://localhost:8000"));
            }
        };
        let text = |key: Key| settings.text(key).unwrap_or_default().to_owned();
        let token = session.env.get(TOKEN).filter(|token| !token.trim().is_empty()).map(Token::new);
        let options = ChromaOptions {
            collection: text(Key::MirrorCollection),
            tenant: text(Key::MirrorTenant),
            database: text(Key::MirrorDatabase),
            token,
            ..ChromaOptions::new(url.clone())
        };
        let collection = options.collection.clone();
        let store = AnyStore::new(Chroma::new(options).map_err(Failure::usage)?);
        let profile = Profile::find(&text(Key::MirrorProfile)).unwrap_or(Profile::Default);
        let settings = MirrorSettings {
            store,
            url,
            collection,
            profile,
            vectors: None,
            scope: super::target::selection(settings).word(),
            adopt: one_shot.adopt,
            allow_mass_delete: one_shot.allow_mass_delete,
            clock: Clock::system(),
        };
        Ok(Some(Self { settings }))
    }

    /// Without vectors: enough to compare.
    pub(super) fn settings(&self) -> &MirrorSettings {
        &self.settings
    }

    /// Whose vectors.
    pub(super) fn profile(&self) -> Profile {
        self.settings.profile
    }

    /// With vectors of its own; `Write` only for who holds the lock of the index in `dir`.
    pub(super) fn with_vectors(
        &self,
        embedder: Embedder,
        dir: &std::path::Path,
        storing: Storing,
    ) -> Result<MirrorSettings, Failure> {
        let vectors = Vectors::open(dir, embedder, storing).map_err(Failure::unavailable)?;
        Ok(MirrorSettings { vectors: Some(vectors), ..self.settings.clone() })
    }

    /// Whether a status speaks of this very collection.
    pub(super) fn is(&self, status: &MirrorStatus) -> bool {
        status.to == self.settings.store.name()
    }

    /// The store for people.
    pub(super) fn name(&self) -> String {
        format!("collection {} at {}", self.settings.collection, self.settings.url)
    }
}

/// Why a mirror failed, and what to do.
pub(super) fn failure(halt: Halt) -> Failure {
    const OTHER_NAME: &str = "choose another one with --collection NAME";
    const OTHER: &str = "choose another one with --collection NAME; nothing was changed";
    let advice = match &halt {
        Halt::Refused(Refusal::OtherCluster { .. }) => {
            "if it is meant to become this cluster's: --adopt; else choose another one with --collection NAME"
        }
        Halt::Refused(Refusal::OtherScope { .. }) => {
            "use the same include, exclude and namespaces; if it is meant to follow these: --adopt; else choose \
             another one with --collection NAME"
        }
        Halt::Refused(
            Refusal::OtherVectors { .. } | Refusal::OtherDimension { .. } | Refusal::OtherMetric { .. },
        ) => OTHER,
        Halt::Passive { .. } => {
            "it stays up to date as long as that one runs; if it is gone, try again in a minute"
        }
        Halt::Store(StoreError::Denied { .. }) => {
            "give the token: KUBESIFT_CHROMA_TOKEN=... kubesift sync ..."
        }
        Halt::Store(StoreError::Unreachable { .. }) => "is Chroma running there? chroma run --port 8000",
        Halt::Store(StoreError::Name(_)) => return Failure::usage(halt).advise(OTHER_NAME),
        Halt::Store(
            StoreError::Setting(_)
            | StoreError::Unreadable { .. }
            | StoreError::NotAStore { .. }
            | StoreError::NotFound { .. }
            | StoreError::TooLarge
            | StoreError::Busy { .. }
            | StoreError::Failed { .. }
            | StoreError::Rejected { .. },
        )
        | Halt::Source(_) => "",
    };
    let failure =
        Failure::unavailable(anyhow::Error::new(halt).context("the index is up to date, the mirror is not"));
    if advice.is_empty() { failure } else { failure.advise(advice) }
}

/// What a mirror did, one line each.
pub(super) fn summary(status: &MirrorStatus) -> Vec<String> {
    let discovered = status.added + status.updated + status.unchanged;
    let mut lines = vec![format!(
        "{}: {} discovered, {} added, {} updated, {} unchanged, {} deleted, {} held back",
        status.to,
        count(discovered),
        count(status.added),
        count(status.updated),
        count(discovered.saturating_sub(status.added + status.updated)),
        count(status.deleted),
        count(status.held_back)
    )];
    lines.extend(remarks(status));
    if status.held_back > 0 {
        lines.push(format!(
            "{} records are no longer in the cluster; so many are not deleted without being asked: \
             --allow-mass-delete={}",
            count(status.held_back),
            status.held_back
        ));
    }
    lines
}

/// What is left as it is in the store, and what could not get into it.
pub(super) fn remarks(status: &MirrorStatus) -> Vec<String> {
    let mut lines = Vec::new();
    if status.foreign > 0 {
        lines.push(format!("foreign records, left alone: {}", count(status.foreign)));
    }
    if status.kept > 0 {
        let names = names(&status.not_covered);
        lines.push(format!(
            "{} records stay because their kinds are not covered: {names}",
            count(status.kept)
        ));
    }
    for (id, why) in &status.over_limit {
        lines.push(format!("not mirrored: {id}: {why}"));
    }
    if status.over_limit_count > status.over_limit.len() as u64 {
        lines.push(format!("not mirrored: {} in all", count(status.over_limit_count)));
    }
    lines.extend(status.notes.iter().cloned());
    lines
}

fn names(kinds: &[String]) -> String {
    let mut text = kinds.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    if kinds.len() > NAMES {
        text.push_str(&format!(" and {} more", kinds.len() - NAMES));
    }
    text
}

/// One line about a mirror's state.
pub(super) fn line(status: &MirrorStatus) -> String {
    match &status.phase {
        MirrorPhase::Failing { error, .. } => format!("mirror failing, trying again: {error}"),
        MirrorPhase::Refused { why } | MirrorPhase::Mistaken { why } => format!("mirror refused: {why}"),
        MirrorPhase::Passive { writer } => format!("mirror passive: writer {writer} keeps the collection"),
        MirrorPhase::Comparing { done, total } | MirrorPhase::Writing { done, total } => {
            format!("mirror {}: {} of {}", status.state(), count(*done), count(*total))
        }
        MirrorPhase::Live if !status.lacks.is_empty() => {
            let (records, lacks) = (count(status.records), status.lacks.join(", "));
            format!("mirror live, not equal ({lacks}): {records} records in {}", status.to)
        }
        MirrorPhase::Live => {
            format!("mirror live: {} records in {}", count(status.records), status.to)
        }
        MirrorPhase::Connecting | MirrorPhase::Claiming | MirrorPhase::Stopped => {
            format!("mirror {}", status.state())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_what_was_done_and_what_was_left() {
        let status = MirrorStatus {
            to: "collection instances".into(),
            added: 2,
            updated: 1,
            unchanged: 5_000,
            deleted: 3,
            held_back: 200,
            foreign: 4,
            kept: 7,
            not_covered: vec!["nodes".into()],
            over_limit: vec![("a/v1/Pod/x".into(), "its text has 99999 bytes".into())],
            over_limit_count: 1,
            ..MirrorStatus::default()
        };
        assert_eq!(
            summary(&status),
            [
                "collection instances: 5,003 discovered, 2 added, 1 updated, 5,000 unchanged, 3 deleted, 200 held back",
                "foreign records, left alone: 4",
                "7 records stay because their kinds are not covered: nodes",
                "not mirrored: a/v1/Pod/x: its text has 99999 bytes",
                "200 records are no longer in the cluster; so many are not deleted without being asked: \
                 --allow-mass-delete=200",
            ]
        );
    }
}
