//! Vectors of documents that share a form: identical ones damage a store's vector index (right form first in 75 to
//! 92 % of queries on Chroma), so each document's is moved a little, always by the same amount for the same id.

use xxhash_rust::xxh3::xxh3_64;

use super::store::Vector;

/// Length of the offset, of a vector of length 1. Chosen by measurement: see `docs/mirror.md`.
pub const OFFSET: f32 = 0.05;
/// Counts changes of forms and offset: records with vectors of another version are written anew.
pub const VECTORS_VERSION: i64 = 1;

/// The vector of the document `id`: that of its form plus a fixed offset derived from the id, of length 1 again.
pub fn moved(vector: &[f32], id: &str) -> Vector {
    moved_by(vector, id, OFFSET)
}

/// [`moved`] with another length of the offset.
pub fn moved_by(vector: &[f32], id: &str, length: f32) -> Vector {
    let mut state = xxh3_64(id.as_bytes());
    let offset: Vec<f32> = vector.iter().map(|_| next(&mut state)).collect();
    let scale = length * norm(vector) / norm(&offset).max(f32::MIN_POSITIVE);
    let sum: Vec<f32> = vector.iter().zip(&offset).map(|(own, offset)| own + offset * scale).collect();
    let norm = norm(&sum).max(f32::MIN_POSITIVE);
    sum.into_iter().map(|number| number / norm).collect()
}

/// splitmix64, as a number from -1 to 1.
fn next(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    // 24 bits are what an f32 holds exactly.
    (z >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}

fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|number| number * number).sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>() / (norm(a) * norm(b))
    }

    #[test]
    fn an_offset_is_small_distinct_and_always_the_same() {
        let mut form = vec![0.0; 384];
        form[7] = 1.0;
        let [a, again, b] = ["a/v1/Pod/x-1", "a/v1/Pod/x-1", "a/v1/Pod/x-2"].map(|id| moved(&form, id));
        assert_eq!(a, again);
        assert_ne!(a, b);
        for moved in [&a, &b] {
            assert!((norm(moved) - 1.0).abs() < 1e-5);
            assert!(cosine(moved, &form) > 0.998, "{}", cosine(moved, &form));
        }
        assert!(cosine(&a, &b) < 0.9995);
        // Other machines must make the same numbers.
        assert_eq!(a[..2].iter().map(|n| (n * 1e6).round()).collect::<Vec<_>>(), [1_758.0, -2_319.0]);
    }
}
