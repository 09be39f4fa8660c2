//! The embedders behind one enum, as the worker calls them.

use super::{EmbedError, Local, Model, Remote};

/// What makes vectors.
#[derive(Debug)]
pub enum Embedder {
    /// The built-in model on ONNX Runtime.
    Local(Box<Local>),
    /// An endpoint with OpenAI's interface.
    OpenAi(Box<Remote>),
    /// Voyage's.
    Voyage(Box<Remote>),
    /// Words hashed into vectors: what tests use instead of a model.
    Hashed(super::hashed::Hashed),
}

impl Embedder {
    /// Its model.
    pub fn model(&self) -> Model {
        match self {
            Self::Local(_) => Local::model(),
            Self::OpenAi(remote) | Self::Voyage(remote) => remote.model(),
            Self::Hashed(hashed) => hashed.model(),
        }
    }

    /// What can be known of its being usable without using it.
    pub(super) fn check(&self) -> Result<(), EmbedError> {
        match self {
            Self::Local(local) => local.check(),
            Self::OpenAi(_) | Self::Voyage(_) => Ok(()),
            Self::Hashed(_) => Ok(()),
        }
    }

    /// How many texts to hand over at once. Small enough that a waiting question is answered soon.
    pub(super) fn batch(&self) -> usize {
        match self {
            Self::Local(_) => 4,
            Self::OpenAi(remote) | Self::Voyage(remote) => remote.batch(),
            Self::Hashed(_) => 4,
        }
    }

    /// Embeds texts, at most [`Embedder::batch`] of them: one vector per text, in their order. Blocks the calling
    /// thread where the model runs here.
    pub(super) async fn embed(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        match self {
            Self::Local(local) => texts.iter().map(|text| local.embed(text)).collect(),
            Self::OpenAi(remote) | Self::Voyage(remote) => remote.embed(texts).await,
            Self::Hashed(hashed) => hashed.embed(texts),
        }
    }
}
