//! The palette, with the words of k9s; orders and pages by letters.

use super::*;
use crate::object::Kind;
use crate::search::Catalog;

fn catalog() -> Catalog {
    let kind = |group: &str, kind: &str, plural: &str, short: &[&str], namespaced| Kind {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: short.iter().map(|name| (*name).to_owned()).collect(),
        categories: if plural == "nodes" { Vec::new() } else { vec!["all".to_owned()] },
        namespaced,
        watchable: true,
    };
    Catalog::new(vec![
        kind("policy", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], true),
        kind("", "Pod", "pods", &["po"], true),
        kind("apps", "Deployment", "deployments", &["deploy"], true),
        kind("", "Node", "nodes", &["no"], false),
        kind("", "Namespace", "namespaces", &["ns"], false),
    ])
}

/// In the list, with kinds, namespaces and contexts known.
fn app() -> Driven {
    let mut app = Driven::new("web");
    app.state.contexts = vec!["prod".to_owned(), "Staging".to_owned()];
    let mut first = answer(app.request().generation, &rows(&["a", "b"]));
    if let Ok(found) = &mut first.found {
        found.namespaces = vec![("shop-prod".to_owned(), 3), ("shop-staging".to_owned(), 2)];
        found.catalog = Arc::new(catalog());
    }
    app.tell(Event::Answer(first));
    app.press("esc");
    app
}

fn command(app: &mut Driven, text: &str) -> Vec<Effect> {
    app.press(":");
    for c in text.chars() {
        app.tell(Event::Key(if c == ' ' { "space".to_owned() } else { c.to_string() }.parse().unwrap()));
    }
    app.press("enter")
}

#[test]
fn the_words_of_k9s_are_understood() {
    for (words, query, namespaces) in [
        ("po", "kind:pods", ""),
        ("pods", "kind:pods", ""),
        ("Pod", "kind:pods", ""),
        ("dp", "kind:deployments.apps", ""),
        ("deploy", "kind:deployments.apps", ""),
        ("dep", "kind:deployments.apps", ""),
        ("pdb", "kind:poddisruptionbudgets.policy", ""),
        ("all", "kind:all", ""),
        ("ns shop-prod", "web", "shop-prod"),
        ("ns staging", "web", "shop-staging"),
        ("po shop-prod", "kind:pods", "shop-prod"),
        ("dp shop-s", "kind:deployments.apps", "shop-staging"),
        ("po all", "kind:pods", ""),
        ("po /check", "kind:pods check", ""),
        ("po app=web", "kind:pods app=web", ""),
        ("no", "kind:nodes", ""),
        ("no shop-prod", "kind:nodes", ""),
    ] {
        let mut app = app();
        command(&mut app, words);
        assert!(app.state.overlays.is_empty(), "{words}");
        let request = app.request();
        assert_eq!(
            (request.text.as_str(), request.namespaces.join(",").as_str()),
            (query, namespaces),
            "{words}"
        );
    }
}

#[test]
fn commands_and_contexts_have_their_words() {
    for word in ["q", "quit", "exit", "q!"] {
        assert!(command(&mut app(), word).contains(&Effect::Quit), "{word}");
    }
    let mut app = app();
    command(&mut app, "help");
    assert!(matches!(app.state.overlays.as_slice(), [Overlay::Help(0)]));
    app.press("esc");
    let opened = |effects: Vec<Effect>| effects.contains(&Effect::SwitchContext("Staging".to_owned()));
    assert!(opened(command(&mut app, "ctx stag")));
    assert!(!opened(command(&mut app, "ctx")));
    assert!(opened(app.press("down enter")), "without a name, one is chosen from a list");
    command(&mut app, "ns");
    assert!(matches!(app.state.overlays.as_slice(), [Overlay::Picker(picker)] if picker.items.len() == 2));
}

#[test]
fn an_unknown_word_is_said_with_what_may_have_been_meant_and_stays_to_be_mended() {
    for (words, said) in [
        ("xyz", "no command or kind is called xyz"),
        ("deploymnets", "no command or kind is called deploymnets; did you mean deployments?"),
        ("hlep", "no command or kind is called hlep; did you mean help?"),
        ("ns shop-prdo", "no object is in a namespace called shop-prdo; did you mean shop-prod?"),
        ("po x", "no object is in a namespace called x"),
        ("ctx prdo", "no context is called prdo; did you mean prod?"),
        ("xyz shop", "no command or kind is called xyz"),
    ] {
        let mut app = app();
        command(&mut app, words);
        assert_eq!(app.state.note.clone().unwrap_or_default().0, said, "{words}");
        assert!(matches!(app.state.overlays.as_slice(), [Overlay::Picker(_)]), "{words}");
    }
}

#[test]
fn tab_completes_a_command_and_what_follows_it() {
    let mut app = app();
    app.press(": d e p tab");
    let line = |app: &Driven| match app.state.overlays.last() {
        Some(Overlay::Picker(picker)) => picker.line.text().to_owned(),
        _ => String::new(),
    };
    assert_eq!(line(&app), "deployments ");
    app.press("s h o p - s tab");
    assert_eq!(line(&app), "deployments shop-staging");
    app.press("enter");
    assert_eq!(
        (app.request().text.as_str(), app.request().namespaces),
        ("kind:deployments.apps", vec!["shop-staging".to_owned()])
    );
    app.press("q");
    assert_eq!(
        (app.request().text.as_str(), app.request().namespaces.len()),
        ("web", 0),
        "back to where it was"
    );
}

#[test]
fn letters_sort_and_pages_turn_as_in_k9s() {
    let mut app = app();
    app.press("N");
    assert_eq!(app.request().text, "web sort:name");
    app.press("A");
    assert_eq!(app.request().text, "web sort:age");
    app.press("A");
    assert_eq!(app.request().text, "web sort:-age");
    assert!(app.press("q").contains(&Effect::Quit), "an order is no place");
    let many: Vec<_> = (0..100).map(|n| row("Pod", "shop", &format!("p{n}"), &[])).collect();
    app.answer(&many);
    let pages = |app: &mut Driven, keys| {
        app.press(keys);
        app.state.cursor
    };
    let page = pages(&mut app, "ctrl-f");
    assert!(page > 5);
    assert_eq!(pages(&mut app, "ctrl-f"), page * 2);
    assert_eq!(pages(&mut app, "ctrl-b ctrl-b"), 0);
    app.press("/ ctrl-b x");
    assert_eq!(app.state.query.text(), "web sort:-agxe", "in the line they move the cursor");
}
