//! A deterministic stand-in for a model: for tests, and for worlds that are played in one thread.

#[cfg(test)]
use std::collections::VecDeque;
#[cfg(test)]
use std::sync::{Arc, Mutex};

use super::{EmbedError, Model};

/// Directions that one hash of a word gives.
const BLOCK: usize = 16;

/// What the next call of [`Hashed`] does instead of answering.
#[cfg(test)]
#[derive(Debug)]
pub enum Fault {
    /// Fails as a remote one would.
    Fail,
    /// Gives one vector less.
    TooFew,
}

/// A stand-in for a model: every word adds its hash's direction. Texts with common words come out close.
#[derive(Debug, Clone)]
pub struct Hashed {
    model: Model,
    #[cfg(test)]
    seen: Arc<Mutex<Vec<String>>>,
    #[cfg(test)]
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl Default for Hashed {
    /// Of 16 dimensions.
    fn default() -> Self {
        Self::of(Model { name: "hashed".to_owned(), dimensions: BLOCK, place: "test".to_owned() })
    }
}

impl Hashed {
    /// Stands in for this model.
    pub fn of(model: Model) -> Self {
        Self {
            model,
            #[cfg(test)]
            seen: Arc::default(),
            #[cfg(test)]
            faults: Arc::default(),
        }
    }

    /// The model that it stands in for.
    pub fn model(&self) -> Model {
        self.model.clone()
    }

    /// One vector per text.
    ///
    /// # Errors
    /// Only those that a test asked for.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        #[cfg_attr(not(test), expect(unused_mut, reason = "faults take from it"))]
        let mut made: Vec<Vec<f32>> = texts.iter().map(|text| self.direction(text)).collect();
        #[cfg(test)]
        {
            self.seen.lock().unwrap().extend(texts.iter().map(|text| (*text).to_owned()));
            match self.faults.lock().unwrap().pop_front() {
                None => {}
                Some(Fault::Fail) => return Err(EmbedError::Inference { reason: "told to".to_owned() }),
                Some(Fault::TooFew) => drop(made.pop()),
            }
        }
        Ok(made)
    }

    /// Texts that were embedded, in order.
    #[cfg(test)]
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Has the next call go wrong; several queue up.
    #[cfg(test)]
    pub fn fail(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }

    fn direction(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.01; self.model.dimensions];
        for word in text.split_whitespace() {
            for (block, sum) in sum.chunks_mut(BLOCK).enumerate() {
                let hash = xxhash_rust::xxh3::xxh3_128_with_seed(word.as_bytes(), block as u64).to_le_bytes();
                sum.iter_mut().zip(hash).for_each(|(sum, byte)| *sum += f32::from(byte) - 127.5);
            }
        }
        sum
    }
}
