//! What can be typed: commands and flags, as clap sees them. No meaning here; [`super::settings`] gives it to those
//! flags that are settings, [`super::tokens`] sorts out the words of a query first.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  kubesift 'checkout'                           everything with checkout in its name, labels or annotations
  kubesift 'kind:deploy ns:shop,stage app=web'  by kind, namespace and label
  kubesift search 'checkout -kind:pod' -o json  for programs
  kubesift kinds cert                           the kinds a cluster serves, and what is read of them
  kubesift demo                                 try it without a cluster

Quote the query: shells have their own ideas about ! * ( ) and |.";

const SEARCH_EXAMPLES: &str = "\
Examples:
  kubesift search 'checkout'                    a part of a name, or the start of a word in any other field
  kubesift search '\"card payments\"'             a phrase, word for word
  kubesift search 'kind:deploy,sts ns:shop'     a comma is OR, a space is AND
  kubesift search 'app=web env!=prod'           labels, exactly
  kubesift search -l 'env in (prod, stage)'     the same as kubectl's -l
  kubesift search 'web -kind:pod'               without Pods (also !kind:pod, NOT kind:pod)
  kubesift search web -o name | xargs -L1 kubectl get
  kubesift search -- -web                       after -- every word belongs to the query
  kubesift search 'kind:pod ns:shop' --watch    then follow what appears, goes and changes

The whole language: kubesift help query.

An argument that starts with - or ! and contains : / or = belongs to the query as well, unless it is a flag.
Exit codes: 0 found, 1 nothing found, 2 a mistake in the command or query, 3 no cluster and nothing stored.";

const COMPLETIONS: &str = "\
Where it goes:
  bash  echo 'source <(kubesift completions bash)' >> ~/.bashrc
  zsh   echo 'source <(kubesift completions zsh)' >> ~/.zshrc       (after compinit)
  fish  kubesift completions fish > ~/.config/fish/completions/kubesift.fish";

const SYNC_EXAMPLES: &str = "\
Examples:
  kubesift sync                                            bring the index up to date
  kubesift sync --watch                                    keep it live until stopped
  kubesift sync --to chroma --url http://localhost:8000    and make a Chroma collection equal to it
  kubesift sync --to chroma --url http://localhost:8000 --watch
  kubesift sync --to chroma --url http://localhost:8000 --dry-run

Exit codes: 0 equal; 1 deletes held back, documents over a limit, or failing kinds; 2 a mistake in the command;
3 the cluster or the store can't be reached, or the collection is another cluster's.";

const VERIFY_EXAMPLES: &str = "\
Example:
  kubesift verify --to chroma --url http://localhost:8000

Prints one line for each difference. Exit codes: 0 equal, 1 different, 2 a mistake in the command, 3 not to be reached.";

/// Search every object of a Kubernetes cluster, from a local index that stays in sync.
#[derive(Debug, Parser)]
#[command(name = "kubesift", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(override_usage = "kubesift [OPTIONS] [QUERY]...\n       kubesift [OPTIONS] <COMMAND>")]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Kubeconfig context [default: the current one]
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Kubeconfig file [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    kubeconfig: Option<String>,
    /// Look in these namespaces only (repeat it, or use commas; globs work)
    #[arg(short, long, global = true, value_name = "NS", value_delimiter = ',')]
    pub(super) namespace: Vec<String>,
    /// Configuration file [default: ~/.config/kubesift/config.toml]
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(super) config: Option<String>,
    /// Write a log to this file
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    log_file: Option<String>,
    /// Log more (-vv: even more); needs --log-file or --log-format json
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    #[command(flatten)]
    settings: SettingFlags,
}

