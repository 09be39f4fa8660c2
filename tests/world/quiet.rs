//! The quiet hour, and what may be spent.

use std::collections::BTreeMap;

use crate::history::Settings;
use crate::program::REREAD;
use crate::world::{HOUR_MS, Violation, World, violation};

/// Everything was read again after this.
pub(crate) const HIDDEN_MS: u64 = REREAD.as_secs() * 1_000 * 5 / 4;
/// After this everything is right again, whatever failed; and it stays so.
const QUIET_MS: u64 = 20 * 60_000;
/// Requests in a quiet hour; more of them for each kind that may not be listed across the cluster, which is asked for in
/// nine namespaces, together with what may be read there; and those of an hour in which everything fails.
const QUIET_BUDGET: u64 = 800;
const DENIED_BUDGET: u64 = 600;
const BUDGET: u64 = 12_000;
/// Requests to the store in a quiet hour: a sign of life and a look at some records every 15 seconds, and a comparison.
const STORE_BUDGET: usize = 2_000;
/// Tasks at once: those of each kind in each namespace, and the simulated server's for their connections.
const TASKS: usize = 400;
/// Bytes of an index of some thirty objects.
const INDEX_BYTES: u64 = 4 << 20;

impl World<'_> {
    /// Nothing fails any more: soon everything must be right.
    pub(crate) async fn quiet(&mut self) -> Result<(), Violation> {
        let (before, now) = (self.things(), self.now());
        self.cluster.heal();
        let after = self.things();
        self.judge.cluster_changed(now, &before, &after);
        self.lying = false;
        self.lying_kinds.clear();
        self.rival(false).await;
        self.memory.heal();
        self.slow_store = false;
        self.judge.store_heals(now, &self.memory);
        self.start(Settings::usual(self.settings.patient));
        self.clear = true;
        self.doubt();
        self.unsettled = false;
        if std::mem::take(&mut self.rewound) {
            self.judge.doubt_until(now + i64::try_from(HIDDEN_MS).expect("a time"));
            self.pass(HIDDEN_MS).await?;
        }
        // One in four lasts longer: what is right has to stay so.
        let long = self.history.seed.is_multiple_of(4);
        self.pass(if long { 2 * HOUR_MS } else { QUIET_MS }).await?;
        let (before, asked) = (self.cluster.server.request_count(), self.asked_of_store());
        self.pass(QUIET_MS).await?;
        let requests = (self.cluster.server.request_count() - before) * 3;
        if requests > QUIET_BUDGET + DENIED_BUDGET * self.cluster.denied() {
            let what = format!("{requests} requests in a quiet hour: {}", self.busiest());
            return Err(violation("too many requests", what));
        }
        let asked = (self.asked_of_store() - asked) * 3;
        if asked > STORE_BUDGET {
            return Err(violation("too many requests to the store", format!("{asked} in a quiet hour")));
        }
        let sight = self.sight();
        self.judge.all_is_right(&sight, &self.cluster, &self.memory)?;
        if self.in_sync() {
            self.verify().await?;
        }
        let bytes = self.index_bytes();
        if self.tell {
            let (tasks, denied) = (alive_tasks(), self.cluster.denied());
            println!(
                "quiet hour: {requests} requests ({denied} kinds denied), {asked} to the store, {tasks} tasks, {bytes} bytes"
            );
        }
        if bytes > INDEX_BYTES {
            return Err(violation("an index without bounds", format!("{bytes} bytes")));
        }
        Ok(())
    }

    fn in_sync(&self) -> bool {
        let status = self.program.as_ref().map(|program| program.handle.status());
        status.and_then(|status| status.mirror).is_some_and(|mirror| mirror.in_sync)
    }

    fn asked_of_store(&self) -> usize {
        let requests = self.memory.requests();
        requests.reads + requests.writes + requests.marks
    }

    fn index_bytes(&self) -> u64 {
        let mut bytes = 0;
        let mut open = vec![self.setup.store.dir().to_owned()];
        while let Some(dir) = open.pop() {
            let Ok(entries) = fs_err::read_dir(dir) else { continue };
            for entry in entries.flatten() {
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
                    Ok(metadata) => bytes += metadata.len(),
                    // Gone meanwhile.
                    Err(_) => {}
                }
            }
        }
        bytes
    }

    /// Requests of the last hour, tasks and queues.
    pub(crate) fn look_at_budgets(&mut self, queue: u64, now: i64) -> Result<(), Violation> {
        let tasks = alive_tasks();
        if tasks > TASKS {
            return Err(violation("too many tasks", format!("{tasks} at once")));
        }
        let ever = self.judge.ever();
        if queue > ever {
            return Err(violation(
                "a queue without bounds",
                format!("{queue} wait, and {ever} were ever there"),
            ));
        }
        let count = self.cluster.server.request_count();
        if now < self.requests_since + i64::try_from(HOUR_MS).expect("an hour") {
            return Ok(());
        }
        let asked = count - std::mem::replace(&mut self.requests, count);
        let hours = (now - std::mem::replace(&mut self.requests_since, now)) as f64 / HOUR_MS as f64;
        if asked as f64 / hours > BUDGET as f64 {
            let what = format!("{asked} requests in {hours:.1} hours: {}", self.busiest());
            return Err(violation("too many requests", what));
        }
        Ok(())
    }

    /// What was asked most, of the last requests.
    fn busiest(&self) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for request in self.cluster.server.requests().iter().rev().take(1_000) {
            let path = request.path.split('?').next().unwrap_or_default();
            let verb = if request.is_watch() { "watch" } else { &request.method };
            *counts.entry(format!("{verb} {path} {}", request.status)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.iter().take(6).map(|(what, count)| format!("{count} x {what}")).collect::<Vec<_>>().join(", ")
    }
}

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}
