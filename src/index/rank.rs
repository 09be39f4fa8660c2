//! The order of documents among equal scores, in one number.

use std::ops::Range;

/// The bits of creation times in a rank: good until the year 36,000.
const TIME: Range<i64> = 0..1 << 40;

/// Names of so many characters and more rank alike.
pub(super) const LENGTH: usize = 0xffff;

/// Order among equal scores, smaller first: fewer characters of the name, then newer; unknown age is oldest.
pub(crate) fn rank(name: &str, created: Option<i64>) -> u64 {
    let length = name.chars().count().min(LENGTH) as u64;
    let created = created.unwrap_or(TIME.start).clamp(TIME.start, TIME.end - 1);
    length << 40 | (TIME.end - 1 - created) as u64
}

/// The creation time in a [`rank`]; objects of 1970 and earlier have none.
pub(super) fn created(rank: u64) -> Option<i64> {
    let age = (rank & (TIME.end - 1) as u64) as i64;
    Some(TIME.end - 1 - age).filter(|created| *created > TIME.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_names_rank_first_and_newer_ones_among_equals() {
        assert!(rank("ab", None) < rank("abc", Some(9_999_999_999)));
        assert!(rank("ab", Some(2)) < rank("ab", Some(1)));
        assert!(rank("ab", Some(1)) < rank("ab", None));
        assert!(rank("ää", Some(1)) == rank("ab", Some(1)));
        assert_eq!(created(rank("web", Some(1_700_000_000))), Some(1_700_000_000));
        assert_eq!(created(rank("web", None)), None);
    }
}
