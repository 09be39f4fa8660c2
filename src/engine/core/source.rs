//! One source: the list and watch of a kind in a scope, and what its lists may decide.

use crate::index::ScopeCheckpoint;
use crate::object::{KindKey, ResourceVersion, Scope};

use super::Millis;
use super::forbidden::Refusals;

/// A list that falls from this many or more to less than half is read again before it sweeps.
const SUSPICIOUS_FROM: usize = 50;

/// What became of a change; only the end of a list has more than one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Verdict {
    /// Taken; `deleted` entries were swept.
    Accepted {
        /// Entries that the list no longer named.
        deleted: usize,
    },
    /// The list is older than what is held: nothing was swept. Read it again, consistently; if that one is older
    /// too, the storage itself may have gone back.
    Stale {
        /// The version that is held, where comparable.
        held: Option<u64>,
    },
    /// The list is new enough and yet names an older object than is held: the storage went back and has overtaken
    /// its old revision since. Nothing was swept, nothing held counts as newer any more. Read it again, consistently.
    Rewritten,
    /// Another reader found meanwhile that the storage went back, or the watch beside the list brought more deletions
    /// than are remembered. Nothing was swept. Read it again, consistently.
    Doubted,
    /// The list lost more than half: nothing was swept yet. Read it again, consistently, to confirm.
    Suspicious,
}

/// State of the list and watch of one kind in one scope.
#[derive(Debug, Default)]
pub(in crate::engine) struct Source {
    generation: u32,
    listing: Option<Listing>,
    version: Option<ResourceVersion>,
    complete: bool,
    as_of: Millis,
    /// That the server forbids it, and since then nothing else.
    refusals: Option<Refusals>,
    /// A reader of it was started in this run.
    opened: bool,
    /// `apiVersion/Kind` of what is read.
    api: String,
    confirming: bool,
    /// In this run a list was accepted that is not merely what some API server had cached, or a bookmark came: what is not
    /// held is not there.
    confirmed: bool,
    /// The count of lists at which the last consistent one began that was accepted.
    consistent: u32,
    /// The newest version of any object seen here; a list that broke off may have brought newer ones than
    /// `version`.
    newest: u64,
    /// A list has named something and none was accepted since: what it brought may be older than the version says.
    torn: bool,
    /// The storage went back, and no list was accepted since.
    regressed: bool,
    /// The last list failed.
    failed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Listing {
    consistent: bool,
    reread: bool,
    /// What was held when it began, by other readers too: what it shows must not be older. A watch that goes on beside
    /// it brings newer things meanwhile.
    floor: u64,
    /// Deletions up to then, of all kinds.
    buried: u64,
    /// It has named something.
    flows: bool,
    /// The oldest version held of what the list named in an older one.
    contradicted: Option<u64>,
    /// The storage was found to have gone back since it began: who knows of which history it is.
    doubted: bool,
}

impl Source {
    pub(super) fn restore(saved: &ScopeCheckpoint) -> Self {
        // An opaque version can't be resumed across restarts.
        let version = saved.version.clone().filter(|version| version.number().is_some());
        Self {
            version,
            complete: saved.complete,
            as_of: saved.as_of * 1000,
            api: saved.api.clone(),
            refusals: saved.forbidden_s.map(|seconds| Refusals::restore(seconds.saturating_mul(1_000))),
            regressed: saved.regressed,
            ..Self::default()
        }
    }

    pub(super) fn save(&self, kind: &KindKey, scope: &Scope) -> ScopeCheckpoint {
        ScopeCheckpoint {
            kind: kind.clone(),
            scope: scope.clone(),
            api: self.api.clone(),
            version: self.version.clone(),
            complete: self.complete && !self.torn,
            as_of: self.as_of / 1000,
            forbidden_s: self.refusals.map(|refusals| refusals.time() / 1000),
            regressed: self.regressed,
        }
    }

    /// The version up to which everything has been seen.
    pub(in crate::engine) fn version(&self) -> Option<&ResourceVersion> {
        self.version.as_ref()
    }

    /// Whether a list of this source was ever taken to its end, and nothing since took that back.
    pub(in crate::engine) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether a watch may go on from the version.
    pub(in crate::engine) fn is_resumable(&self) -> bool {
        self.complete && !self.torn
    }

    /// When the source was last confirmed by the server (list end, event or bookmark).
    pub(in crate::engine) fn as_of(&self) -> Millis {
        self.as_of
    }

