//! What every text that matches a pattern holds: how candidates are found in the index.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::index::terms::{SHORT, fold, fold_char};

/// Runs of one, two, three characters that may be read in more ways than these are no help: nearly every text has one.
const WAYS: [u32; SHORT] = [12, 150, 2_000];

/// What every text that matches holds, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing in particular.
    Anything,
    /// All of these texts; the first one at the start if so.
    Texts(Vec<String>, bool),
    /// One to three characters in a row, each of a set.
    Run(Vec<Set>),
    /// What one of these needs.
    One(Vec<Need>),
}

/// A set of folded characters: some of ASCII, and all others, which are rare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Set(u128);

impl Set {
    pub(crate) fn has(self, c: char) -> bool {
        !c.is_ascii() || self.0 >> u32::from(c) & 1 != 0
    }

    /// The first character of the set after an ASCII one that is not in it.
    pub(crate) fn after(self, c: char) -> char {
        let more = self.0.checked_shr(u32::from(c)).unwrap_or(0);
        char::from_u32(u32::from(c) + more.trailing_zeros()).filter(|_| more != 0).unwrap_or('\u{80}')
    }

    fn add(&mut self, c: char) {
        let folded = fold_char(c);
        if folded.is_ascii() {
            self.0 |= 1 << u32::from(folded);
        }
    }

    fn of(class: &Class) -> Self {
        let mut set = Self(0);
        let ranges: Vec<(char, char)> = match class {
            Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
            Class::Bytes(class) => {
                class.iter().map(|range| (range.start().into(), range.end().into())).collect()
            }
        };
        for (first, last) in ranges {
            (first..=last.min('\u{7f}')).for_each(|c| set.add(c));
            // the one character beyond ASCII that folds to one within
            if (first..=last).contains(&'\u{212a}') {
                set.add('k');
            }
        }
        set
    }
}

/// The needs of an expression. Read without regard to case: letters stay letters, and are folded.
pub(super) fn of_regex(source: &str) -> Need {
    regex_syntax::parse(source).map_or(Need::Anything, |hir| of(&hir))
}

fn of(hir: &Hir) -> Need {
    let (mut texts, mut choices) = (Vec::new(), Vec::new());
    collect(hir, &mut texts, &mut choices);
    texts.retain(|text| !text.is_empty());
    let run = best_run(hir);
    let is_long = |text: &String| text.chars().count() >= SHORT;
    match run {
        Some(run) if run.len() == SHORT && !texts.iter().any(is_long) => Need::Run(run),
        _ if !texts.is_empty() => Need::Texts(texts, false),
        run => choices.into_iter().next().or(run.map(Need::Run)).unwrap_or(Need::Anything),
    }
}

/// The texts that must be there, and the choices of which one must be.
fn collect(hir: &Hir, texts: &mut Vec<String>, choices: &mut Vec<Need>) {
    match hir.kind() {
        HirKind::Literal(literal) => texts.push(fold(&String::from_utf8_lossy(&literal.0))),
        HirKind::Capture(capture) => collect(&capture.sub, texts, choices),
        HirKind::Repetition(repetition) if repetition.min > 0 => collect(&repetition.sub, texts, choices),
        HirKind::Concat(all) => all.iter().for_each(|hir| collect(hir, texts, choices)),
        HirKind::Alternation(any) => {
            let needs: Vec<Need> = any.iter().map(of).collect();
            if !needs.contains(&Need::Anything) {
                choices.push(Need::One(needs));
            }
        }
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => {}
    }
}

/// Of all runs that every match has, the longest, and of these the one that can be read in the fewest ways.
fn best_run(hir: &Hir) -> Option<Vec<Set>> {
    let mut runs = Runs::default();
    runs.read(hir);
    runs.end();
    let windows = runs.done.iter().flat_map(|run| run.windows(run.len().min(SHORT)));
    let ways = |run: &[Set]| run.iter().map(|set| set.0.count_ones()).fold(1, u32::saturating_mul);
    let some = windows.filter(|run| run.len().checked_sub(1).is_some_and(|at| ways(run) <= WAYS[at]));
    some.max_by_key(|run| (run.len(), std::cmp::Reverse(ways(run)))).map(<[Set]>::to_vec)
}

/// Runs of characters that every match has.
#[derive(Default)]
struct Runs {
    done: Vec<Vec<Set>>,
    current: Vec<Set>,
}

impl Runs {
    fn end(&mut self) {
        if !self.current.is_empty() {
            self.done.push(std::mem::take(&mut self.current));
        }
    }

    fn read(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => {
                for c in String::from_utf8_lossy(&literal.0).chars() {
                    let mut set = Set(0);
                    set.add(c);
                    self.current.push(set);
                }
            }
            HirKind::Class(class) => self.current.push(Set::of(class)),
            HirKind::Capture(capture) => self.read(&capture.sub),
            HirKind::Concat(all) => all.iter().for_each(|hir| self.read(hir)),
            HirKind::Repetition(repetition) => {
                let times = repetition.min.min(SHORT as u32);
                (0..times).for_each(|_| self.read(&repetition.sub));
                if repetition.max != Some(times) {
                    self.end();
                }
            }
            HirKind::Alternation(_) => self.end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Need {
        Need::Texts(all.iter().map(|t| (*t).to_owned()).collect(), false)
    }

    fn run(sets: &[&str]) -> Need {
        let set = |chars: &&str| {
            let mut set = Set(0);
            chars.chars().for_each(|c| set.add(c));
            set
        };
        Need::Run(sets.iter().map(set).collect())
    }

    #[test]
    fn expressions_tell_what_every_match_holds() {
        assert_eq!(of_regex("web.*Api$"), texts(&["web", "api"]));
        assert_eq!(of_regex("(web)+-[0-9]"), texts(&["web", "-"]));
        assert_eq!(of_regex("traef|webs"), Need::One(vec![texts(&["traef"]), texts(&["webs"])]));
        assert_eq!(of_regex("traef|.*"), Need::Anything);
        assert_eq!(of_regex("xyz(a.*|b)w"), texts(&["xyz", "w"]), "what is always there is enough");
        assert_eq!(of_regex("a?b*[^cd]"), Need::Anything);
    }

    #[test]
    fn sets_in_a_row_are_a_run() {
        let digits = "0123456789";
        assert_eq!(of_regex("[0-9]{4}"), run(&[digits, digits, digits]));
        assert_eq!(of_regex("x.*-[0-9]{2}$"), run(&["-", digits, digits]), "more than a short text");
        assert_eq!(of_regex("[0-9]{2,}[a-c]"), run(&[digits, digits]), "what follows may be far");
        assert_eq!(of_regex("^[0-2][A-C]?"), run(&["012"]));
        assert_eq!(of_regex("x(a|b)y"), run(&["x", "ab", "y"]));
        assert_eq!(of_regex("a[bc](de)+"), run(&["bc", "d", "e"]));
        assert_eq!(of_regex("[a-z0-9]{3}"), Need::Anything, "nearly every text has one");
        assert_eq!(of_regex("[\u{212a}x]"), run(&["kx"]));
    }

    #[test]
    fn a_set_tells_where_to_go_on() {
        let mut set = Set(0);
        "048".chars().for_each(|c| set.add(c));
        assert!(set.has('4') && set.has('ä') && !set.has('5'));
        assert_eq!(
            [set.after('-'), set.after('1'), set.after('5'), set.after('9')],
            ['0', '4', '8', '\u{80}']
        );
    }
}
