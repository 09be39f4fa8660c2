//! The mouse: what it does in the list, and that views of text leave it to the terminal.

use super::super::super::layout;
use super::*;

fn click(app: &mut Driven, x: u16, y: u16) -> Vec<Effect> {
    app.tell(Event::Mouse(Mouse::Click { x, y }))
}

#[test]
fn the_wheel_moves_a_click_selects_and_a_second_one_opens() {
    let mut app = Driven::new("web");
    let many: Vec<_> = (0..50).map(|n| row("Pod", "shop", &format!("p{n}"), &[])).collect();
    app.answer(&many);
    app.tell(Event::Mouse(Mouse::WheelDown));
    app.tell(Event::Mouse(Mouse::WheelDown));
    app.tell(Event::Mouse(Mouse::WheelUp));
    assert_eq!((app.selected(), app.state.focus), ("p3".to_owned(), Focus::Query), "one may go on typing");
    let list = layout::areas(&app.state).list;
    click(&mut app, list.x + 3, list.y + 5);
    assert_eq!((app.selected(), app.state.focus), ("p5".to_owned(), Focus::List));
    assert!(app.request().cursor.is_none() && app.request().left.is_some(), "the line was left");
    let effects = click(&mut app, list.x + 3, list.y + 5);
    assert!(matches!(app.state.overlays.as_slice(), [Overlay::Detail(_)]));
    assert!(effects.contains(&Effect::CatchMouse(false)), "text can be selected now");
    assert!(app.press("q").contains(&Effect::CatchMouse(true)));
    let query = layout::areas(&app.state).query;
    click(&mut app, query.x + 4, query.y);
    assert_eq!(app.state.focus, Focus::Query);
}

#[test]
fn every_view_of_text_leaves_the_mouse_to_the_terminal() {
    for key in ["?", "K", "d", "y", "E", "t", "l"] {
        let mut app = Driven::new("web");
        app.answer(&rows(&["a", "b"]));
        app.press("esc");
        assert!(app.press(key).contains(&Effect::CatchMouse(false)), "{key}");
        let before = app.state.cursor;
        let list = layout::areas(&app.state).list;
        click(&mut app, list.x, list.y + 1);
        assert_eq!((app.state.cursor, app.state.overlays.len()), (before, 1), "{key}");
        assert!(app.press("esc").contains(&Effect::CatchMouse(true)), "{key}");
    }
}

#[test]
fn a_click_anywhere_at_any_size_is_harmless() {
    for size in [(80, 24), (40, 10), (8, 3), (1, 1)] {
        let mut app = Driven::new("web");
        app.answer(&rows(&["a", "b"]));
        app.tell(Event::Resize(size.0, size.1));
        for (x, y) in [(0, 0), (size.0, size.1), (u16::MAX, u16::MAX), (size.0 / 2, size.1 / 2)] {
            click(&mut app, x, y);
            app.press("esc");
        }
    }
}
