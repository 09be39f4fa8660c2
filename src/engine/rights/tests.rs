//! A cluster whose rights differ by namespace, and hours of questions about them.

mod silent;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::cluster::selection::{Selection, SelectionOptions};

const FIRST: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);
/// How long a run that ends asks what hangs.
const LIMIT: Duration = Duration::from_secs(30);

fn kind(number: usize) -> Kind {
    Kind {
        group: "e.org".into(),
        version: "v1".into(),
        kind: format!("Kind{number}"),
        plural: format!("kinds{number}"),
        singular: String::new(),
        short_names: vec![],
        categories: vec![],
        namespaced: true,
        watchable: true,
    }
}

fn space(number: usize) -> String {
    format!("space-{number:04}")
}

/// The API server, and who asks it.
struct World {
    book: Book,
    kinds: Vec<Kind>,
    namespaces: Option<Vec<String>>,
    incomplete: bool,
    /// Namespace and kind.
    allowed: BTreeSet<(String, usize)>,
    /// What rules tell of them.
    told: BTreeSet<(String, usize)>,
    now: Instant,
    read: BTreeSet<(String, usize)>,
    asked: BTreeMap<&'static str, usize>,
}

impl World {
    fn new(depth: Depth, kinds: usize, namespaces: usize, incomplete: bool) -> Self {
        let now = Instant::now();
        let kinds: Vec<Kind> = (0..kinds).map(kind).collect();
        let selection = Selection::new(&SelectionOptions::default());
        let mut book = Book::new(depth, Some("context".into()), Arc::new(selection), (FIRST, LIMIT), now);
        book.know(kinds.iter());
        Self {
            book,
            kinds,
            namespaces: Some((0..namespaces).map(space).collect()),
            incomplete,
            allowed: BTreeSet::new(),
            told: BTreeSet::new(),
            now,
            read: BTreeSet::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Gives a right that rules tell of.
    fn grant(&mut self, namespace: usize, kind: usize) {
        self.allowed.insert((space(namespace), kind));
        self.told.insert((space(namespace), kind));
    }

    fn deny_all(&mut self) {
        for kind in self.kinds.clone() {
            let places = self.book.deny(self.now, &kind.key());
            self.open(places.into_iter().flatten().collect());
        }
    }

    fn number(&self, kind: &KindKey) -> usize {
        self.kinds.iter().position(|own| own.key() == *kind).unwrap()
    }

    fn open(&mut self, places: Places) {
        for (kind, namespace) in places {
            let fresh = self.read.insert((namespace.to_string(), self.number(&kind.key())));
            assert!(fresh, "{namespace} is opened twice for {}", kind.plural);
        }
    }

    fn answer(&mut self, ask: Ask) {
        let (name, places) = match ask {
            Ask::Namespaces => {
                self.book.listed(self.now, Ok(self.namespaces.clone()));
                ("namespaces", Vec::new())
            }
            Ask::Review(namespace, kinds) => {
                let told = |number: &usize| self.told.contains(&(namespace.to_string(), *number));
                let allowed = (0..kinds.len()).filter(told).collect();
                let rules = Rules { allowed, kinds: kinds.len(), incomplete: self.incomplete };
                ("reviews", self.book.reviewed(self.now, &namespace, Some(rules)))
            }
            Ask::Try(kind, namespace) => {
                let at = (namespace.to_string(), self.number(&kind.key()));
                let tried = if self.allowed.contains(&at) { Tried::Allowed } else { Tried::Refused };
                ("tries", self.book.tried(self.now, &kind.key(), &namespace, tried))
            }
        };
        *self.asked.entry(name).or_default() += 1;
        self.open(places);
    }

    /// Nobody answers.
    fn fail(&mut self, ask: Ask) {
        match ask {
            Ask::Namespaces => self.book.listed(self.now, Err(())),
            Ask::Review(namespace, _) => assert!(self.book.reviewed(self.now, &namespace, None).is_empty()),
            Ask::Try(kind, namespace) => {
                assert!(self.book.tried(self.now, &kind.key(), &namespace, Tried::Unclear).is_empty());
            }
        }
    }

    /// Answers everything that is asked within a time.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while let Some(ask) = self.book.next(self.now) {
                self.answer(ask);
            }
            self.rests();
            match self.book.due().filter(|due| *due < end) {
                Some(due) => self.now = due,
                None => break,
            }
        }
        self.now = end;
    }

    /// Where there is nothing to ask nobody is woken at once: whoever waits until then would turn without a pause.
    fn rests(&self) {
        let due = self.book.due();
        assert!(due.is_none_or(|due| due > self.now), "woken {:?} ago", due.map(|due| self.now - due));
    }

    fn total(&self) -> usize {
        self.asked.values().sum()
    }
}

