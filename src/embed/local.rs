//! The built-in model: all-MiniLM-L6-v2, quantized, on ONNX Runtime. The model file is part of the program.
//!
//! One text per run: dynamic quantization scales by what else is in a batch, so that a text's vector would depend on
//! its neighbours. It costs nothing: a batch of one is as fast, and needs half the memory.

use fastembed::{
    InitOptionsUserDefined, Pooling, QuantizationMode, TextEmbedding, TokenizerFiles,
    UserDefinedEmbeddingModel,
};
use ort::environment::Environment;

use super::{EmbedError, Model, Runtime, runtime};

/// See `assets/model/README.md` for source, licence and checksums.
const MODEL: &[u8] = include_bytes!("../../assets/model/all-minilm-l6-v2-q.onnx");
const TOKENIZER: &[u8] = include_bytes!("../../assets/model/all-minilm-l6-v2-q-tokenizer.json");
/// What fastembed reads beside the tokenizer itself; the tokenizer file has these tokens already.
const CONFIG: &[u8] = br#"{"pad_token_id": 0}"#;
const SPECIAL_TOKENS: &[u8] = b"{}";
const TOKENIZER_CONFIG: &[u8] = br#"{"model_max_length": 256, "pad_token": "[PAD]"}"#;
/// Word pieces that are read of a text, as in Chroma's default embedding function.
const MAX_LENGTH: usize = 256;

/// The local embedder. Made at once; the library and the model are loaded when the first text comes.
pub struct Local {
    runtime: Runtime,
    loaded: Option<TextEmbedding>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { runtime, loaded } = self;
        f.debug_struct("Local").field("runtime", runtime).field("loaded", &loaded.is_some()).finish()
    }
}

impl Local {
    /// A local embedder that finds ONNX Runtime by these rules.
    pub fn new(runtime: Runtime) -> Self {
        Self { runtime, loaded: None }
    }

    /// The built-in model.
    pub fn model() -> Model {
        Model { name: "all-MiniLM-L6-v2".to_owned(), dimensions: 384, place: "local, quantized".to_owned() }
    }

    /// Whether there is a library at all.
    pub(super) fn check(&self) -> Result<(), EmbedError> {
        self.runtime.find().map(|_| ())
    }

    /// Embeds one text; blocks for some milliseconds, and some hundred the first time.
    ///
    /// # Errors
    /// [`EmbedError::RuntimeMissing`], [`EmbedError::RuntimeUnusable`], [`EmbedError::Inference`]. The library is
    /// looked for again at the next text: somebody may have run `setup` meanwhile.
    pub(super) fn embed(&mut self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let failed = |error: fastembed::Error| EmbedError::Inference { reason: error.to_string() };
        let model = match &mut self.loaded {
            Some(model) => model,
            None => {
                let environment = runtime::load(&self.runtime)?;
                self.loaded.insert(load(environment).map_err(failed)?)
            }
        };
        let made = model.embed([text], None).map_err(failed)?;
        made.into_iter().next().ok_or(EmbedError::Inference { reason: "no vector for a text".to_owned() })
    }
}

fn load(environment: Environment) -> Result<TextEmbedding, fastembed::Error> {
    let tokenizer = TokenizerFiles {
        tokenizer_file: TOKENIZER.to_vec(),
        config_file: CONFIG.to_vec(),
        special_tokens_map_file: SPECIAL_TOKENS.to_vec(),
        tokenizer_config_file: TOKENIZER_CONFIG.to_vec(),
    };
    let model = UserDefinedEmbeddingModel::new(MODEL.to_vec(), tokenizer)
        .with_pooling(Pooling::Mean)
        .with_quantization(QuantizationMode::Dynamic);
    let mut options = InitOptionsUserDefined::new().with_environment(environment);
    options.max_length = MAX_LENGTH;
    TextEmbedding::try_new_from_user_defined(model, options)
}