    /// Whether a list is being read that brings much at once: not one that is only waited for, again or beside a watch.
    pub(in crate::engine) fn is_listing(&self) -> bool {
        self.listing.is_some_and(|listing| listing.flows || !(listing.reread || self.failed))
    }

    pub(super) fn is_reread(&self) -> bool {
        self.listing.is_some_and(|listing| listing.reread)
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// The count of lists at which its watch names things. While its own list is read beside the watch that is the time
    /// before it: only the list itself says what it shows.
    pub(super) fn watch_generation(&self, now: u32) -> u32 {
        if self.listing.is_some() { self.generation.saturating_sub(1) } else { now }
    }

    /// A list begins; `floor` is the newest version that others of the kind have seen up to now, `buried` how many
    /// deletions there were.
    pub(super) fn start_list(
        &mut self,
        generation: u32,
        consistent: bool,
        reread: bool,
        floor: u64,
        buried: u64,
    ) {
        self.generation = generation;
        let floor = floor.max(self.newest());
        let (contradicted, flows, doubted) = (None, false, false);
        self.listing = Some(Listing { consistent, reread, floor, buried, flows, contradicted, doubted });
    }

    /// The watch goes on beside the list that is being read: how many deletions there were when that began.
    pub(super) fn beside_since(&self) -> Option<u64> {
        self.listing.filter(|listing| listing.reread).map(|listing| listing.buried)
    }

    /// Whatever the list that is being read shows can't be relied on.
    pub(super) fn doubt(&mut self) {
        if let Some(listing) = &mut self.listing {
            listing.doubted = true;
        }
    }

    /// The list names something.
    pub(super) fn name(&mut self) {
        self.torn = true;
        if let Some(listing) = &mut self.listing {
            listing.flows = true;
        }
    }

    /// The list named an object in an older version than the one held. Where that one is newer than the list as well,
    /// it came through another reader, and nothing is contradicted.
    pub(super) fn contradict(&mut self, held: u64) {
        if let Some(listing) = &mut self.listing {
            listing.contradicted = Some(listing.contradicted.map_or(held, |oldest| oldest.min(held)));
        }
    }

    pub(super) fn fail_list(&mut self) {
        self.listing = None;
        self.failed = true;
    }

    /// Judges a list that ended: `before` entries are held in its scope, `named` of them it named.
    pub(super) fn end_list(
        &mut self,
        now: Millis,
        version: Option<ResourceVersion>,
        before: usize,
        named: usize,
    ) -> Verdict {
        let Some(listing) = self.listing.take() else { return self.stale() };
        if listing.doubted {
            return Verdict::Doubted;
        }
        // What others had seen when it began it is measured by as well.
        self.newest = self.newest.max(listing.floor);
        if self.is_older(version.as_ref(), listing.floor) {
            return self.stale();
        }
        let shown = version.as_ref().and_then(ResourceVersion::number);
        if listing.contradicted.is_some_and(|held| shown.is_none_or(|shown| held <= shown)) {
            return Verdict::Rewritten;
        }
        let lost_half = before >= SUSPICIOUS_FROM && named * 2 < before;
        if lost_half && !(self.confirming && listing.consistent) {
            self.confirming = true;
            return Verdict::Suspicious;
        }
        self.confirming = false;
        (self.torn, self.regressed, self.failed) = (false, false, false);
        self.complete = true;
        // The first list of an empty index may come from a cache that is behind: nothing held says how old it is.
        self.confirmed |= listing.consistent || self.version.is_some();
        if listing.consistent {
            self.consistent = self.generation;
        }
        self.allow();
        // A watch beside it may have come further: what it brought until there counts as well.
        if !self.is_behind(shown) {
            self.version = version;
        }
        self.as_of = now;
        Verdict::Accepted { deleted: 0 }
    }

    /// Moves the version forward; never back, but for [`Source::regress`].
    pub(super) fn advance(&mut self, version: Option<ResourceVersion>, now: Millis) {
        self.as_of = now;
        self.allow();
        let new = version.as_ref().and_then(ResourceVersion::number);
        if version.is_some() && !self.is_behind(new) {
            self.version = version;
        }
    }

    fn is_behind(&self, new: Option<u64>) -> bool {
        matches!((new, self.number()), (Some(new), Some(held)) if new < held)
    }

    /// A bookmark came: every event before it was seen.
    pub(super) fn confirm(&mut self) {
        self.confirmed = true;
    }

    /// Whether what is not held is not there: read to the end and confirmed in this run.
    pub(in crate::engine) fn is_confirmed(&self) -> bool {
        self.confirmed && self.is_resumable() && !self.is_denied()
    }

    /// Whether that was shown by a consistent list that began after this count of lists.
    pub(super) fn is_listed_since(&self, generation: u32) -> bool {
        self.is_confirmed() && self.consistent > generation
    }

    /// Whether a list could be had now that shows what is not there.
    pub(super) fn may_list(&self) -> bool {
        self.opened && self.is_resumable() && !self.is_denied() && self.listing.is_none()
    }

    /// Whether it is read from where an earlier run ended, or from what a cache had, and neither a list that says more nor
    /// a bookmark came since.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.may_list() && !self.confirmed
    }

