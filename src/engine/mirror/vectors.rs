//! Vectors of documents, by their forms.

use crate::cluster::watch::describe;
use crate::document::{Document, Form, form};
use crate::embed::Vectors;
use crate::mirror::Vector;
use crate::mirror::source::{Embedder, SourceError};

/// Which vectors a collection holds; chosen once for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Chroma's own default model: any client can ask by text.
    Default,
    /// What upstream's agent asks with.
    ClusterWhisperer,
    /// Very short ones, which no name chooses: for a simulated world, where many are made and compared.
    Small,
}

impl Profile {
    /// The names.
    pub const NAMES: [&str; 2] = ["default", "cluster-whisperer"];

    /// By name.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "default" => Some(Self::Default),
            "cluster-whisperer" => Some(Self::ClusterWhisperer),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::ClusterWhisperer => "cluster-whisperer",
            Self::Small => "small",
        }
    }

    /// The model's name.
    pub fn model(self) -> &'static str {
        match self {
            Self::Default => "all-MiniLM-L6-v2",
            Self::ClusterWhisperer => "voyage-4",
            Self::Small => "hashed",
        }
    }

    /// The length of its vectors.
    pub fn dimension(self) -> usize {
        match self {
            Self::Default => 384,
            Self::ClusterWhisperer => 1_024,
            Self::Small => 8,
        }
    }
}

/// The vectors of one profile.
pub(super) struct FormVectors {
    profile: Profile,
    vectors: Option<Vectors>,
}

impl FormVectors {
    pub(super) fn new(profile: Profile, vectors: Option<Vectors>) -> Self {
        Self { profile, vectors }
    }
}

impl Embedder for FormVectors {
    fn model(&self) -> String {
        self.profile.model().to_owned()
    }

    fn dimension(&self) -> usize {
        self.profile.dimension()
    }

    fn form(&self, document: &Document) -> u64 {
        // Half of a hash that is wide enough against crafted forms; here it is compared with the object's own past.
        form(document).hash().0 as u64
    }

    fn at_hand(&self, document: &Document) -> Option<Vector> {
        self.vectors.as_ref()?.cached(&form(document))
    }

    async fn vectors(&self, documents: &[Document]) -> Result<Vec<Vector>, SourceError> {
        let Some(vectors) = &self.vectors else {
            return Err(SourceError("this run has no embedder".to_owned()));
        };
        let forms: Vec<Form> = documents.iter().map(form).collect();
        let made = vectors.obtain(&forms).await.map_err(|error| {
            let advice = error.advice().map(|advice| format!(" ({advice})")).unwrap_or_default();
            SourceError(format!("documents can't be embedded: {}{advice}", describe(&error)))
        })?;
        match made.iter().find(|vector| vector.len() != self.profile.dimension()) {
            Some(odd) => Err(SourceError(format!("the embedder makes vectors of {} dimensions", odd.len()))),
            None => Ok(made),
        }
    }
}