#[tokio::test(start_paused = true)]
async fn what_rules_allow_is_read_and_nothing_else_is_tried() {
    let mut world = World::new(Depth::Live, 3, 4, false);
    world.grant(1, 0);
    world.grant(2, 2);
    world.deny_all();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.read, [(space(1), 0), (space(2), 2)].into());
    assert_eq!(world.asked, [("namespaces", 1), ("reviews", 4)].into());
    assert!(world.book.is_settled());
}

#[tokio::test(start_paused = true)]
async fn incomplete_rules_are_tried_once_and_refusals_are_remembered() {
    let mut world = World::new(Depth::Live, 3, 4, true);
    world.grant(0, 0);
    world.allowed.insert((space(1), 1));
    world.deny_all();
    world.pass(Duration::from_secs(20));
    assert_eq!(world.read, [(space(0), 0), (space(1), 1)].into());
    assert_eq!(world.asked, [("namespaces", 1), ("reviews", 4), ("tries", 11)].into());
}

#[tokio::test(start_paused = true)]
async fn the_worst_cluster_costs_less_than_four_thousand_questions_in_any_hour() {
    let mut world = World::new(Depth::Live, 10, 300, true);
    world.deny_all();
    for _ in 0..6 {
        let before = world.total();
        world.pass(HOUR);
        assert!(world.total() - before < 4_000, "{:?}", world.asked);
    }
    assert!(world.asked["tries"] > 2 * 3_000, "every refusal is asked for again: {:?}", world.asked);
}

#[tokio::test(start_paused = true)]
async fn a_right_given_later_is_found_and_soon_where_little_is_asked() {
    let mut world = World::new(Depth::Live, 2, 3, true);
    world.deny_all();
    world.pass(Duration::from_secs(60));
    world.allowed.insert((space(2), 1));
    world.grant(0, 0);
    world.pass(Duration::from_secs(240));
    assert_eq!(world.read, [(space(0), 0), (space(2), 1)].into());
    world.pass(24 * HOUR);
    let before = world.total();
    world.pass(HOUR);
    assert!(world.total() - before < 20, "hourly in the end");
}

