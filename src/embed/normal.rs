//! Checks of what an embedder gave: one vector per text, of the right length, finite, and then of length 1.

use super::{EmbedError, Model, Vector};

/// Takes over the vectors of `texts` texts.
pub(super) fn accept(model: &Model, texts: usize, made: Vec<Vec<f32>>) -> Result<Vec<Vector>, EmbedError> {
    if made.len() != texts {
        return Err(EmbedError::Answer {
            model: model.name.clone(),
            reason: format!("{} vectors for {texts} texts", made.len()),
        });
    }
    made.into_iter().map(|vector| normalised(model, vector)).collect()
}

fn normalised(model: &Model, mut vector: Vec<f32>) -> Result<Vector, EmbedError> {
    let wrong = |reason: String| EmbedError::Answer { model: model.name.clone(), reason };
    if vector.len() != model.dimensions {
        return Err(wrong(format!("a vector of {} numbers instead of {}", vector.len(), model.dimensions)));
    }
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length < f64::from(f32::MIN_POSITIVE) {
        return Err(wrong("a vector without a direction".to_owned()));
    }
    vector.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    Ok(vector.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model { name: "m".to_owned(), dimensions: 2, place: "local".to_owned() }
    }

    #[test]
    fn vectors_get_length_one() {
        let made = accept(&model(), 1, vec![vec![3.0, 4.0]]).unwrap();
        assert_eq!(&*made[0], [0.6, 0.8]);
        let huge = accept(&model(), 1, vec![vec![f32::MAX, 0.0]]).unwrap();
        assert_eq!(&*huge[0], [1.0, 0.0]);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let reason = |made| match accept(&model(), 1, made) {
            Err(EmbedError::Answer { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(vec![]), "0 vectors for 1 texts");
        assert_eq!(reason(vec![vec![1.0, 0.0]; 2]), "2 vectors for 1 texts");
        assert_eq!(reason(vec![vec![1.0]]), "a vector of 1 numbers instead of 2");
        for useless in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0]] {
            assert_eq!(reason(vec![useless.to_vec()]), "a vector without a direction");
        }
    }
}
