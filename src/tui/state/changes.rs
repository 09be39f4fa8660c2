//! Two states of a text: which lines of the newer one are new, and where the older one's lines are now.

use std::collections::HashSet;

/// Lines are compared pairwise up to so many pairs; beyond that only whether a line was there before.
const MOST_PAIRS: usize = 1 << 20;

/// What became of the lines of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Lines of the newer text that the older one has not, ascending.
    pub(crate) changed: Vec<usize>,
    /// Lines that both begin with.
    prefix: usize,
    /// Where the lines begin that both end with: in the older, in the newer text.
    suffix: (usize, usize),
    /// Lines between that both have, ascending: of the older, of the newer text.
    kept: Vec<(usize, usize)>,
}

impl Difference {
    /// Compares.
    pub(crate) fn new(older: &str, newer: &str) -> Self {
        let (older, newer): (Vec<&str>, Vec<&str>) = (older.lines().collect(), newer.lines().collect());
        let same = |(a, b): &(&&str, &&str)| a == b;
        let prefix = older.iter().zip(&newer).take_while(same).count();
        let (a, b) = (&older[prefix..], &newer[prefix..]);
        let tail = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
        let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
        let kept = if a.len().saturating_mul(b.len()) <= MOST_PAIRS { common(a, b) } else { Vec::new() };
        let changed = if kept.is_empty() {
            let before: HashSet<&str> = a.iter().copied().collect();
            let is_new = |(_, line): &(usize, &&str)| !before.contains(**line);
            b.iter().enumerate().filter(is_new).map(|(nth, _)| prefix + nth).collect()
        } else {
            let kept: HashSet<usize> = kept.iter().map(|(_, new)| *new).collect();
            (0..b.len()).filter(|nth| !kept.contains(nth)).map(|nth| prefix + nth).collect()
        };
        let kept = kept.into_iter().map(|(old, new)| (prefix + old, prefix + new)).collect();
        Self { changed, prefix, suffix: (older.len() - tail, newer.len() - tail), kept }
    }

    /// Where a line of the older text is now, or would be.
    pub(crate) fn follow(&self, line: usize) -> usize {
        let (old_end, new_end) = self.suffix;
        if line < self.prefix {
            return line;
        }
        if line >= old_end {
            return line - old_end + new_end;
        }
        let before = self.kept.iter().rev().find(|(old, _)| *old <= line);
        let (old, new) = before.copied().unwrap_or((self.prefix, self.prefix));
        (new + line - old).min(new_end)
    }
}

/// What became of the rows of a text, some of whose lines take several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// The same of its lines.
    pub(crate) difference: Difference,
    /// The row in which each line begins, and at last how many rows there are: of the older text.
    pub(crate) older: Vec<usize>,
    /// Of the newer one.
    pub(crate) newer: Vec<usize>,
}

impl Moved {
    /// Where a row of the older text is now; rows below the text stay below it.
    pub(crate) fn follow(&self, row: usize) -> usize {
        let end = |starts: &[usize]| starts.last().copied().unwrap_or_default();
        let (older, newer) = (end(&self.older), end(&self.newer));
        if row >= older {
            return row - older + newer;
        }
        let line = self.older.partition_point(|start| *start <= row).saturating_sub(1);
        let within = row - self.older.get(line).copied().unwrap_or_default();
        let to = self.difference.follow(line);
        let start = self.newer.get(to).copied().unwrap_or(newer);
        let next = self.newer.get(to + 1).copied().unwrap_or(newer);
        start + within.min(next.saturating_sub(start + 1))
    }
}

// The longest common subsequence, as pairs of lines.
fn common(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    let width = b.len() + 1;
    let mut longest = vec![0u32; (a.len() + 1) * width];
    for (i, line) in a.iter().enumerate().rev() {
        for (j, other) in b.iter().enumerate().rev() {
            longest[i * width + j] = match line == other {
                true => longest[(i + 1) * width + j + 1] + 1,
                false => longest[(i + 1) * width + j].max(longest[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn changed_and_added_lines_are_named_and_others_are_found_again() {
        let old =
            "kind: Pod\nmetadata:\n  name: a\n  version: 7\nstatus:\n  phase: Pending\n  ready: no\nend";
        let new = "kind: Pod\nmetadata:\n  labels:\n    app: web\n  name: a\n  version: 8\nstatus:\n  phase: Running\n  ready: no\nend";
        let difference = Difference::new(old, new);
        assert_eq!(difference.changed, [2, 3, 5, 7]);
        assert_eq!([0, 1, 2, 3, 4, 6, 7, 9].map(|line| difference.follow(line)), [0, 1, 4, 5, 6, 8, 9, 11]);
        assert_eq!(Difference::new(old, old).changed, Vec::<usize>::new());
        assert_eq!(Difference::new("", "a\nb").changed, [0, 1]);
        assert_eq!(Difference::new("a\nb\nc", "").follow(1), 0);
    }

    #[test]
    fn rows_of_long_lines_are_followed_within_them() {
        let difference = Difference::new("a\nlong\nb", "new\na\nlong\nb");
        let moved = Moved { difference, older: vec![0, 1, 4, 5], newer: vec![0, 2, 3, 6, 7] };
        let rows = [0, 1, 2, 3, 4, 5, 9].map(|row| moved.follow(row));
        assert_eq!(rows, [2, 3, 4, 5, 6, 7, 11]);
    }

    #[test]
    fn texts_too_long_to_be_compared_pairwise_are_compared_all_the_same() {
        let text = |from: usize| (from..from + 2_000).map(|nth| format!("line {nth}\n")).collect::<String>();
        let difference = Difference::new(&text(0), &format!("new\n{}", text(1)));
        assert!(difference.changed.contains(&0) && difference.changed.len() <= 2, "{:?}", difference.changed);
    }

    proptest! {
        #[test]
        fn a_line_that_is_followed_within_what_is_kept_says_the_same(old in "[abc\n]{0,40}", new in "[abc\n]{0,40}") {
            let difference = Difference::new(&old, &new);
            let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
            for (a, b) in &difference.kept {
                prop_assert_eq!(old[*a], new[*b]);
                prop_assert_eq!(difference.follow(*a), *b);
            }
            for line in 0..old.len() {
                prop_assert!(difference.follow(line) <= new.len());
            }
            for line in &difference.changed {
                prop_assert!(*line < new.len());
            }
        }
    }
}
