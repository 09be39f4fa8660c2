//! "Did you mean".

/// Longer words are nobody's typing mistake, and the comparison is quadratic.
const LONGEST: usize = 64;

/// The candidate nearest to a mistyped word, if one is near enough: one edit for up to five letters, two up to
/// eight, three above; a swap of neighbours counts once; letter case does not count. The first of equals wins.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let letters = word.chars().count();
    if !(2..=LONGEST).contains(&letters) {
        return None;
    }
    let allowed = (letters / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(letters) <= allowed)
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 5] = ["kind", "namespace", "name", "label", "deployments"];

    #[test]
    fn near_misses_find_their_word() {
        for (typed, meant) in
            [("knd", "kind"), ("lable", "label"), ("NAME", "name"), ("deploymets", "deployments")]
        {
            assert_eq!(suggest(typed, WORDS), Some(meant));
        }
    }

    #[test]
    fn far_short_and_huge_words_find_nothing() {
        for typed in ["system", "x", "", "checkout"] {
            assert_eq!(suggest(typed, WORDS), None, "{typed}");
        }
        assert_eq!(suggest(&"name".repeat(1000), WORDS), None);
        assert_eq!(suggest("kind", []), None);
    }
}
