//! The background re-read: it never stands in a watch's way, and comes however often the program is started.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_reread_that_fails_or_hangs_leaves_the_watch_alone() {
    let actions = [
        Action::Status(504),
        Action::Status(500),
        Action::Status(410),
        Action::Status(404),
        Action::Status(401),
        Action::NoAnswer,
        Action::Initializing,
        Action::TooManyRequests { retry_after: 600 },
        Action::Late(45 * SECOND),
    ];
    for action in actions {
        let setup = Setup::new(|_| {});
        let reader = setup.follow(KIND);
        reader.is_live(SECOND).await;
        setup.fault(Verb::List, action.clone());
        setup.server.clear_requests();
        // A day, looked at every ten minutes.
        for n in 0..144 {
            let name = format!("made-{n}");
            setup.make(&name);
            let took = reader.finds(&name, 2 * SECOND).await;
            assert_eq!(reader.state(), State::Live, "{action:?}");
            sleep(10 * MINUTE - took).await;
        }
        let (lists, watches) = setup.asked();
        println!("{action:?}: {lists} lists, {watches} watches in a day");
        assert!((1..=40).contains(&lists), "{action:?}: {lists} lists in a day");
        assert!((100..=300).contains(&watches), "{action:?}: {watches} watches in a day");
        setup.server.clear_faults();
        let before = reader.log(|log| log.rereads);
        sleep(7 * HOUR).await;
        assert!(reader.log(|log| log.rereads) > before, "{action:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reread_whose_body_stands_still_holds_events_back_for_a_minute_at_most() {
    let setup = Setup::new(|_| {});
    let reader = setup.follow(KIND);
    reader.is_live(SECOND).await;
    setup.fault(Verb::List, Action::Silent { after: 100 });
    for n in 0..2_000 {
        let name = format!("made-{n}");
        setup.make(&name);
        let took = reader.finds(&name, 62 * SECOND).await;
        sleep((30 * SECOND).saturating_sub(took)).await;
    }
    assert!(reader.log(|log| log.rereads) > 0);
    assert_eq!(reader.state(), State::Live);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_started_every_five_hours_reads_again_all_the_same() {
    let setup = Setup::new(|_| {});
    let reader = setup.follow(KIND);
    reader.is_live(SECOND).await;
    let (mut version, mut rereads) = (reader.version(), 0);
    drop(reader);
    for _ in 0..20 {
        let reader = setup.read(KIND, Start::Resume(version), Mode::Follow);
        sleep(5 * HOUR).await;
        rereads += reader.log(|log| log.rereads);
        version = reader.version();
    }
    assert!((10..=20).contains(&rereads), "{rereads} in 100 hours");
}

#[tokio::test(start_paused = true)]
async fn a_busy_kind_is_read_again_while_its_watch_goes_on() {
    let setup = Setup::new(|_| {});
    let timing = Timing { reread: 10 * MINUTE, ..Timing::default() };
    let reader = setup.read_at(KIND, Start::Empty, Mode::Follow, timing);
    reader.is_live(SECOND).await;
    setup.fault(Verb::List, Action::Late(5 * SECOND));
    setup.server.clear_requests();
    for n in 0..6_000 {
        setup.make(&format!("made-{n}"));
        if n >= 20 {
            setup.server.delete(KIND, "default", &format!("made-{}", n - 20));
        }
        sleep(SECOND / 2).await;
        assert!(reader.holds(&format!("made-{n}")), "{n}");
    }
    sleep(SECOND).await;
    let names: BTreeSet<String> = setup.server.objects(KIND).into_iter().map(|own| own.name).collect();
    assert!(reader.log(|log| log.held.keys().eq(&names)));
    let (lists, rereads) = (setup.asked().0, reader.log(|log| log.rereads));
    assert!((4..=6).contains(&rereads) && lists == rereads as u64, "{lists} lists, {rereads} re-reads");
}
