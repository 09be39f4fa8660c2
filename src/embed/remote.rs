//! Endpoints that take `POST .../embeddings` with `{model, input}`: OpenAI's interface, which Ollama, vLLM and others
//! speak too, and Voyage's, which differs in a few names.
//!
//! Nothing of an answer is taken over unless all of it fits: one vector per text, each place named once, every vector
//! of the model's length.

use std::time::Duration;

use rand::Rng as _;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::http::{Failure, Http};
use super::{EmbedError, Model};

/// Attempts at one batch before its caller is told; who asks in the background tries again for ever.
const ATTEMPTS: u32 = 5;

/// Which endpoint, which model.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// The address; empty for the provider's own.
    pub url: String,
    /// The model's name; empty for the provider's usual one.
    pub model: String,
    /// Length of its vectors; 0 where the model is a known one, and has its usual length.
    pub dimensions: usize,
    /// The key, from the environment.
    pub key: Option<SecretString>,
    /// Waiting times.
    pub patience: Patience,
}

/// How long a remote embedder waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For an answer.
    pub answer: Duration,
    /// Before the second attempt; doubles with every other one.
    pub first_pause: Duration,
    /// The longest pause, whatever the server asks for; a server that asks for more is given up.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(60),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// What distinguishes one provider from another.
#[derive(Debug)]
pub(super) struct Provider {
    /// Where it answers.
    pub(super) url: &'static str,
    /// The model that is used unless another is named.
    pub(super) model: &'static str,
    /// Models whose length is known.
    pub(super) lengths: &'static [(&'static str, usize)],
    /// What the length is called in a request; only sent when a length was asked for.
    pub(super) dimensions: &'static str,
    /// Texts in one request.
    pub(super) batch: usize,
    /// The variable with the key.
    pub(super) variable: &'static str,
}

/// A remote embedder.
#[derive(Debug)]
pub struct Remote {
    provider: &'static Provider,
    model: Model,
    ask_for: Option<usize>,
    http: Http,
    patience: Patience,
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: &'a [&'a str],
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    dimensions: Option<std::collections::BTreeMap<&'static str, usize>>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Vec<f32>,
}

impl Remote {
    pub(super) fn new(provider: &'static Provider, options: RemoteOptions) -> Result<Self, EmbedError> {
        let RemoteOptions { url, model, dimensions, key, patience } = options;
        let url = if url.is_empty() { provider.url } else { &url };
        let name = if model.is_empty() { provider.model.to_owned() } else { model };
        let bare = name.strip_suffix(":latest").unwrap_or(&name);
        let known = provider.lengths.iter().find(|(known, _)| *known == bare).map(|(_, length)| *length);
        let length = if dimensions > 0 { Some(dimensions) } else { known };
        let length = length.ok_or_else(|| {
            EmbedError::Setting(format!(
                "how long are the vectors of {name}? Say it with embedder_dimensions"
            ))
        })?;
        // Ollama and vLLM refuse a length for models that have only one.
        let ask_for =
            (dimensions > 0 && known.is_some_and(|known| known != dimensions)).then_some(dimensions);
        let http = Http::new(url, "/embeddings", key.as_ref(), patience.answer)?;
        let model = Model { name, dimensions: length, place: http.url() };
        Ok(Self { provider, model, ask_for, http, patience })
    }

    pub(super) fn model(&self) -> Model {
        self.model.clone()
    }

    pub(super) fn batch(&self) -> usize {
        self.provider.batch
    }

    /// Embeds a batch, trying again where that may help.
    pub(super) async fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let dimensions = self.ask_for.map(|length| [(self.provider.dimensions, length)].into());
        let question = Question { model: &self.model.name, input: texts, dimensions };
        let body = serde_json::to_vec(&question);
        let body = body.map_err(|error| self.answered(format!("no request: {error}")))?;
        let mut pause = self.patience.first_pause;
        for attempt in 1.. {
            let (error, after) = match self.http.post(body.clone()).await {
                Ok(answer) => return self.read(&answer, texts.len()),
                Err(Failure::Lasting(error)) => return Err(self.explained(error)),
                Err(Failure::Passing { error, after }) => (error, after),
            };
            let wait = after.unwrap_or_else(|| pause.mul_f64(rand::rng().random_range(0.5..1.0)));
            if attempt == ATTEMPTS || wait > self.patience.longest_pause {
                return Err(error);
            }
            tracing::debug!(%error, attempt, "the embedder is asked again");
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(self.patience.longest_pause);
        }
        Err(EmbedError::Stopped)
    }

    fn read(&self, answer: &[u8], texts: usize) -> Result<Vec<Vec<f32>>, EmbedError> {
        let page = answer.trim_ascii_start().starts_with(b"<");
        let answer: Answer = serde_json::from_slice(answer).map_err(|error| {
            self.answered(if page { "a web page; is the URL right?".to_owned() } else { error.to_string() })
        })?;
        in_order(answer.data, texts).map_err(|reason| self.answered(reason))
    }

    fn answered(&self, reason: String) -> EmbedError {
        EmbedError::Answer { model: format!("{} at {}", self.model.name, self.model.place), reason }
    }

    /// What a refused key means here.
    fn explained(&self, error: EmbedError) -> EmbedError {
        match error {
            EmbedError::Refused { url, status: status @ (401 | 403), message } => {
                EmbedError::Key { url, status, message, variable: self.provider.variable }
            }
            other => other,
        }
    }
}

/// The vectors in the order of the texts. Servers that name no places at all are taken at their order.
fn in_order(items: Vec<Item>, texts: usize) -> Result<Vec<Vec<f32>>, String> {
    if items.len() != texts {
        return Err(format!("{} vectors for {texts} texts", items.len()));
    }
    if items.iter().all(|item| item.index.is_none()) {
        return Ok(items.into_iter().map(|item| item.embedding).collect());
    }
    let mut places: Vec<Option<Vec<f32>>> = vec![None; texts];
    for item in items {
        let place = item.index.and_then(|index| places.get_mut(index));
        let place = place.ok_or("a vector for a text that was not asked for")?;
        if place.replace(item.embedding).is_some() {
            return Err("two vectors for one text".to_owned());
        }
    }
    places.into_iter().map(|place| place.ok_or_else(|| "no vector for a text".to_owned())).collect()
}
