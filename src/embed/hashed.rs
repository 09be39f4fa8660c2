//! A deterministic stand-in for a model, for tests here and in the layers below.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::{EmbedError, Model};

/// What the next call of [`Hashed`] does instead of answering.
#[derive(Debug)]
pub enum Fault {
    /// Fails as a remote one would.
    Fail,
    /// Gives one vector less.
    TooFew,
}

/// A stand-in for a model: every word adds its hash's direction. Texts with common words come out close.
#[derive(Debug, Clone, Default)]
pub struct Hashed {
    seen: Arc<Mutex<Vec<String>>>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl Hashed {
    /// Its model, 16 dimensions.
    pub fn model(&self) -> Model {
        Model { name: "hashed".to_owned(), dimensions: 16, place: "test".to_owned() }
    }

    /// One vector per text.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.seen.lock().unwrap().extend(texts.iter().map(|text| (*text).to_owned()));
        let mut made: Vec<Vec<f32>> = texts.iter().map(|text| direction(text)).collect();
        match self.faults.lock().unwrap().pop_front() {
            None => {}
            Some(Fault::Fail) => return Err(EmbedError::Inference { reason: "told to".to_owned() }),
            Some(Fault::TooFew) => drop(made.pop()),
        }
        Ok(made)
    }

    /// Texts that were embedded, in order.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Has the next call go wrong; several queue up.
    pub fn fail(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }
}

fn direction(text: &str) -> Vec<f32> {
    let mut sum = vec![0.01; 16];
    for word in text.split_whitespace() {
        let hash = xxhash_rust::xxh3::xxh3_128(word.as_bytes()).to_le_bytes();
        sum.iter_mut().zip(hash).for_each(|(sum, byte)| *sum += f32::from(byte) - 127.5);
    }
    sum
}
