//! Confirming at once what is held of a kind. A watch that was resumed says with its first bookmark that nothing was
//! missed; on a quiet kind that takes a minute, and an API server whose own view has not moved sends none before (seen on
//! 1.32, however short the watch is). A consistent list says it as soon as it ends.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use crate::object::{KindKey, Scope};

/// Readers that read anew for one wish; others wait for the next.
pub(super) const MOST: usize = 64;

/// A wish to have kinds confirmed.
#[derive(Debug)]
pub(super) struct Confirm {
    /// Kinds, and namespaces of what is asked about.
    pub(super) places: BTreeSet<(KindKey, String)>,
    /// Told, or dropped, when no more will come of it.
    pub(super) done: oneshot::Sender<()>,
}

impl Confirm {
    /// Whether what a reader reads is asked about.
    pub(super) fn asks(&self, kind: &KindKey, scope: &Scope) -> bool {
        self.places.iter().any(|(own, namespace)| own == kind && scope.contains(Some(namespace)))
    }
}

/// Readers by what they read.
type Readers = BTreeSet<(KindKey, Scope)>;

/// Wishes that are being fulfilled, and the readers that they wait for.
#[derive(Debug, Default)]
pub(super) struct Confirms(Vec<(Readers, oneshot::Sender<()>)>);

impl Confirms {
    /// Waits for these readers.
    pub(super) fn add(&mut self, readers: Readers, done: oneshot::Sender<()>) {
        self.0.retain(|(_, done)| !done.is_closed());
        self.0.push((readers, done));
        self.tell();
    }

    /// A reader has had its answer, good or bad.
    pub(super) fn answered(&mut self, kind: &KindKey, scope: &Scope) {
        let at = (kind.clone(), scope.clone());
        self.0.iter_mut().for_each(|(readers, _)| _ = readers.remove(&at));
        self.tell();
    }

    fn tell(&mut self) {
        for (_, done) in self.0.extract_if(.., |(readers, _)| readers.is_empty()) {
            // Who wished for it may have given up.
            _ = done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: &str, namespace: &str) -> (KindKey, Scope) {
        (kind.into(), if namespace.is_empty() { Scope::All } else { Scope::Namespace(namespace.into()) })
    }

    #[test]
    fn a_wish_is_fulfilled_when_each_of_its_readers_has_answered() {
        let mut confirms = Confirms::default();
        let (both, mut both_done) = oneshot::channel();
        let (one, mut one_done) = oneshot::channel();
        let (none, mut none_done) = oneshot::channel();
        confirms.add([at("pods", "a"), at("nodes", "")].into(), both);
        confirms.add([at("nodes", "")].into(), one);
        confirms.add(BTreeSet::new(), none);
        assert_eq!(none_done.try_recv(), Ok(()), "nobody can tell");
        confirms.answered(&"nodes".into(), &Scope::All);
        assert_eq!(one_done.try_recv(), Ok(()));
        assert!(both_done.try_recv().is_err());
        confirms.answered(&"pods".into(), &Scope::Namespace("b".into()));
        assert!(both_done.try_recv().is_err());
        confirms.answered(&"pods".into(), &Scope::Namespace("a".into()));
        assert_eq!(both_done.try_recv(), Ok(()));
    }
}
