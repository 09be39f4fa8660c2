//! OpenAI's interface, as OpenAI, Ollama, vLLM and others speak it.

use super::remote::{Provider, Remote, RemoteOptions};
use super::{EmbedError, Embedder};

/// The environment variable with the key; local servers need none.
pub const VARIABLE: &str = "OPENAI_API_KEY";

static PROVIDER: Provider = Provider {
    url: "https://api.openai.com/v1",
    model: "text-embedding-3-small",
    lengths: &[
        ("text-embedding-3-small", 1536),
        ("text-embedding-3-large", 3072),
        ("text-embedding-ada-002", 1536),
        // What Ollama calls the common ones.
        ("all-minilm", 384),
        ("bge-m3", 1024),
        ("mxbai-embed-large", 1024),
        ("nomic-embed-text", 768),
        ("snowflake-arctic-embed", 1024),
        ("snowflake-arctic-embed2", 1024),
    ],
    dimensions: "dimensions",
    // A local server on a CPU makes some ten a second: small enough to answer within the time limit.
    batch: 64,
    variable: VARIABLE,
};

/// An embedder behind such an endpoint.
///
/// # Errors
/// [`EmbedError::Setting`].
pub fn embedder(options: RemoteOptions) -> Result<Embedder, EmbedError> {
    Ok(Embedder::OpenAi(Box::new(Remote::new(&PROVIDER, options)?)))
}
