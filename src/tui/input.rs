//! Terminal events to messages.

use ratatui::crossterm::event::{
    self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};

use super::keys::{Code, Key};
use super::msg::{Event, Mouse};

/// What a terminal event means to the app; `None` for what it does not care about.
pub(super) fn translate(event: event::Event) -> Option<Event> {
    match event {
        // Some terminals also report releases.
        event::Event::Key(key) if key.kind != KeyEventKind::Release => translate_key(key).map(Event::Key),
        event::Event::Paste(text) => Some(Event::Paste(text)),
        event::Event::Resize(columns, rows) => Some(Event::Resize(columns, rows)),
        event::Event::Mouse(mouse) => {
            let mouse = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Mouse::Click { x: mouse.column, y: mouse.row },
                MouseEventKind::ScrollUp => Mouse::WheelUp,
                MouseEventKind::ScrollDown => Mouse::WheelDown,
                MouseEventKind::Down(_)
                | MouseEventKind::Up(_)
                | MouseEventKind::Drag(_)
                | MouseEventKind::Moved
                | MouseEventKind::ScrollLeft
                | MouseEventKind::ScrollRight => return None,
            };
            Some(Event::Mouse(mouse))
        }
        event::Event::Key(_) | event::Event::FocusGained | event::Event::FocusLost => None,
    }
}

fn translate_key(key: KeyEvent) -> Option<Key> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let code = match key.code {
        KeyCode::Char(c) if ctrl => Code::Char(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(number) => Code::F(number),
        _ => return None,
    };
    Some(Key { code, ctrl, alt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_arrive_as_the_table_writes_them() {
        let press = |code, modifiers| translate(event::Event::Key(KeyEvent::new(code, modifiers)));
        let shown = |event: Option<Event>| match event {
            Some(Event::Key(key)) => key.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(press(KeyCode::Char('N'), KeyModifiers::CONTROL)), "ctrl-n");
        assert_eq!(shown(press(KeyCode::Char('G'), KeyModifiers::SHIFT)), "G");
        assert_eq!(shown(press(KeyCode::BackTab, KeyModifiers::SHIFT)), "shift-tab");
        assert_eq!(shown(press(KeyCode::Char('p'), KeyModifiers::ALT)), "alt-p");
        assert!(press(KeyCode::CapsLock, KeyModifiers::NONE).is_none());
    }
}
