//! Which model a vector comes from: vectors of different models can't be compared, so each has a file of its own.

use sha2::{Digest, Sha256};

/// Identity of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name for people and endpoints, e.g. `all-MiniLM-L6-v2` or `voyage-4`.
    pub name: String,
    /// Length of its vectors.
    pub dimensions: usize,
    /// Where it runs: `local`, or the endpoint's URL. Two places may have different models of one name.
    pub place: String,
}

impl Model {
    /// Name of the file with its vectors, unique to name, dimensions and place: `vectors-voyage-4-1f0c3d2a`.
    pub fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let name: String = self.name.chars().map(plain).take(40).collect();
        let identity = format!("{}\n{}\n{}", self.name, self.dimensions, self.place);
        let digest = Sha256::digest(identity.as_bytes());
        let tag: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("vectors-{name}-{tag}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_differ_have_files_of_their_own() {
        let model = |name: &str, dimensions, place: &str| {
            Model { name: name.to_owned(), dimensions, place: place.to_owned() }.file_name()
        };
        let local = model("all-MiniLM-L6-v2", 384, "local");
        assert!(local.starts_with("vectors-all-MiniLM-L6-v2-"), "{local}");
        assert_ne!(local, model("all-MiniLM-L6-v2", 384, "https://models.example"));
        assert_ne!(local, model("all-MiniLM-L6-v2", 256, "local"));
        let strange = model("../org/model:latest", 3, "local");
        assert!(!strange.contains('/') && !strange.contains(':'), "{strange}");
    }
}
