//! Questions that nobody answers, at once or ever.

use super::*;

/// A short run in which some questions are answered and the others hang for ten seconds, or fail at once. Says how long
/// it took.
fn run_short(world: &mut World, pause: Duration, mut hangs: impl FnMut(&Ask) -> bool) -> Duration {
    let begun = world.now;
    let mut waiting: Vec<(Instant, Ask, bool)> = Vec::new();
    loop {
        while let Some(ask) = world.book.next(world.now) {
            let silent = hangs(&ask);
            let takes = if silent { pause } else { Duration::from_millis(50) };
            waiting.push((world.now + takes, ask, silent));
        }
        world.rests();
        if world.book.is_settled() {
            return world.now - begun;
        }
        waiting.sort_by_key(|(at, ..)| *at);
        let answered = waiting.first().map(|(at, ..)| *at);
        world.now = answered.into_iter().chain(world.book.due()).min().expect("something to wait for");
        assert!(world.now - begun < HOUR, "it never ends: {waiting:?}");
        if answered == Some(world.now) {
            let (_, ask, silent) = waiting.remove(0);
            if silent { world.fail(ask) } else { world.answer(ask) }
        }
    }
}

const HANG: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_short_run_ends_in_time_where_apis_hang_and_names_them() {
    let mut world = World::new(Depth::Once, 4, 300, true);
    world.grant(7, 2);
    world.allowed.insert((space(299), 3));
    world.deny_all();
    let of_hanging =
        |ask: &Ask| matches!(ask, Ask::Try(kind, _) if ["kinds0", "kinds1"].contains(&&*kind.plural));
    let took = run_short(&mut world, HANG, of_hanging);
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(world.read, [(space(7), 2), (space(299), 3)].into(), "the others are tried everywhere");
    let unsure = world.book.unsure();
    let names: Vec<&str> = unsure.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(names, ["kinds0.e.org", "kinds1.e.org"]);
    assert!(unsure[0].1.contains("300 namespaces"), "{unsure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_short_run_ends_in_time_where_everything_hangs() {
    for depth in [Depth::Once, Depth::Glance] {
        for what in ["namespaces", "reviews", "tries"] {
            let mut world = World::new(depth, 3, 300, true);
            world.deny_all();
            let took = run_short(&mut world, HANG, |ask| match ask {
                Ask::Namespaces => what == "namespaces",
                Ask::Review(..) => what == "reviews",
                Ask::Try(..) => what == "tries",
            });
            assert!(took < Duration::from_secs(90), "{depth:?} {what}: {took:?}");
            let tries_nothing = depth == Depth::Glance && what == "tries";
            assert_eq!(world.book.unsure().is_empty(), tries_nothing, "{depth:?} {what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_failed_question_leaves_nothing_out_of_a_short_run() {
    for (number, slow) in (0..40).flat_map(|number| [(number, false), (number, true)]) {
        let mut world = World::new(Depth::Once, 2, 10, true);
        world.grant(3, 0);
        world.allowed.insert((space(9), 1));
        world.deny_all();
        let pause = if slow { HANG } else { Duration::from_millis(5) };
        let (mut asked, mut failed) = (0, None);
        let took = run_short(&mut world, pause, |ask| {
            asked += 1;
            let silent = asked == number + 1;
            failed = failed.take().or_else(|| silent.then(|| ask.clone()));
            silent
        });
        assert!(took < Duration::from_secs(60), "{took:?}");
        assert_eq!(world.read, [(space(3), 0), (space(9), 1)].into(), "{number}: {failed:?}");
        assert_eq!(world.book.unsure(), [], "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_an_earlier_run_had_read_in_is_asked_about_for_other_kinds() {
    let mut world = World::new(Depth::Once, 2, 2, false);
    world.grant(1, 1);
    let namespace: Arc<str> = space(1).into();
    world.deny_all();
    world.book.read(&world.kinds[0].key(), &namespace);
    run_short(&mut world, HANG, |_| false);
    assert_eq!(world.read, [(space(1), 1)].into());
}

#[tokio::test(start_paused = true)]
async fn apis_that_hang_leave_a_place_for_those_that_answer() {
    let mut world = World::new(Depth::Live, 10, 300, true);
    world.deny_all();
    let of_hanging =
        |ask: &Ask| matches!(ask, Ask::Try(kind, _) if ["kinds0", "kinds1"].contains(&&*kind.plural));
    let mut waiting: Vec<(Instant, Ask)> = Vec::new();
    let begun = world.now;
    while world.now - begun < Duration::from_secs(360) {
        while let Some(ask) = world.book.next(world.now) {
            let takes = if of_hanging(&ask) { HANG } else { Duration::from_millis(50) };
            waiting.push((world.now + takes, ask));
        }
        waiting.sort_by_key(|(at, _)| *at);
        let answered = waiting.first().map(|(at, _)| *at);
        world.now = answered.into_iter().chain(world.book.due()).min().expect("something to wait for");
        if answered == Some(world.now) {
            let (_, ask) = waiting.remove(0);
            if of_hanging(&ask) { world.fail(ask) } else { world.answer(ask) }
        }
    }
    assert!(
        world.asked["tries"] >= 8 * 300,
        "eight kinds that answer were tried everywhere: {:?}",
        world.asked
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_kind_that_is_not_asked_about_any_more_is_no_news() {
    let mut world = World::new(Depth::Live, 1, 1, true);
    world.deny_all();
    let (key, namespace) = (world.kinds[0].key(), space(0).into());
    world.pass(Duration::from_secs(1));
    world.book.forget(&key);
    world.book.tried(world.now, &key, &namespace, Tried::Refused);
    // Allowed by rules the next time.
    world.grant(0, 0);
    let rules = Rules { allowed: [0].into_iter().collect(), kinds: 1, incomplete: true };
    world.book.reviewed(world.now, &namespace, Some(rules));
    world.deny_all();
    assert_eq!(world.read, [(space(0), 0)].into());
}

#[tokio::test(start_paused = true)]
async fn namespaces_that_take_long_to_list_are_listed_less_often() {
    let mut world = World::new(Depth::Live, 1, 1, false);
    world.deny_all();
    let mut listed = 0;
    for _ in 0..600 {
        while let Some(ask) = world.book.next(world.now) {
            if ask == Ask::Namespaces {
                world.now += Duration::from_secs(3);
                listed += 1;
            }
            world.answer(ask);
        }
        world.now += Duration::from_secs(1);
        world.book.stir_names(world.now);
        world.book.stir(world.now);
    }
    assert!((5..=13).contains(&listed), "ten minutes: {listed}");
}
