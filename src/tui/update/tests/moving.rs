//! Leaving the query line, opening things from it, and going back.

use super::super::super::state::KindCount;
use super::*;
use crate::object::Kind;

fn settle(app: &mut Driven, text: &str, found: &[Arc<Row>]) -> Vec<Effect> {
    let answer = Answer { settled: Some(text.to_owned()), ..answer(app.request().generation, found) };
    app.tell(Event::Answer(answer))
}

fn kinds(app: &mut Driven, all: &[&str]) {
    let kind = |plural: &&str| KindCount {
        kind: Kind {
            group: String::new(),
            version: "v1".to_owned(),
            kind: (*plural).to_owned(),
            plural: (*plural).to_owned(),
            singular: String::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            watchable: true,
        },
        count: 3,
    };
    let mut answer = answer(app.request().generation, &[]);
    if let Ok(found) = &mut answer.found {
        found.content = Content::Kinds(all.iter().map(kind).collect());
    }
    app.tell(Event::Answer(answer));
}

fn saved(effects: &[Effect]) -> Option<Vec<String>> {
    effects.iter().find_map(|effect| match effect {
        Effect::SaveHistory(entries) => Some(entries.clone()),
        _ => None,
    })
}

#[test]
fn a_line_that_is_left_shows_what_is_asked_and_only_that_joins_the_history() {
    let mut app = Driven::new("");
    app.press("n s : s h o p");
    app.answer(&rows(&["a", "b", "c"]));
    app.press("down");
    assert_eq!(saved(&app.press("esc")), None, "half-typed");
    assert_eq!((app.request().cursor, app.request().left), (None, Some(7)));
    app.tell(Event::IndexChanged);
    assert_eq!(app.request().left, Some(7), "until it is answered");
    let effects = settle(&mut app, "ns:shop*", &rows(&["a", "b", "c"]));
    assert_eq!((app.state.query.text(), app.selected()), ("ns:shop*", "b".to_owned()));
    assert_eq!(saved(&effects), Some(vec!["ns:shop*".to_owned()]));
    app.tell(Event::IndexChanged);
    assert_eq!((app.request().text.as_str(), app.request().left), ("ns:shop*", None));
    app.press("/ - p esc");
    app.press("/");
    assert_eq!(app.request().left, None, "it is typed again");
    app.press("ctrl-c");
    assert_eq!(app.state.history.entries(), ["ns:shop*"]);
}

#[test]
fn a_value_that_one_types_on_behind_is_settled_under_the_cursor() {
    let mut app = Driven::new("");
    app.press("n s : s h o p space -");
    assert_eq!((app.request().cursor, app.request().left), (Some(9), Some(7)));
    settle(&mut app, "ns:shop* -", &rows(&["a"]));
    app.press("x");
    assert_eq!((app.state.query.text(), app.request().left), ("ns:shop* -x", None));
    app.press("space left");
    assert_eq!(app.request().left, None, "the cursor went elsewhere");
}

#[test]
fn a_term_that_is_added_before_the_line_was_settled_loses_nothing() {
    let mut app = Driven::new("ns:shop");
    app.answer(&rows(&["a"]));
    app.press("esc !");
    assert_eq!((app.request().text.as_str(), app.request().left), ("ns:shop is:deleting", Some(7)));
    settle(&mut app, "ns:shop* is:deleting", &[]);
    assert_eq!(app.state.query.text(), "ns:shop* is:deleting");
}

#[test]
fn what_is_opened_from_the_query_line_is_closed_in_the_list() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a", "b"]));
    app.press("enter");
    assert!(matches!(app.state.overlays.as_slice(), [Overlay::Detail(_)]));
    app.press("q w");
    assert!(app.state.overlays.is_empty() && app.state.wide, "letters are commands");
    assert_eq!(app.state.query.text(), "web");
    app.answer(&rows(&["a", "b"]));
    assert_eq!(app.state.history.entries(), ["web"]);
}

#[test]
fn enter_before_the_answer_opens_what_was_asked_for_and_not_what_shows() {
    let mut app = Driven::new("");
    kinds(&mut app, &["pods"]);
    app.press("w e b enter");
    assert_eq!((app.state.query.text(), app.state.overlays.len()), ("web", 0));
    app.answer(&rows(&["a", "b"]));
    assert!(matches!(app.state.overlays.as_slice(), [Overlay::Detail(detail)]
        if detail.row.document.metadata.name == "a"));
    app.press("q / x enter j");
    app.answer(&rows(&["a", "b"]));
    assert!(app.state.overlays.is_empty(), "another key came first");
}

