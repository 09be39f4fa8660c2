//! Which arguments are words of the query and which are flags, decided before clap sees them.
//!
//! The rules (DESIGN section 7): a first word that is a command is the command; anything else is a query.
//! An argument that starts with `-` or `!`, is no known flag and contains `:`, `/` or `=`, or follows `--`, belongs to the query.
//! `-nteam` and `-ojson` are flags as in kubectl, `-name:web` and `-owner=x` belong to the query; no word of a
//! query starts with two dashes, so `--limt=5` is a mistyped flag.

use std::collections::HashMap;
use std::ffi::OsString;

use clap::{ArgAction, Command};

use crate::text::suggest;

/// Arguments as clap takes them: flags first, then `--` and the words of the query.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arranged {
    /// What clap parses, the program's name first.
    pub(super) args: Vec<OsString>,
    /// Remarks about arguments that may have been meant in another way.
    pub(super) hints: Vec<String>,
    /// A remark for the case that the query finds nothing: its first word is nearly a command.
    pub(super) if_nothing: Option<String>,
    /// An argument such as `-pod`, which as a flag is none: a word that was to be left out.
    pub(super) dashed: Option<String>,
    /// No command was named: on a terminal this opens the app.
    pub(super) implied: bool,
}

/// Arranges the arguments (program name first); `cli` is the whole command line's definition.
pub(super) fn arrange(cli: &Command, args: Vec<OsString>) -> Arranged {
    let mut cli = cli.clone();
    cli.build();
    let flags = Flags::of(&cli);
    let mut args = args.into_iter();
    let program = args.next().unwrap_or_else(|| "kubesift".into());
    let rest: Vec<OsString> = args.collect();
    let (before, first) = flags.leading(&rest);
    let named = first.filter(|(_, escaped)| !escaped).and_then(|(word, _)| cli.find_subcommand(word));
    let (command, after) = match named.map(Command::get_name) {
        Some("search") => (Some("search"), before + 1),
        Some(_) => (None, 0),
        None if first.is_some() || flags.ask_for_hits(&rest) => (Some("search"), before),
        None => (None, 0),
    };
    let Some(command) = command else {
        let args = std::iter::once(program).chain(rest).collect();
        return Arranged { args, implied: named.is_none(), ..Arranged::default() };
    };
    let mut arranged = Arranged { args: vec![program, command.into()], ..Arranged::default() };
    if named.is_none() {
        arranged.implied = true;
        arranged.if_nothing = first.and_then(|(word, escaped)| nearly_a_command(&cli, word, escaped));
    }
    let leading = rest.get(..before).unwrap_or_default();
    let trailing = rest.get(after..).unwrap_or_default();
    let mut words = Vec::new();
    flags.sort(leading.iter().chain(trailing), &mut arranged, &mut words);
    if !words.is_empty() {
        arranged.args.push("--".into());
        arranged.args.extend(words);
    }
    arranged
}

/// `help query`: the reference of the language, which is no command.
pub(super) fn asks_for_the_language(args: &[OsString]) -> bool {
    args.iter().skip(1).eq(["help", "query"])
}

/// The flags of a command, and whether each takes the next argument as its value.
struct Flags {
    long: HashMap<String, bool>,
    short: HashMap<char, bool>,
    /// Flags that a command without a query makes sense with: they say which objects are wanted.
    filters: Vec<String>,
}

/// What one argument is.
enum Argument {
    /// A flag; `true` when the next argument is its value.
    Flag(bool),
    Word,
    /// `--`
    Escape,
}

impl Flags {
    // `search` takes every flag that a query can stand beside; the global ones are propagated to it.
    fn of(cli: &Command) -> Self {
        let mut flags = Self { long: HashMap::new(), short: HashMap::new(), filters: Vec::new() };
        let globals: Vec<&str> = cli.get_arguments().map(|arg| arg.get_id().as_str()).collect();
        let Some(search) = cli.find_subcommand("search") else { return flags };
        for arg in search.get_arguments().filter(|arg| !arg.is_positional()) {
            let takes_next = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
                && !arg.is_require_equals_set();
            let longs = arg.get_long_and_visible_aliases().unwrap_or_default();
            let shorts = arg.get_short_and_visible_aliases().unwrap_or_default();
            if !globals.contains(&arg.get_id().as_str()) || arg.get_id() == "namespace" {
                flags.filters.extend(longs.iter().map(|long| format!("--{long}")));
                flags.filters.extend(shorts.iter().map(|short| format!("-{short}")));
            }
            flags.long.extend(longs.into_iter().map(|long| (long.to_owned(), takes_next)));
            flags.short.extend(shorts.into_iter().map(|short| (short, takes_next)));
        }
        flags
    }

