//! Words for a model that reads sentences: split at capitals and at whatever is no letter or digit.

use super::segment;

/// Groups of Kubernetes itself: their kinds say enough.
const BUILT_IN: [&str; 5] = ["", "apps", "batch", "autoscaling", "policy"];

/// Collects words, each of them once where asked to.
#[derive(Default)]
pub(super) struct Words {
    text: String,
    /// What goes before the next word.
    separator: &'static str,
}

impl Words {
    /// Adds the words of an identifier.
    pub(super) fn add(&mut self, identifier: &str) {
        split(identifier).for_each(|word| self.push(word));
    }

    /// Adds those words that are not there yet.
    pub(super) fn add_new(&mut self, identifier: &str) {
        for word in split(identifier) {
            let mut known = self.text.split([' ', ',']);
            if !known.any(|known| known.eq_ignore_ascii_case(word)) {
                self.push(word);
            }
        }
    }

    /// Sets off what follows, once.
    pub(super) fn separate(&mut self, separator: &'static str) {
        self.separator = separator;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn push(&mut self, word: &str) {
        if !self.text.is_empty() {
            self.text.push_str(if self.separator.is_empty() { " " } else { self.separator });
            self.separator = "";
        }
        self.text.push_str(word);
    }
}

/// `HTTPRoute` is `HTTP` and `Route`, `checkout-api.v2` is `checkout`, `api` and `v2`.
fn split(identifier: &str) -> impl Iterator<Item = &str> {
    let runs = identifier.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty());
    runs.flat_map(at_capitals)
}

fn at_capitals(run: &str) -> impl Iterator<Item = &str> {
    let mut rest = run;
    std::iter::from_fn(move || {
        let end = first_word(rest);
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Where the first word ends: before a capital that follows a small letter or digit (`statefulSet`), or that begins
/// a word after an abbreviation (`HTTPRoute`).
fn first_word(run: &str) -> usize {
    let mut before: Option<char> = None;
    let mut chars = run.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_is_small = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
        let begins = before.is_some_and(|before| {
            c.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_small))
        });
        if begins && !is_plural_abbreviation(run, at) {
            return at;
        }
        before = Some(c);
    }
    run.len()
}

/// `CRDs`, `APIs`: the small `s` is all that follows.
fn is_plural_abbreviation(run: &str, at: usize) -> bool {
    run[at..].chars().skip(1).eq(['s'])
}

/// The labels of a custom resource's API group that mean something: all but the last, which is a top-level domain.
pub(super) fn group(group: &str) -> impl Iterator<Item = &str> {
    let own = BUILT_IN.contains(&group) || group.ends_with(".k8s.io");
    let named = group.rsplit_once('.').map_or(group, |(labels, _)| labels);
    named.split('.').filter(move |_| !own)
}

/// A description on one line, without UUIDs, digests and times.
pub(super) fn prose(text: &str) -> String {
    let kept = text.split_whitespace().filter(|word| !is_identifier(word));
    kept.collect::<Vec<_>>().join(" ")
}

fn is_identifier(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    !bare.is_empty() && (segment::stripped(bare).is_empty() || is_time(bare))
}

/// `2026-01-31T10:00:00Z`.
fn is_time(word: &str) -> bool {
    let date = word.as_bytes();
    date.len() > 10
        && date[..4].iter().all(u8::is_ascii_digit)
        && (date[4], date[7], date[10].to_ascii_uppercase()) == (b'-', b'-', b'T')
}