#[tokio::test(start_paused = true)]
async fn many_namespaces_cost_little_memory_and_all_are_asked() {
    let mut world = World::new(Depth::Live, 10, 5_000, false);
    (0..5_000).for_each(|number| world.grant(number, number % 2));
    world.deny_all();
    world.pass(Duration::from_secs(1));
    assert_eq!((world.asked["reviews"], world.read.len()), (5_000, 5_000));
    assert_eq!(world.book.distinct_rules(), 2, "equal rules are kept once");
    assert_eq!(world.book.progress(), (5_000, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lists_403_says_more_than_rules_and_does_not_loop() {
    let mut world = World::new(Depth::Live, 1, 1, false);
    world.grant(0, 0);
    world.allowed.clear();
    world.deny_all();
    world.pass(Duration::from_secs(1));
    let namespace: Arc<str> = space(0).into();
    world.book.refuse(world.now, &world.kinds[0].key(), &namespace);
    world.read.clear();
    world.pass(HOUR);
    assert!(world.read.is_empty() && world.total() < 40, "{:?}", world.asked);
    world.allowed.insert((space(0), 0));
    world.pass(2 * HOUR);
    assert_eq!(world.read.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_goes_on_being_asked_for_when_rules_say_the_same() {
    let mut world = World::new(Depth::Live, 2, 1, false);
    world.grant(0, 0);
    world.deny_all();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.read.len(), 1);
    world.allowed.clear();
    world.told.clear();
    let namespace: Arc<str> = space(0).into();
    world.book.refuse(world.now, &world.kinds[0].key(), &namespace);
    world.pass(HOUR);
    let first = world.asked["tries"];
    // Another right in the same namespace is no word about this one.
    world.grant(0, 1);
    world.pass(2 * HOUR);
    assert!(
        first >= 3 && world.asked["tries"] > first,
        "time counts from refusal to refusal: {:?}",
        world.asked
    );
    assert!(world.read.contains(&(space(0), 1)));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_becomes_known_later_is_reviewed_as_well() {
    let mut world = World::new(Depth::Live, 1, 2, false);
    world.grant(1, 1);
    world.deny_all();
    world.pass(Duration::from_secs(1));
    world.kinds.push(kind(1));
    world.book.know(world.kinds.iter());
    world.deny_all();
    world.pass(Duration::from_secs(2));
    assert_eq!(world.read, [(space(1), 1)].into());
    assert_eq!(world.asked["reviews"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_new_namespace_is_asked_about_soon_after_something_stirred() {
    let mut world = World::new(Depth::Live, 1, 1, false);
    world.deny_all();
    world.pass(12 * HOUR);
    world.namespaces = Some(vec![space(0), space(7)]);
    world.grant(7, 0);
    world.book.stir_names(world.now);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.read, [(space(7), 0)].into());
    let before = world.total();
    for _ in 0..3_600 {
        world.book.stir_names(world.now);
        world.pass(Duration::from_secs(1));
    }
    assert!(world.total() - before < 800, "a cluster in which namespaces come and go: {:?}", world.asked);
}

#[tokio::test(start_paused = true)]
async fn a_short_run_asks_once_and_a_glance_tries_nothing() {
    for (depth, tries) in [(Depth::Once, 6), (Depth::Glance, 0)] {
        let mut world = World::new(depth, 2, 3, true);
        world.deny_all();
        assert!(!world.book.is_settled());
        world.pass(24 * HOUR);
        assert!(world.book.is_settled());
        assert_eq!(world.asked.get("tries").copied().unwrap_or(0), tries);
        assert_eq!(world.total(), 4 + tries);
    }
}

#[tokio::test(start_paused = true)]
async fn where_namespaces_may_not_be_listed_the_contexts_own_is_asked_about() {
    let mut world = World::new(Depth::Live, 1, 0, false);
    world.namespaces = None;
    world.allowed.insert(("context".into(), 0));
    world.told.insert(("context".into(), 0));
    world.deny_all();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.read, [("context".into(), 0)].into());
    assert!(!world.book.is_gone("anything"));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_hangs_holds_no_place_of_the_others() {
    let mut world = World::new(Depth::Live, 2, 50, true);
    world.deny_all();
    let mut hanging = Vec::new();
    for _ in 0..200 {
        match world.book.next(world.now) {
            Some(Ask::Try(kind, namespace)) if kind.plural == "kinds0" => hanging.push(namespace),
            Some(ask) => world.answer(ask),
            None => {}
        }
    }
    assert_eq!(hanging.len(), 1, "one at a time");
    assert_eq!(world.asked["tries"], 50);
}

/// What happens to a book.
#[derive(Debug, Clone)]
enum Step {
    /// Asks for up to so many questions.
    Ask(usize),
    /// Answers one of those that wait, or says that there was no answer.
    Answer(usize, bool),
    Pass(Duration),
    Deny(usize),
    Forget(usize),
    Stir,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..20_usize).prop_map(Step::Ask),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(which, good)| Step::Answer(which, good)),
        3 => (1..40_000_u64).prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
        2 => (0..4_usize).prop_map(Step::Deny),
        1 => (0..4_usize).prop_map(Step::Forget),
        1 => Just(Step::Stir),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_woken_while_there_is_nothing_to_ask(
        steps in vec(step(), 1..120),
        depth in prop_oneof![Just(Depth::Live), Just(Depth::Once), Just(Depth::Glance)],
    ) {
        let mut world = World::new(depth, 4, 12, true);
        let mut waiting: Vec<Ask> = Vec::new();
        for step in steps {
            match step {
                Step::Ask(most) => {
                    let asked = (0..most).map_while(|_| world.book.next(world.now));
                    waiting.extend(asked);
                }
                Step::Answer(which, good) if !waiting.is_empty() => {
                    let ask = waiting.swap_remove(which % waiting.len());
                    if good { world.answer(ask) } else { world.fail(ask) }
                }
                Step::Answer(..) => {}
                Step::Pass(time) => world.now += time,
                Step::Deny(number) => {
                    let key = world.kinds[number].key();
                    _ = world.book.deny(world.now, &key);
                }
                Step::Forget(number) => {
                    let key = world.kinds[number].key();
                    world.book.forget(&key);
                }
                Step::Stir => world.book.stir(world.now),
            }
            // Nobody asks without asking for all there is.
            while let Some(ask) = world.book.next(world.now) {
                waiting.push(ask);
            }
            world.rests();
        }
    }
}