    fn classify(&self, arg: &str) -> Argument {
        if arg == "--" {
            return Argument::Escape;
        }
        if let Some(long) = arg.strip_prefix("--") {
            return Argument::Flag(self.long.get(long).copied().unwrap_or(false));
        }
        let mut body = match arg.strip_prefix('-') {
            Some(body) if !body.is_empty() => body.chars(),
            _ => return Argument::Word,
        };
        let takes_next = body.next().and_then(|short| self.short.get(&short).copied());
        match (takes_next, body.next()) {
            (Some(takes_next), None) => Argument::Flag(takes_next),
            (Some(true), Some('=')) => Argument::Flag(false),
            _ if arg.contains([':', '/', '=']) => Argument::Word,
            _ => Argument::Flag(false),
        }
    }

    /// How many arguments stand before the first word, and that word (and whether it follows `--`).
    fn leading<'a>(&self, args: &'a [OsString]) -> (usize, Option<(&'a OsString, bool)>) {
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            match self.classify(&arg.to_string_lossy()) {
                Argument::Word => return (at, Some((arg, false))),
                Argument::Escape => return (at, args.get(at + 1).map(|word| (word, true))),
                Argument::Flag(takes_next) => at += 1 + usize::from(takes_next),
            }
        }
        (args.len(), None)
    }

    fn ask_for_hits(&self, args: &[OsString]) -> bool {
        args.iter().any(|arg| {
            let arg = arg.to_string_lossy();
            let name = arg.split('=').next().unwrap_or_default();
            self.filters.iter().any(|filter| filter == name)
        })
    }

    fn sort<'a>(
        &self,
        args: impl Iterator<Item = &'a OsString>,
        into: &mut Arranged,
        words: &mut Vec<OsString>,
    ) {
        let mut args = args.cloned();
        while let Some(arg) = args.next() {
            let text = arg.to_string_lossy().into_owned();
            match self.classify(&text) {
                Argument::Word => {
                    into.hints.extend(kubectl_habit(&text));
                    words.push(arg);
                }
                Argument::Escape => words.extend(args.by_ref()),
                Argument::Flag(takes_next) => {
                    if is_dashed_word(&text) {
                        into.dashed.get_or_insert(text);
                    }
                    into.args.push(arg);
                    into.args.extend(takes_next.then(|| args.next()).flatten());
                }
            }
        }
    }
}

fn is_dashed_word(arg: &str) -> bool {
    let word = arg.strip_prefix('-').unwrap_or_default();
    word.len() > 1 && word.starts_with(|c: char| c.is_ascii_alphanumeric())
}

// `kubesift statsu` is a search, as everything is that is no command.
fn nearly_a_command(cli: &Command, word: &OsString, escaped: bool) -> Option<String> {
    let word = word.to_str().filter(|_| !escaped)?;
    let near = suggest(word, cli.get_subcommands().map(Command::get_name))?;
    Some(format!("there is a command {near}: kubesift {near}"))
}

