//! Voyage AI. Documents and questions are embedded alike, as upstream does: no input type is sent.

use super::remote::{Provider, Remote, RemoteOptions};
use super::{EmbedError, Embedder};

/// The environment variable with the key.
pub const VARIABLE: &str = "VOYAGE_API_KEY";

static PROVIDER: Provider = Provider {
    url: "https://api.voyageai.com/v1",
    model: "voyage-4",
    lengths: &[
        ("voyage-4", 1024),
        ("voyage-4-large", 1024),
        ("voyage-4-lite", 1024),
        ("voyage-3.5", 1024),
        ("voyage-3.5-lite", 1024),
        ("voyage-3-large", 1024),
    ],
    dimensions: "output_dimension",
    // Up to 1,000 are allowed; forms are short, and a smaller batch loses less when it fails.
    batch: 128,
    variable: VARIABLE,
};

/// An embedder behind Voyage's endpoint, or one that speaks like it.
///
/// # Errors
/// [`EmbedError::Setting`], also without a key: Voyage answers nobody without one.
pub fn embedder(options: RemoteOptions) -> Result<Embedder, EmbedError> {
    if options.key.is_none() {
        return Err(EmbedError::Setting(format!("no key: {VARIABLE} is not set")));
    }
    Ok(Embedder::Voyage(Box::new(Remote::new(&PROVIDER, options)?)))
}
