//! Which requests are made, when, and what becomes of their answers.

use proptest::prelude::*;

use super::*;

fn target(namespace: &str, name: &str, neighbours: u64) -> Target {
    Target {
        object: ObjectRef {
            group: String::new(),
            version: "v1".to_owned(),
            plural: "pods".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
            uid: format!("uid-{namespace}-{name}"),
        },
        neighbours: Some(neighbours),
    }
}

fn targets(namespace: &str, count: usize, neighbours: u64) -> Vec<Target> {
    (0..count).map(|nth| target(namespace, &format!("web-{nth:03}"), neighbours)).collect()
}

fn asks(effects: &[StatusEffect]) -> Vec<&StatusRequest> {
    let ask = effects.iter().filter_map(|effect| match effect {
        StatusEffect::Ask(request) => Some(request),
        StatusEffect::Cancel(_) => None,
    });
    ask.collect()
}

fn said(targets: &[Target]) -> Printed {
    let said = |target: &Target| Reported {
        uid: target.object.uid.clone(),
        text: "1/1 Running".to_owned(),
        word: "Running".to_owned(),
        alarming: false,
    };
    Printed { objects: targets.iter().map(said).collect(), has_status: true }
}

#[test]
fn nothing_is_asked_before_keys_and_rows_have_rested() {
    let mut statuses = Statuses::default();
    let rows = targets("shop", 3, 3);
    assert_eq!(statuses.plan(1_000, &rows), []);
    assert_eq!(statuses.due_ms(), Some(1_300));
    assert_eq!(statuses.plan(1_299, &rows), []);
    statuses.moved(1_299);
    assert_eq!(statuses.plan(1_300, &rows), []);
    assert_eq!(asks(&statuses.plan(1_599, &rows)).len(), 3);
    assert_eq!(statuses.due_ms(), None, "nothing more to do until something happens");
}

#[test]
fn other_rows_are_a_movement_too_and_what_scrolled_away_is_cancelled() {
    let mut statuses = Statuses::default();
    let rows = targets("shop", 6, 6);
    statuses.plan(0, &rows[..2]);
    assert_eq!(asks(&statuses.plan(300, &rows[..2])).len(), 2);
    assert_eq!(statuses.plan(350, &rows[1..3]), [StatusEffect::Cancel(1)]);
    let effects = statuses.plan(650, &rows[1..3]);
    let names: Vec<&str> = asks(&effects).iter().map(|ask| ask.object.name.as_str()).collect();
    assert_eq!(names, ["web-002"], "web-001 is still under way");
    statuses.arrived(1, Ok(said(&rows[..1])));
    assert_eq!(statuses.of(&rows[0].object.uid), None, "a cancelled request says nothing");
}

#[test]
fn four_are_under_way_at_most_and_the_next_follows_an_answer() {
    let mut statuses = Statuses::default();
    let rows = targets("shop", 7, 7);
    statuses.plan(0, &rows);
    assert_eq!(asks(&statuses.plan(300, &rows)).len(), 4);
    assert_eq!(statuses.plan(310, &rows), []);
    statuses.arrived(1, Ok(said(&rows[..1])));
    assert_eq!(asks(&statuses.plan(320, &rows)).len(), 1);
    statuses.arrived(2, Err("no".to_owned()));
    statuses.arrived(3, Ok(said(&[])));
    assert_eq!(asks(&statuses.plan(330, &rows)).len(), 2);
    assert_eq!(statuses.requests, 7);
    assert_eq!(statuses.of(&rows[1].object.uid).map(|heard| heard.said.clone()), Some(None));
}

#[test]
fn more_than_eight_of_a_kind_and_namespace_are_one_request_unless_five_hundred_are_there() {
    for (count, neighbours, requests) in [(8, 8, 4), (9, 499, 1), (9, 500, 4)] {
        let mut statuses = Statuses::default();
        let rows = targets("shop", count, neighbours);
        statuses.plan(0, &rows);
        let effects = statuses.plan(300, &rows);
        assert_eq!(asks(&effects).len(), requests, "{count} of {neighbours}");
        assert_eq!(asks(&effects)[0].all, requests == 1);
    }
    let mut statuses = Statuses::default();
    let mut rows = targets("shop", 5, 5);
    rows.extend(targets("stage", 4, 4));
    statuses.plan(0, &rows);
    assert!(asks(&statuses.plan(300, &rows)).iter().all(|ask| !ask.all), "two namespaces");
    let unknown: Vec<Target> =
        targets("shop", 9, 0).into_iter().map(|target| Target { neighbours: None, ..target }).collect();
    let mut statuses = Statuses::default();
    statuses.plan(0, &unknown);
    assert!(
        asks(&statuses.plan(300, &unknown)).iter().all(|ask| !ask.all),
        "nobody knows how many there are"
    );
}

#[test]
fn an_answer_counts_ten_seconds_then_shows_with_its_age_and_the_next_rest_asks_again() {
    let mut statuses = Statuses::default();
    let rows = targets("shop", 1, 1);
    let uid = rows[0].object.uid.clone();
    statuses.plan(0, &rows);
    statuses.plan(300, &rows);
    statuses.arrived(1, Ok(said(&rows)));
    assert!(statuses.is_fresh(&uid, 10_299));
    statuses.moved(5_000);
    assert_eq!(statuses.plan(5_300, &rows), [], "fresh: not asked again");
    assert!(!statuses.is_fresh(&uid, 10_300));
    assert_eq!(statuses.plan(20_000, &rows), [], "nothing moved: it ages");
    statuses.moved(20_000);
    assert_eq!(asks(&statuses.plan(20_300, &rows)).len(), 1);
    statuses.arrived(2, Err("the server is away".to_owned()));
    assert_eq!(statuses.of(&uid).map(|heard| heard.at_ms), Some(300), "what was said stays, with its age");
}