/// Flags for the settings one rarely changes by hand. Their values are read by name ([`super::settings`]).
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings (also in config.toml and as KUBESIFT_...)")]
struct SettingFlags {
    /// Read these namespaces only into the index [default: all]
    #[arg(long, global = true, value_name = "NS", value_delimiter = ',', hide_short_help = true)]
    namespaces: Vec<String>,
    /// Never read these namespaces
    #[arg(long, global = true, value_name = "NS", value_delimiter = ',', hide_short_help = true)]
    exclude_namespaces: Vec<String>,
    /// Read these kinds although a rule leaves them out (KIND.GROUP)
    #[arg(long, global = true, value_name = "KIND", value_delimiter = ',', hide_short_help = true)]
    include: Vec<String>,
    /// Never read these kinds (KIND.GROUP)
    #[arg(long, global = true, value_name = "KIND", value_delimiter = ',', hide_short_help = true)]
    exclude: Vec<String>,
    /// With more stored objects than this, resume by watches instead of reading everything again [default: 50000]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    relist_limit: Option<String>,
    /// Where the indexes lie [default: ~/.local/share/kubesift]
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath, hide_short_help = true)]
    data_dir: Option<String>,
    /// Keep annotations as upstream's documents have them, unredacted (never those of Secrets)
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_short_help = true)]
    exact_upstream: Option<String>,
    /// Annotations whose values are never stored (globs)
    #[arg(long, global = true, value_name = "GLOB", value_delimiter = ',', hide_short_help = true)]
    deny_annotations: Vec<String>,
    /// Redact annotation values that match (regular expression; repeat it)
    #[arg(long, global = true, value_name = "REGEX", hide_short_help = true)]
    redact: Vec<String>,
    /// Form of the log; json goes to stderr where no file is named and stderr is no terminal [default: text]
    #[arg(long, global = true, value_name = "text|json", hide_short_help = true)]
    log_format: Option<String>,
    /// With sync --watch: answer /healthz, /readyz and /metrics at this address, e.g. :9090 [default: nowhere]
    #[arg(long, global = true, value_name = "ADDR", hide_short_help = true)]
    listen: Option<String>,
    /// Colours of the terminal app: auto, dark, light, plain [default: auto]
    #[arg(long, global = true, value_parser = super::settings::THEMES, hide_short_help = true)]
    theme: Option<String>,
    /// The terminal app asks for the status of the objects on its screen [default: true]
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_short_help = true)]
    status_column: Option<String>,
    /// How the terminal app copies: auto, native, osc52 [default: auto]
    #[arg(long, global = true, value_parser = super::settings::CLIPBOARDS, hide_short_help = true)]
    clipboard: Option<String>,
    /// Forget a kind that was forbidden for this long [default: 24h]
    #[arg(long, global = true, value_name = "TIME", hide_short_help = true)]
    forbidden_after: Option<String>,
    /// What embeds documents for semantic search and mirrors [default: local]
    #[arg(long, global = true, value_parser = super::embedding::EMBEDDERS, hide_short_help = true)]
    embedder: Option<String>,
    /// Address of a remote embedder, e.g. http://localhost:11434/v1 [default: the provider's]
    #[arg(long, global = true, value_name = "URL", value_hint = clap::ValueHint::Url, hide_short_help = true)]
    embedder_url: Option<String>,
    /// Model of a remote embedder [default: the provider's usual one]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    embedder_model: Option<String>,
    /// Length of that model's vectors, where kubesift does not know the model
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    embedder_dimensions: Option<String>,
    /// Send names, labels and descriptions of this cluster to a remote embedder
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_short_help = true)]
    allow_remote_embedding: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find objects of any kind
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(SearchArgs),
    /// Show what the index covers, what it costs, and which kinds need attention
    Status(StatusArgs),
    /// List the kinds the cluster serves, and what is read of them
    Kinds(KindsArgs),
    /// Bring the index up to date or keep it live, and mirror it into a vector store
    #[command(after_help = SYNC_EXAMPLES)]
    Sync(SyncArgs),
    /// Get ONNX Runtime, which semantic search needs
    Setup,
    /// Compare a mirror with the cluster, document by document
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Try it on a simulated cluster
    Demo(DemoArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Show the settings and where they come from
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Arguments of `search`.
#[derive(Debug, Default, Args)]
pub(super) struct SearchArgs {
    /// What to look for; all words together are one query
    #[arg(value_name = "QUERY")]
    pub(super) query: Vec<String>,
    /// Output form [default: table]
    #[arg(short, long, value_parser = super::settings::OUTPUTS)]
    output: Option<String>,
    /// Label selector, as kubectl's -l
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(super) selector: Vec<String>,
    /// All namespaces: drops -n
    #[arg(short = 'A', long)]
    pub(super) all_namespaces: bool,
    /// Show at most this many hits, 0 for all [default: 100]
    #[arg(long, value_name = "N")]
    limit: Option<String>,
    /// Print the number of hits only
    #[arg(long)]
    pub(super) count: bool,
    /// Show the present hits, then a line for each that appears (+), goes (-) or changes (~), until stopped
    #[arg(long, conflicts_with_all = ["count", "offline", "limit"])]
    pub(super) watch: bool,
    /// Tell how the query was understood and what each hit's score is made of (on stderr)
    #[arg(long, conflicts_with_all = ["count", "watch"])]
    pub(super) explain: bool,
    /// Answer from the stored index, never connect
    #[arg(long, conflicts_with = "fresh")]
    pub(super) offline: bool,
    /// Read the cluster again first, or fail
    #[arg(long)]
    pub(super) fresh: bool,
    /// An index younger than this is not read again [default: 30s]
    #[arg(long, value_name = "TIME")]
    max_age: Option<String>,
    /// Wait at most this long for a large cluster to be confirmed [default: 3s]
    #[arg(long, value_name = "TIME")]
    wait: Option<String>,
}

/// Arguments of commands that only list.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Output form
    // An id of its own: `output` is the setting of `search`.
    #[arg(id = "form", short = 'o', long = "output", value_parser = ["table", "json", "yaml"], default_value = "table")]
    pub(super) output: String,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Show every kind, with what it costs
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) list: ListArgs,
}

