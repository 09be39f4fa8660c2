//! The form of a document: its meaning without its generated parts. Forms are what is embedded, so that ten thousand
//! Pods of some hundred applications cost some hundred vectors. The document's `text` is another thing and never
//! changes.
//!
//! `Pod checkout-api-7d9f8b6c5d-x7k2p` with the labels `app.kubernetes.io/name=checkout` and
//! `app.kubernetes.io/component=backend` becomes `Pod checkout api, backend`. In order:
//!
//! 1. the kind, split at capitals (`StatefulSet`: `Stateful Set`), and the words of a custom resource's group
//!    (`postgresql.cnpg.io`: `postgresql cnpg`), because `Cluster` alone does not say of what;
//! 2. the name without generated parts (the rules stand in [`name`]), split at everything that is no letter or digit;
//! 3. the values of the name and component labels ([`LABELS`]), as far as they say something new;
//! 4. the description annotations, without identifiers. What was redacted stays out.
//!
//! Namespace, other labels and ages are left out: queries filter by them, and every value would make another form.

mod name;
mod segment;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Document, REDACTED};

/// Labels that name an application or its part; Kubernetes' recommended ones first, then what came before them.
pub const LABELS: [&str; 7] =
    ["app.kubernetes.io/name", "app.kubernetes.io/component", "app", "k8s-app", "name", "component", "tier"];

/// Longest form in bytes: models for sentences read some 256 word pieces, which is about 1 KiB.
const LONGEST: usize = 1024;

/// What of a document is embedded. Two documents with the same meaning have equal forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    text: Arc<str>,
    hash: FormHash,
}

/// Hash of a form's text: the same on every machine and in every version with the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FormHash(pub u128);

impl Form {
    /// A form with this text.
    pub fn new(text: &str) -> Self {
        // SHA-256 for the same reason as in keys: nobody may craft two texts that share a vector.
        let digest = Sha256::digest(text.as_bytes());
        let hash = digest.iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte));
        Self { text: text.into(), hash: FormHash(hash) }
    }

    /// The text to embed; never empty unless kind and name both are.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What its vector is kept under.
    pub fn hash(&self) -> FormHash {
        self.hash
    }
}

/// The form of a document. Pure; the rules are told at the top of this module.
pub fn form(document: &Document) -> Form {
    let metadata = &document.metadata;
    let mut text = words::Words::default();
    text.add(&metadata.kind);
    words::group(&metadata.api_group).for_each(|label| text.add_new(label));
    text.add(&name::stripped(&metadata.kind, &metadata.name, &document.local));
    if text.is_empty() {
        // Only a kind without a name gets here: an identifier says more than nothing.
        text.add(&metadata.name);
    }
    text.separate(", ");
    for label in LABELS {
        if let Some(value) = document.local.labels.get(label) {
            text.add_new(&segment::stripped(value));
        }
    }
    let mut text = text.finish();
    for description in descriptions(document) {
        if !text.is_empty() {
            text.push_str(". ");
        }
        text.push_str(&description);
    }
    text.truncate(text.floor_char_boundary(LONGEST));
    Form::new(text.trim_end())
}

fn descriptions(document: &Document) -> impl Iterator<Item = String> {
    let annotations = document.local.annotations.iter();
    let described = annotations.filter(|(key, value)| super::map::is_description(key) && *value != REDACTED);
    described.map(|(_, value)| words::prose(value)).filter(|text| !text.is_empty())
}