#[test]
fn switched_off_nothing_is_asked_and_another_cluster_cancels_everything() {
    let mut statuses = Statuses { off: true, ..Statuses::default() };
    let rows = targets("shop", 3, 3);
    statuses.plan(0, &rows);
    assert_eq!((statuses.plan(9_000, &rows), statuses.due_ms()), (Vec::new(), None));
    statuses.off = false;
    assert_eq!(asks(&statuses.plan(9_000, &rows)).len(), 3);
    assert_eq!(statuses.reset(9_001).len(), 3);
    assert_eq!(statuses.due_ms(), None);
}

#[test]
fn a_kind_of_which_the_server_says_nothing_is_asked_for_once() {
    let mut statuses = Statuses::default();
    let rows = targets("shop", 3, 3);
    statuses.plan(0, &rows[..1]);
    assert_eq!(asks(&statuses.plan(300, &rows[..1])).len(), 1);
    statuses.arrived(1, Ok(Printed { has_status: false, ..said(&rows[..1]) }));
    statuses.plan(400, &rows);
    assert_eq!(statuses.plan(60_000, &rows), []);
    assert!(statuses.is_mute("", "pods") && !statuses.is_mute("apps", "pods"));
    statuses.reset(70_000);
    statuses.plan(70_000, &rows);
    assert_eq!(asks(&statuses.plan(70_300, &rows)).len(), 3, "another cluster may have something to say");
}

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Key,
    /// Rows of three namespaces, from one on, so many.
    Show(usize, usize),
    /// The nth request under way is answered.
    Answer(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0i64..700).prop_map(Step::Wait),
        Just(Step::Key),
        (0usize..40, 0usize..30).prop_map(|(from, count)| Step::Show(from, count)),
        (0usize..4, any::<bool>()).prop_map(|(nth, good)| Step::Answer(nth, good)),
    ]
}

proptest! {
    #[test]
    fn never_too_many_never_too_early_never_twice_and_never_for_what_does_not_show(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut all = targets("a", 25, 25);
        all.extend(targets("b", 25, 700));
        all.extend(targets("c", 20, 20));
        let mut statuses = Statuses::default();
        let (mut now, mut rested_since, mut shown) = (0i64, 0i64, 0usize..0);
        let mut open: Vec<StatusRequest> = Vec::new();
        let mut asked_at: HashMap<String, i64> = HashMap::new();
        for step in steps {
            match step {
                Step::Wait(time) => now += time,
                Step::Key => { statuses.moved(now); rested_since = now; }
                Step::Show(from, count) => {
                    let range = from..(from + count).min(all.len());
                    let uids = |range: std::ops::Range<usize>| -> BTreeSet<String> {
                        all[range].iter().map(|target| target.object.uid.clone()).collect()
                    };
                    if uids(range.clone()) != uids(shown.clone()) { rested_since = now; }
                    shown = range;
                }
                Step::Answer(nth, good) if nth < open.len() => {
                    let request = open.remove(nth);
                    let answer = match (good, request.all) {
                        (false, _) => Err("no".to_owned()),
                        (true, true) => Ok(said(&all)),
                        (true, false) => {
                            let own: Vec<Target> = all.iter().filter(|one| one.object == request.object).cloned().collect();
                            Ok(said(&own))
                        }
                    };
                    statuses.arrived(request.ticket, answer);
                }
                Step::Answer(..) => {}
            }
            let rows = &all[shown.clone()];
            let effects = statuses.plan(now, rows);
            for effect in &effects {
                match effect {
                    StatusEffect::Cancel(ticket) => {
                        let at = open.iter().position(|open| open.ticket == *ticket);
                        prop_assert!(at.is_some(), "only what is under way is cancelled");
                        open.remove(at.unwrap());
                    }
                    StatusEffect::Ask(ask) => {
                        prop_assert!(now >= rested_since + REST_MS);
                        prop_assert!(rows.iter().any(|row| row.object == ask.object));
                        let same: Vec<_> = rows.iter().filter(|row| row.object.namespace == ask.object.namespace).collect();
                        prop_assert_eq!(ask.all, same.len() > MANY && same[0].neighbours < Some(TOO_MANY));
                        let of = |target: &&&Target| ask.all || target.object.uid == ask.object.uid;
                        // At least one of the objects was not asked for within the time that an answer counts.
                        let news = same.iter().filter(of).any(|target| {
                            asked_at.get(&target.object.uid).is_none_or(|at| now - at >= FRESH_MS
                                || statuses.of(&target.object.uid).is_none_or(|heard| heard.at_ms != *at))
                        });
                        prop_assert!(news);
                        for target in same.iter().filter(of) {
                            asked_at.insert(target.object.uid.clone(), now);
                        }
                        open.push(ask.clone());
                    }
                }
            }
            prop_assert!(open.len() <= MOST_REQUESTS);
        }
    }
}