#[test]
fn q_and_esc_go_back_to_where_a_jump_began_and_quit_only_there() {
    for back in ["q", "esc"] {
        let mut app = Driven::new("");
        kinds(&mut app, &["services", "pods"]);
        app.press("down enter");
        assert_eq!((app.state.query.text(), app.state.focus), ("kind:pods", Focus::List));
        app.answer(&rows(&["a", "b"]));
        app.press("j !");
        app.answer(&rows(&["b"]));
        assert!(app.state.can_go_back());
        assert!(!app.press(back).contains(&Effect::Quit));
        assert_eq!(app.state.query.text(), "kind:pods");
        app.answer(&rows(&["a", "b"]));
        assert_eq!(app.selected(), "b");
        assert!(!app.press(back).contains(&Effect::Quit));
        kinds(&mut app, &["services", "pods"]);
        assert_eq!((app.state.query.text(), app.state.cursor), ("", 1));
        assert!(!app.state.can_go_back());
        assert_eq!(app.press(back).contains(&Effect::Quit), back == "q");
        app.press("]");
        assert_eq!(app.state.query.text(), "kind:pods");
    }
}

#[test]
fn what_is_being_deleted_shows_and_all_again() {
    let mut app = Driven::new("web sort:age");
    app.answer(&rows(&["a"]));
    app.press("esc !");
    assert_eq!(app.state.query.text(), "web sort:age is:deleting");
    app.press("!");
    assert_eq!((app.state.query.text(), app.state.can_go_back()), ("web sort:age", false));
}

#[test]
fn an_order_is_no_place_to_go_back_from() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a"]));
    app.press("esc s down enter");
    assert_eq!(app.state.query.text(), "web sort:name");
    assert!(app.press("q").contains(&Effect::Quit));
}

#[test]
fn a_kind_is_opened_in_the_namespaces_that_are_chosen_and_its_owner_is_found_outside_of_them() {
    let mut app = Driven::new("");
    app.state.namespaces = vec!["shop".to_owned()];
    kinds(&mut app, &["pods"]);
    app.press("enter");
    assert_eq!(app.request().namespaces, ["shop"]);
    app.answer(&[row("Pod", "shop", "web-1", &owned("web"))]);
    app.press("J");
    assert_eq!(app.state.query.text(), "-A uid:uid-web");
    app.press("0 q");
    assert_eq!((app.request().text.as_str(), app.request().namespaces.len()), ("kind:pods", 1));
}

#[test]
fn a_query_that_is_wrong_joins_no_history() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a"]));
    app.press("(");
    let problem = Problem { span: Some(3..4), message: "never closed".to_owned(), half_typed: false };
    app.press("esc");
    let generation = app.request().generation;
    app.tell(Event::Answer(Answer { found: Err(problem), ..answer(generation, &[]) }));
    app.press("q");
    assert_eq!(app.state.history.entries(), Vec::<String>::new());
}

#[test]
fn what_is_unfolded_at_the_foot_of_the_list_shows() {
    let mut app = Driven::new("web");
    let mut all = rows(&(0..30).map(|_| "solo").collect::<Vec<_>>());
    all.extend(["web-a", "web-b", "web-c"].map(|name| row("Pod", "shop", name, &owned("web"))));
    app.answer(&all);
    app.press("esc G space");
    let last = app.state.results.items.len();
    assert_eq!((app.state.cursor, last), (30, 34));
    assert_eq!(app.state.offset + super::super::layout::rows(&app.state), last, "the three stand below");
    app.press("space");
    assert_eq!((app.state.cursor, app.state.results.items.len()), (30, 31));
}

#[test]
fn a_query_that_is_edited_has_nothing_to_go_forward_to() {
    let mut app = Driven::new("web");
    app.answer(&rows(&["a"]));
    app.press("esc ! [");
    assert_eq!(app.state.query.text(), "web");
    app.press("/ s");
    app.press("esc ]");
    assert_eq!(app.state.query.text(), "webs");
}
