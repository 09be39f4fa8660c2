//! Keys: one table of actions ([`Action`]), which keys they have now ([`Keymap`]), and rebinding by name.

mod chord;
mod table;

use std::collections::BTreeMap;

pub use chord::{Code, Key, KeyError};
pub use table::{Action, Context, Group};

/// Keys that the user wants for one action, as the configuration says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebinding {
    /// The action's name.
    pub action: String,
    /// Its keys; none takes them away.
    pub keys: Vec<String>,
    /// The line of the configuration file, from 1.
    pub line: usize,
}

/// Which keys each action has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    keys: BTreeMap<Action, Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let parse = |action: &Action| {
            // A test holds that every default can be read.
            let keys = action.default_keys().split(' ').filter_map(|key| key.parse().ok()).collect();
            (*action, keys)
        };
        Self { keys: Action::ALL.iter().map(parse).collect() }
    }
}

impl Keymap {
    /// The defaults with the user's changes, and what is wrong with those: a wrong one leaves its default.
    pub fn with(rebindings: &[Rebinding]) -> (Self, Vec<String>) {
        let mut map = Self::default();
        let mut problems = Vec::new();
        let mut changed: Vec<Action> = Vec::new();
        for rebinding in rebindings {
            let result = read(rebinding).and_then(|(action, keys)| {
                let taken = |other: &Action| changed.contains(other) && other != &action;
                match map.conflict(action, &keys, taken) {
                    Some((key, other)) => Err(format!("{key} is bound to {} already", other.name())),
                    None => Ok((action, keys)),
                }
            });
            match result {
                Ok((action, keys)) => {
                    map.take(action, keys);
                    changed.push(action);
                }
                Err(problem) => {
                    problems.push(format!("keys, line {}: {}: {problem}", rebinding.line, name(rebinding)));
                }
            }
        }
        (map, problems)
    }

    // Gives keys to an action and takes them from the defaults of others that count in the same place.
    fn take(&mut self, action: Action, keys: Vec<Key>) {
        for (other, theirs) in &mut self.keys {
            if share(*other, action) {
                theirs.retain(|key| !keys.contains(key));
            }
        }
        self.keys.insert(action, keys);
    }

    fn conflict(
        &self,
        action: Action,
        keys: &[Key],
        counts: impl Fn(&Action) -> bool,
    ) -> Option<(Key, Action)> {
        self.keys.iter().filter(|(other, _)| counts(other) && share(**other, action)).find_map(
            |(other, theirs)| keys.iter().find(|key| theirs.contains(key)).map(|key| (*key, *other)),
        )
    }

    /// What a key does here. Where characters are typed, a character does nothing else.
    pub fn action(&self, key: Key, context: Context) -> Option<Action> {
        if context.types() && key.typed().is_some() {
            return None;
        }
        let has = |(action, keys): &(&Action, &Vec<Key>)| action.applies(context) && keys.contains(&key);
        self.keys.iter().find(has).map(|(action, _)| *action)
    }

    /// The keys of an action.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.keys.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The first key of an action that works here.
    pub fn first(&self, action: Action, context: Context) -> Option<Key> {
        let works = |key: &&Key| !(context.types() && key.typed().is_some());
        self.keys(action).iter().find(works).copied().filter(|_| action.applies(context))
    }
}

fn name(rebinding: &Rebinding) -> String {
    crate::text::truncate(&crate::text::sanitise(&rebinding.action), 40).into_owned()
}

fn read(rebinding: &Rebinding) -> Result<(Action, Vec<Key>), String> {
    let Some(action) = Action::find(&rebinding.action) else {
        let names = Action::ALL.iter().map(|action| action.name());
        let near = crate::text::suggest(&rebinding.action, names);
        let meant = near.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        return Err(format!("no such action{meant}"));
    };
    let keys = rebinding.keys.iter().map(|key| key.parse::<Key>().map_err(|error| error.to_string()));
    Ok((action, keys.collect::<Result<_, _>>()?))
}

fn share(one: Action, other: Action) -> bool {
    let contexts = [Context::Query, Context::List, Context::Text, Context::Picker];
    contexts.into_iter().any(|context| one.applies(context) && other.applies(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rebind(action: &str, keys: &[&str], line: usize) -> Rebinding {
        Rebinding {
            action: action.to_owned(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            line,
        }
    }

    #[test]
    fn every_default_key_can_be_read_and_none_is_given_twice() {
        let map = Keymap::default();
        for action in Action::ALL {
            assert_eq!(
                map.keys(*action).len(),
                action.default_keys().split(' ').count(),
                "{}",
                action.name()
            );
            assert!(!action.help().is_empty() && Action::find(action.name()) == Some(*action));
            for context in [Context::Query, Context::List, Context::Text, Context::Picker] {
                for key in map.keys(*action).iter().filter(|_| action.applies(context)) {
                    if !(context.types() && key.typed().is_some()) {
                        assert_eq!(map.action(*key, context), Some(*action), "{key} in {context:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn characters_are_typed_where_one_types() {
        let map = Keymap::default();
        let key = |text: &str| text.parse::<Key>().unwrap();
        assert_eq!(map.action(key("j"), Context::Query), None);
        assert_eq!(map.action(key("j"), Context::List), Some(Action::Down));
        assert_eq!(map.action(key("ctrl-u"), Context::Query), Some(Action::DeleteToStart));
        assert_eq!(map.action(key("ctrl-u"), Context::List), Some(Action::HalfUp));
    }

    #[test]
    fn a_rebound_key_is_taken_from_the_default_of_another() {
        let (map, problems) = Keymap::with(&[rebind("wide", &["c", "ctrl-y"], 3)]);
        assert_eq!(problems, Vec::<String>::new());
        let key = |text: &str| text.parse::<Key>().unwrap();
        assert_eq!(map.action(key("c"), Context::List), Some(Action::Wide));
        assert_eq!(map.action(key("w"), Context::List), None);
        assert!(map.keys(Action::CopyName).is_empty());
    }

    #[test]
    fn a_wrong_one_is_reported_with_its_line_and_the_default_stays() {
        let (map, problems) = Keymap::with(&[
            rebind("wid", &["x"], 3),
            rebind("wide", &["hyper-x"], 4),
            rebind("sort", &["z"], 5),
            rebind("facets", &["z"], 6),
        ]);
        assert_eq!(
            problems,
            [
                "keys, line 3: wid: no such action; did you mean wide?",
                "keys, line 4: wide: `hyper-x` is no key: write one character, or a name such as enter, ctrl-n, \
                 alt-p, shift-tab, space, f1",
                "keys, line 6: facets: z is bound to sort already",
            ]
        );
        assert_eq!(map.keys(Action::Wide), Keymap::default().keys(Action::Wide));
        assert_eq!(map.keys(Action::Facets), Keymap::default().keys(Action::Facets));
    }

    #[test]
    fn the_documentation_lists_every_key() {
        let mut table = String::new();
        for group in [Group::Query, Group::Move, Group::Object, Group::Show, Group::App] {
            table += &format!("### {}\n\n| key | what it does | action |\n|---|---|---|\n", group.title());
            for action in Action::ALL.iter().filter(|action| action.group() == group) {
                let keys: Vec<String> =
                    Keymap::default().keys(*action).iter().map(|key| format!("`{key}`")).collect();
                table += &format!("| {} | {} | `{}` |\n", keys.join(" "), action.help(), action.name());
            }
            table += "\n";
        }
        let written = include_str!("../../../docs/tui.md");
        assert!(written.contains(&table), "docs/tui.md has another table of keys than this:\n{table}");
    }
}