// kubectl reads `-lapp=web` as `-l app=web`; here it excludes a label `lapp`. Never silently.
fn kubectl_habit(word: &str) -> Option<String> {
    let selector = word.strip_prefix("-l")?;
    let label = selector.contains('=') && !selector.contains(':');
    label.then(|| {
        format!("{word} leaves out objects with the label {}; a selector is -l {selector}", &word[1..])
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::args::Cli;
    use super::*;

    fn arranged(line: &[&str]) -> String {
        let args = ["kubesift"].iter().chain(line).map(OsString::from).collect();
        let arranged = arrange(&Cli::command(), args);
        let shown: Vec<_> = arranged.args.iter().skip(1).map(|arg| arg.to_string_lossy()).collect();
        shown.join("|")
    }

    #[test]
    fn flags_and_words_are_told_apart() {
        for (line, expected) in [
            // words
            (&["search", "web", "api"][..], "search|--|web|api"),
            (&["search", "-kind:pod", "web"], "search|--|-kind:pod|web"),
            (&["search", "!web"], "search|--|!web"),
            (&["search", "!kind:pod", "-app=web", "-deploy/web"], "search|--|!kind:pod|-app=web|-deploy/web"),
            (&["search", "-"], "search|--|-"),
            (&["search", "web", "--", "-x", "--limit", "-n"], "search|--|web|-x|--limit|-n"),
            (&["search", "\"a b\""], "search|--|\"a b\""),
            // words that start as a short flag does
            (&["search", "-name:web"], "search|--|-name:web"),
            (&["search", "-ns:kube-system"], "search|--|-ns:kube-system"),
            (&["search", "-owner:deploy/web"], "search|--|-owner:deploy/web"),
            (&["search", "-label:app", "-level=3"], "search|--|-label:app|-level=3"),
            (&["search", "-/^web/", "@staging", "~databases"], "search|--|-/^web/|@staging|~databases"),
            (&["search", "/a|b/", "age<2h", "sort:-age"], "search|--|/a|b/|age<2h|sort:-age"),
            (&["search", "--namespace", "shop", "--selector=a=b"], "search|--namespace|shop|--selector=a=b"),
            (&["search", "web", "--watch"], "search|--watch|--|web"),
            // flags, wherever they stand
            (&["search", "web", "-n", "shop", "api"], "search|-n|shop|--|web|api"),
            (&["search", "web", "-o", "json", "--limit=5"], "search|-o|json|--limit=5|--|web"),
            (&["search", "-nshop", "-ojson", "-n=a", "-l=a=b"], "search|-nshop|-ojson|-n=a|-l=a=b"),
            (&["search", "-l", "app=web", "-A"], "search|-l|app=web|-A"),
            (&["search", "--context", "a/b:c", "web"], "search|--context|a/b:c|--|web"),
            (&["search", "--exact-upstream", "web"], "search|--exact-upstream|--|web"),
            // unknown flags stay flags, for clap to complain about
            (&["search", "--limt", "5"], "search|--limt|--|5"),
            (&["search", "--limt=5"], "search|--limt=5"),
            (&["search", "-x", "web"], "search|-x|--|web"),
        ] {
            assert_eq!(arranged(line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_first_word_that_is_a_command_is_the_command() {
        for (line, expected) in [
            (&["status"][..], "status"),
            (&["-n", "shop", "kinds", "cert"], "-n|shop|kinds|cert"),
            (&["--context", "status", "kinds"], "--context|status|kinds"),
            (&["config", "show", "-o", "json"], "config|show|-o|json"),
            (&["help", "search"], "help|search"),
            (&["-n", "shop", "search", "web"], "search|-n|shop|--|web"),
            (&["search", "status"], "search|--|status"),
        ] {
            assert_eq!(arranged(line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_reference_is_asked_for_by_two_words() {
        let asks = |line: &[&str]| {
            asks_for_the_language(&["kubesift"].iter().chain(line).map(OsString::from).collect::<Vec<_>>())
        };
        assert!(asks(&["help", "query"]));
        assert!(!asks(&["help"]) && !asks(&["help", "search"]) && !asks(&["search", "help", "query"]));
        assert_eq!(arranged(&["help", "query"]), "help|query");
    }

    #[test]
    fn everything_else_is_a_search() {
        for (line, expected) in [
            (&["web"][..], "search|--|web"),
            (&["--", "status"], "search|--|status"),
            (&["-n", "shop", "--", "status"], "search|-n|shop|--|status"),
            (&["web", "status"], "search|--|web|status"),
            (&["-kind:pod"], "search|--|-kind:pod"),
            (&["-l", "app=web"], "search|-l|app=web"),
            (&["-n", "shop"], "search|-n|shop"),
            (&["--offline", "web"], "search|--offline|--|web"),
            (&["web", "--help"], "search|--help|--|web"),
            // nothing to look for
            (&[], ""),
            (&["--help"], "--help"),
            (&["--version"], "--version"),
            (&["-v", "--context", "x"], "-v|--context|x"),
            (&["--"], "--"),
        ] {
            assert_eq!(arranged(line), expected, "{line:?}");
        }
    }

    #[test]
    fn a_word_that_is_nearly_a_command_is_searched_and_remembered() {
        let remark = |line: &[&str]| {
            let args = ["kubesift"].iter().chain(line).map(OsString::from).collect();
            arrange(&Cli::command(), args).if_nothing
        };
        assert_eq!(remark(&["statsu"]).as_deref(), Some("there is a command status: kubesift status"));
        for line in [&["status"][..], &["checkout"], &["--", "statsu"], &["search", "statsu"], &[]] {
            assert_eq!(remark(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_word_behind_a_dash_is_remembered() {
        let dashed = |line: &[&str]| {
            let args = ["kubesift"].iter().chain(line).map(OsString::from).collect();
            arrange(&Cli::command(), args).dashed
        };
        assert_eq!(dashed(&["search", "checkout", "-pod"]).as_deref(), Some("-pod"));
        for line in
            [&["search", "-x", "web"][..], &["search", "--pod"], &["search", "-kind:pod"], &["web", "-"]]
        {
            assert_eq!(dashed(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_selector_glued_to_its_flag_is_remarked() {
        let args = ["kubesift", "search", "-lapp=web"].map(OsString::from).to_vec();
        let hints = arrange(&Cli::command(), args).hints;
        assert_eq!(hints, ["-lapp=web leaves out objects with the label lapp=web; a selector is -l app=web"]);
        assert_eq!(kubectl_habit("-label:a=b"), None);
        assert_eq!(kubectl_habit("web"), None);
    }
}