/// Arguments of `kinds`.
#[derive(Debug, Args)]
pub(super) struct KindsArgs {
    /// Show kinds with these words in their name, group, short names or categories
    #[arg(value_name = "QUERY")]
    pub(super) query: Vec<String>,
    #[command(flatten)]
    pub(super) list: ListArgs,
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// Read everything consistently once, then stop (the default)
    #[arg(long, conflicts_with = "watch")]
    pub(super) once: bool,
    /// Keep the index (and the mirror) live until stopped
    #[arg(long)]
    pub(super) watch: bool,
    #[command(flatten)]
    pub(super) store: StoreArgs,
    /// Compare with the store and say what would be written; write nothing
    #[arg(long, conflicts_with = "watch")]
    pub(super) dry_run: bool,
    /// Let so many held-back deletes through, once
    #[arg(long, value_name = "N")]
    pub(super) allow_mass_delete: Option<usize>,
    /// Take over a collection that mirrors another cluster
    #[arg(long)]
    pub(super) adopt: bool,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Compare ids, texts and metadata, and leave the vectors out: needs no embedder
    #[arg(long)]
    pub(super) no_vectors: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// Which store; settings, read by name ([`super::settings`]).
#[derive(Debug, Args)]
#[command(next_help_heading = "The store (also in config.toml under [cluster.\"CONTEXT\".mirror])")]
pub(super) struct StoreArgs {
    /// The kind of store
    #[arg(long = "to", id = "mirror_to", value_name = "STORE", value_parser = super::mirror::STORES)]
    to: Option<String>,
    /// Its URL, such as http://localhost:8000; a token is taken from KUBESIFT_CHROMA_TOKEN
    #[arg(long = "url", id = "mirror_url", value_name = "URL", value_hint = clap::ValueHint::Url)]
    url: Option<String>,
    /// The collection [default: instances]
    #[arg(long = "collection", id = "mirror_collection", value_name = "NAME")]
    collection: Option<String>,
    /// Whose vectors the collection holds [default: default]
    #[arg(long = "profile", id = "mirror_profile", value_parser = crate::engine::mirror::Profile::NAMES)]
    profile: Option<String>,
    /// Chroma's tenant [default: default_tenant]
    #[arg(long = "tenant", id = "mirror_tenant", value_name = "NAME", hide_short_help = true)]
    tenant: Option<String>,
    /// Chroma's database [default: default_database]
    #[arg(long = "database", id = "mirror_database", value_name = "NAME", hide_short_help = true)]
    database: Option<String>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// How many objects the simulated cluster has
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) objects: u32,
    /// Stay up at this address and print a kubeconfig, e.g. 127.0.0.1:6443
    #[arg(long, value_name = "ADDR")]
    pub(super) serve: Option<SocketAddr>,
    /// The same seed makes the same objects
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

/// Commands below `config`.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting in effect and where it comes from
    Show(ListArgs),
    /// Print the path of the configuration file
    Path,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::settings::Key;
    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_has_a_flag() {
        let mut command = Cli::command();
        command.build();
        let [search, sync] = ["search", "sync"].map(|name| command.find_subcommand(name).unwrap());
        for key in Key::ALL {
            let flag = key.flag();
            let command = if key.is_of_mirror() { sync } else { search };
            let found = command.get_arguments().find(|arg| arg.get_long() == Some(&flag[2..]));
            assert_eq!(found.map(|arg| arg.get_id().as_str()), Some(key.name()), "{flag}");
        }
    }
}
