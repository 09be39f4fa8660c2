//! Which embedder the settings mean, and with what of the environment.

use anyhow::anyhow;

use super::env::Env;
use super::failure::Failure;
use super::settings::{Key, Origin, Settings};
use crate::embed::{Embedder, Local, Patience, RemoteOptions, Runtime, openai, voyage};
use crate::engine::Semantic;
use crate::engine::mirror::Profile;

/// What `embedder` can be.
pub(super) const EMBEDDERS: [&str; 4] = ["local", "openai", "voyage", "off"];

/// What embedders need of the environment.
pub(super) struct Embedding {
    runtime: Runtime,
    openai: Option<String>,
    voyage: Option<String>,
}

impl Embedding {
    /// Reads it; `data_dir` is where `setup` puts ONNX Runtime.
    pub(super) fn of(env: &Env, data_dir: std::path::PathBuf) -> Self {
        let set = |name: &str| env.get(name).filter(|value| !value.trim().is_empty());
        let search = set(if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" });
        let runtime = Runtime {
            given: set("ORT_DYLIB_PATH").map(Into::into),
            data_dir: Some(data_dir),
            search_path: search.map(|dirs| std::env::split_paths(dirs).collect()).unwrap_or_default(),
        };
        let key = |name: &str| set(name).map(str::to_owned);
        Self { runtime, openai: key(openai::VARIABLE), voyage: key(voyage::VARIABLE) }
    }

    /// The embedder that the settings ask for.
    pub(super) fn semantic(&self, settings: &Settings) -> Result<Semantic, Failure> {
        let name = settings.text(Key::Embedder).unwrap_or("local");
        let remote: fn(RemoteOptions) -> _ = match name {
            "off" => return Ok(Semantic::Off),
            "openai" => openai::embedder,
            "voyage" => voyage::embedder,
            _ => return Ok(Semantic::On(self.local())),
        };
        allowed(settings, name)?;
        let key = if name == "voyage" { &self.voyage } else { &self.openai };
        let text = |key| settings.text(key).unwrap_or_default().to_owned();
        let options = RemoteOptions {
            url: text(Key::EmbedderUrl),
            model: text(Key::EmbedderModel),
            dimensions: usize::try_from(settings.number(Key::EmbedderDimensions)).unwrap_or(usize::MAX),
            key: key.clone().map(Into::into),
            patience: Patience::default(),
        };
        remote(options).map(Semantic::On).map_err(Failure::usage)
    }

    /// The embedder of a mirror's profile, whatever the index itself is embedded with.
    pub(super) fn of_profile(&self, settings: &Settings, profile: Profile) -> Result<Embedder, Failure> {
        match profile {
            Profile::Default | Profile::Small => Ok(self.local()),
            Profile::ClusterWhisperer => {
                allowed(settings, "voyage")?;
                // Of the embedder's settings only the address is taken over, and only where it is Voyage's.
                let gateway = settings
                    .text(Key::EmbedderUrl)
                    .filter(|_| settings.text(Key::Embedder) == Some("voyage"));
                let options = RemoteOptions {
                    url: gateway.unwrap_or_default().to_owned(),
                    model: profile.model().to_owned(),
                    // As upstream, which sends the text and the model's name alone.
                    dimensions: 0,
                    key: self.voyage.clone().map(Into::into),
                    patience: Patience::default(),
                };
                voyage::embedder(options).map_err(Failure::usage)
            }
        }
    }

    fn local(&self) -> Embedder {
        Embedder::Local(Box::new(Local::new(self.runtime.clone())))
    }
}

/// Names and descriptions leave the machine, so each cluster has to allow it for itself.
fn allowed(settings: &Settings, embedder: &str) -> Result<(), Failure> {
    let everywhere = settings.origin(Key::AllowRemoteEmbedding) == Some(&Origin::File);
    if settings.is_on(Key::AllowRemoteEmbedding) && !everywhere {
        return Ok(());
    }
    let why = if everywhere {
        "allow_remote_embedding stands at the top of the configuration file, where it would hold for every cluster"
    } else {
        "it would be sent names, labels and descriptions of this cluster, which is not allowed"
    };
    Err(Failure::usage(anyhow!(why).context(format!("the embedder '{embedder}' is remote"))).advise(
        "allow it for this cluster: allow_remote_embedding = true under [cluster.\"CONTEXT\"] in config.toml,\n\
         or for this run: --allow-remote-embedding; or keep it local: --embedder local",
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::args::Cli;
    use super::super::config;
    use super::super::settings::Sources;
    use super::*;

    /// The settings of context `prod` with this command line and file.
    fn settings(args: &[&str], file: &str) -> Settings {
        let args = ["kubesift", "sync"].iter().chain(args);
        let matches = Cli::command().try_get_matches_from(args).unwrap();
        let file = config::parse(file, "config.toml".as_ref(), None).unwrap();
        Sources::new(&matches, &Env::default(), file).unwrap().settings(Some("prod"))
    }

    fn embedding<const N: usize>(env: [(&str, &str); N]) -> Embedding {
        Embedding::of(&Env::from(env), "/data".into())
    }

    fn told<const N: usize>(env: [(&str, &str); N], args: &[&str], file: &str) -> String {
        match embedding(env).semantic(&settings(args, file)) {
            Ok(Semantic::On(embedder)) => format!("{} at {}", embedder.model().name, embedder.model().place),
            Ok(other) => format!("{other:?}"),
            Err(failure) => failure.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn the_local_model_is_used_unless_another_is_named() {
        assert_eq!(told([], &[], ""), "all-MiniLM-L6-v2 at local, quantized");
        assert_eq!(told([], &["--embedder", "off"], ""), "Off");
    }

    #[test]
    fn a_remote_one_needs_a_cluster_that_allows_it() {
        let key = [("VOYAGE_API_KEY", "k")];
        let voyage = "voyage-4 at https://api.voyageai.com/v1/embeddings";
        assert_eq!(told(key, &["--embedder", "voyage", "--allow-remote-embedding"], ""), voyage);
        let own = "embedder = \"voyage\"\n[cluster.prod]\nallow_remote_embedding = true\n";
        assert_eq!(told(key, &[], own), voyage);
        assert_eq!(
            told(key, &["--embedder", "voyage"], ""),
            "error: the embedder 'voyage' is remote: it would be sent names, labels and descriptions of this cluster, \
             which is not allowed"
        );
        let all = "embedder = \"voyage\"\nallow_remote_embedding = true\n";
        assert!(told(key, &[], all).contains("stands at the top of the configuration file"));
        let other = "embedder = \"voyage\"\n[cluster.stage]\nallow_remote_embedding = true\n";
        assert!(told(key, &[], other).contains("is not allowed"));
        assert_eq!(
            told([], &["--embedder", "voyage", "--allow-remote-embedding"], ""),
            "error: no key: VOYAGE_API_KEY is not set"
        );
    }

    #[test]
    fn a_local_server_needs_no_key() {
        let args =
            ["--embedder=openai", "--allow-remote-embedding", "--embedder-url=http://localhost:11434/v1"];
        let model = [&args[..], &["--embedder-model=nomic-embed-text"]].concat();
        assert_eq!(told([], &model, ""), "nomic-embed-text at http://localhost:11434/v1/embeddings");
        let odd = [&args[..], &["--embedder-model=mine"]].concat();
        assert_eq!(
            told([], &odd, ""),
            "error: how long are the vectors of mine? Say it with embedder_dimensions"
        );
        assert!(told([], &[&odd[..], &["--embedder-dimensions=5"]].concat(), "").starts_with("mine at"));
    }

    #[test]
    fn the_runtime_is_looked_for_where_the_environment_says() {
        let runtime = embedding([("ORT_DYLIB_PATH", "/x/lib.so"), ("LD_LIBRARY_PATH", "/a:/b")]).runtime;
        assert_eq!(runtime.given, Some("/x/lib.so".into()));
        assert_eq!(runtime.data_dir, Some("/data".into()));
        #[cfg(not(target_os = "macos"))]
        assert_eq!(runtime.search_path, [std::path::PathBuf::from("/a"), "/b".into()]);
    }
}