    /// What this source knows of an object of this version that another one brings and that is not held: nothing, or
    /// that it is not there. The list of a source that nobody reads now may be wrong in that, and has to be read anew.
    pub(super) fn knows_as_gone(&mut self, version: u64) -> bool {
        let passed = self.is_resumable() && self.number().is_some_and(|own| version <= own);
        let read = self.is_read();
        self.torn |= passed && !read;
        passed && read
    }

    fn number(&self) -> Option<u64> {
        self.version.as_ref().and_then(ResourceVersion::number)
    }

    /// The storage went back: no version says anything any more, and only a list that begins now does.
    pub(super) fn regress(&mut self) {
        self.confirmed = false;
        (self.torn, self.regressed) = (true, true);
        self.version = None;
        self.newest = 0;
        self.doubt();
    }

    /// Whether nothing was listed since the storage went back.
    pub(super) fn is_regressed(&self) -> bool {
        self.regressed
    }

    /// Whether only a list can tell what there is, and none has begun.
    pub(super) fn wants_list(&self) -> bool {
        self.torn && self.listing.is_none()
    }

    /// A list was answered 403.
    pub(super) fn deny(&mut self, now: Millis) {
        self.refusals.get_or_insert_default().note(now);
    }

    fn allow(&mut self) {
        self.refusals = None;
    }

    /// Nobody asks any more: what was found out is no proof from now on, and how long it was so is remembered.
    pub(super) fn pause(&mut self) {
        (self.opened, self.confirmed) = (false, false);
        self.refusals = self.refusals.map(|refusals| Refusals::restore(refusals.time()));
    }

    /// Whether this run was answered 403, and nothing else since.
    pub(super) fn is_denied(&self) -> bool {
        self.refusals.is_some_and(|refusals| refusals.are_seen())
    }

    /// Whether a reader of it was started in this run, and may read.
    pub(super) fn is_read(&self) -> bool {
        self.opened && !self.is_denied()
    }

    /// Whether nothing was found out in this run about what an earlier one had read.
    pub(super) fn is_undecided(&self) -> bool {
        !self.opened && !self.is_denied()
    }

    /// Whether it has been forbidden for longer than `after`, and still is as far as this run has asked.
    pub(super) fn is_forbidden_for(&self, after: Millis) -> bool {
        self.refusals.is_some_and(|refusals| refusals.are_seen() && refusals.time() >= after)
    }

    /// The same, and a list was refused since.
    pub(super) fn is_refused_since(&self, since: Millis) -> bool {
        self.refusals.is_some_and(|refusals| refusals.is_noted_since(since))
    }

    /// What it read was removed: only a list brings it back.
    pub(super) fn empty(&mut self) {
        (self.complete, self.confirmed) = (false, false);
    }

    /// What is held was read as another kind or version has other ids: it has to be read anew.
    pub(super) fn open(&mut self, api: &str) {
        if !self.api.is_empty() && self.api != api {
            self.complete = false;
            self.version = None;
        }
        self.opened = true;
        // A reader that was stopped in the middle of a list does not end it.
        self.listing = None;
        api.clone_into(&mut self.api);
    }

    /// Takes note of an object's version.
    pub(super) fn see(&mut self, version: Option<u64>) {
        self.newest = self.newest.max(version.unwrap_or(0));
    }

    /// The newest version seen here; 0 where none was.
    pub(super) fn newest(&self) -> u64 {
        self.number().unwrap_or(0).max(self.newest)
    }

    fn stale(&self) -> Verdict {
        Verdict::Stale { held: Some(self.newest()) }
    }

    fn is_older(&self, version: Option<&ResourceVersion>, floor: u64) -> bool {
        match version.and_then(ResourceVersion::number) {
            Some(new) => new < floor,
            // A server that numbers its lists does not stop doing so: something else answered.
            None => self.version.as_ref().is_some_and(|held| held.number().is_some()),
        }
    }
}
