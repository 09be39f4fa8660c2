//! How far a word is from the start of a text, by letters added, left out, replaced, or swapped with a neighbour.
//!
//! All distances for one letter of the text are one column of a table, and neighbours in it differ by at most one: two
//! machine words hold a column, and some ten instructions make the next one (Hyyrö, "A bit-vector algorithm for
//! computing Levenshtein and Damerau edit distances", 2003).

/// A word of at most 64 letters, ready to be compared.
#[derive(Debug, Clone)]
pub(crate) struct Letters {
    /// For each ASCII letter, the places where the word has it.
    ascii: Box<[u64; 128]>,
    /// The same for all other letters of the word.
    others: Vec<(char, u64)>,
    len: usize,
}

impl Letters {
    pub(crate) fn new(word: &[char]) -> Self {
        let mut letters = Self { ascii: Box::new([0; 128]), others: Vec::new(), len: word.len() };
        for (at, letter) in word.iter().enumerate() {
            let place = 1u64 << at;
            if let Some(places) = letters.ascii.get_mut(*letter as usize) {
                *places |= place;
            } else if let Some((_, places)) = letters.others.iter_mut().find(|(other, _)| other == letter) {
                *places |= place;
            } else {
                letters.others.push((*letter, place));
            }
        }
        letters
    }

    fn places(&self, letter: char) -> u64 {
        let other =
            || self.others.iter().find(|(other, _)| *other == letter).map_or(0, |(_, places)| *places);
        self.ascii.get(letter as usize).copied().unwrap_or_else(other)
    }

    /// The word beside an empty text.
    pub(crate) fn column(&self) -> Column<'_> {
        Column { letters: self, above: u64::MAX, below: 0, alike: 0, places: 0, distance: self.len }
    }
}

/// The word beside the start of a text.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    letters: &'a Letters,
    /// Places where the distance is one more, and one less, than at the place before.
    above: u64,
    below: u64,
    /// Places where the last letter cost nothing.
    alike: u64,
    /// Places of the last letter in the word.
    places: u64,
    distance: usize,
}

impl Column<'_> {
    /// The distance of the whole word from the text that ends with this letter.
    pub(crate) fn next(&mut self, letter: char) -> usize {
        let places = self.letters.places(letter);
        let swapped = ((!self.alike & places) << 1) & self.places;
        let (above, below) = (self.above, self.below);
        let alike = ((places & above).wrapping_add(above) ^ above) | places | below | swapped;
        let more = below | !(alike | above);
        let less = alike & above;
        let last = 1u64 << (self.letters.len.max(1) - 1);
        self.distance += usize::from(more & last != 0);
        self.distance -= usize::from(less & last != 0);
        let more = more << 1 | 1;
        self.above = less << 1 | !(alike | more);
        self.below = more & alike;
        (self.alike, self.places) = (alike, places);
        self.distance
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The table itself, letter by letter.
    fn plain(word: &[char], text: &[char]) -> Vec<usize> {
        let mut table = vec![vec![0; text.len() + 1]; word.len() + 1];
        for i in 0..=word.len() {
            for j in 0..=text.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let replaced = table[i - 1][j - 1] + usize::from(word[i - 1] != text[j - 1]);
                    let swapped = i > 1 && j > 1 && word[i - 1] == text[j - 2] && word[i - 2] == text[j - 1];
                    let best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    if swapped { best.min(table[i - 2][j - 2] + 1) } else { best }
                };
            }
        }
        table[word.len()].clone()
    }

    proptest! {
        #[test]
        fn distances_are_those_of_the_table(word in "[abcä-]{1,20}", text in "[abcäö-]{0,30}") {
            let (word, text): (Vec<char>, Vec<char>) = (word.chars().collect(), text.chars().collect());
            let letters = Letters::new(&word);
            let mut column = letters.column();
            let found: Vec<usize> = text.iter().map(|letter| column.next(*letter)).collect();
            prop_assert_eq!(&found, &plain(&word, &text)[1..]);
        }
    }

    #[test]
    fn the_longest_word_fits() {
        let word: Vec<char> = "ab".repeat(32).chars().collect();
        let letters = Letters::new(&word);
        let mut column = letters.column();
        assert_eq!(word.iter().map(|letter| column.next(*letter)).last(), Some(0));
    }
}
