//! Partial rights: kinds that may not be listed in the whole cluster are read where they may.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::Mode;
use super::super::pump::Message;
use super::super::rights::Rights;
use super::Life;
use crate::object::{Kind, KindKey, Scope};

impl Life<'_> {
    /// How often the rights are asked for, at most: in the default timing once a minute, and one namespace a second.
    pub(super) fn rights_every(&self) -> Duration {
        let pause = self.options.timing.recheck_forbidden;
        (2 * pause).max(pause / 30 * u32::try_from(self.rights.len()).unwrap_or(u32::MAX))
    }

    /// Reads denied kinds in the namespaces where they may be read.
    pub(super) async fn apply_rights(&mut self) {
        let once = self.options.mode != Mode::Live && self.rights.len() > 0;
        // Kinds are refused one after the other: not each of them has every namespace asked again.
        let young = self.rights_read.is_some_and(|at| at.elapsed() < self.rights_every() / 6);
        if !once && !young {
            self.rights = Rights::read(&self.client, self.options.context_namespace.as_deref()).await;
            self.rights_read = Some(Instant::now());
        }
        let denied: Vec<Kind> =
            self.plan.running().filter(|kind| self.denied.contains(&kind.key())).cloned().collect();
        for kind in denied {
            let allowed: BTreeSet<Scope> = self
                .rights
                .namespaces(&kind)
                .into_iter()
                .filter(|namespace| self.options.selection.namespace(namespace))
                .map(|namespace| Scope::Namespace(namespace.into()))
                .collect();
            let storage = self.storage(&kind);
            for scope in &allowed {
                self.readers.start(&kind, scope, storage.clone()).await;
            }
            self.stop_vanished(&kind.key()).await;
            if self.options.mode != Mode::Live {
                self.denied.remove(&kind.key());
            }
        }
    }

    /// Stops the readers of namespaces that are not listed any more and of which nothing is held: their objects went
    /// by events, and a watch of nothing would stay for ever.
    async fn stop_vanished(&mut self, kind: &KindKey) {
        for scope in self.readers.namespaces_of(kind) {
            let Scope::Namespace(namespace) = &scope else { continue };
            if self.rights.is_gone(namespace) && !self.holds(kind, &scope).await {
                self.readers.stop(kind, &scope).await;
            }
        }
    }

    async fn holds(&self, kind: &KindKey, scope: &Scope) -> bool {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Holds { kind: kind.clone(), scope: scope.clone(), reply }).await;
        answer.await.unwrap_or(true)
    }
}
