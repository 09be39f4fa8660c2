//! L3: a parsed query over the index, to ranked hits that say why they matched.
//!
//! Four steps: [`Catalog`] turns kind words into kinds; `plan` resolves the query against the catalog, the snapshot and
//! the time; `eval` computes, per segment, one byte per document (0: no match, otherwise 1 + score) from posting
//! lists and columns; `rank` counts and picks the page in its `order`, whose documents alone are read; `explain` finds
//! the spans. `facets`, `complete`, `understand`, `settle` and `nothing` (why nothing was found)
//! answer other questions about a query; `follow` asks one again after every commit.
//!
//! **What a word matches**: any part of a name; elsewhere (namespace, kind and its
//! plural, keys and values of labels and annotations, owners' names, finalizers) text that begins where a token begins:
//! at the value's start, after anything that is no letter or digit, and where camelCase turns. So `shop-api` finds the
//! label value `shop-api` and the owner `prod-shop-api`, `api` finds both, `pi` neither. A kind's singular and
//! short names match as whole words, a uid as a whole. A word longer than 64 bytes is compared elsewhere by its first 64
//! bytes and its last token run. **A phrase** is any part of a name, or elsewhere text that begins where a token begins
//! and ends beside what is no letter or digit. **Case** counts for words, phrases and patterns of names with a capital
//! letter, and for values of labels and annotations in filters; otherwise it does not.
//!
//! **Score** of a word: 5 the whole name, 4 the name's start, 3 whole segments of it, 2 any part of it, 1 elsewhere; of a
//! pattern of names likewise. Several add up, of alternatives the best counts; filters add nothing. Equal scores:
//! shorter name, newer object, then the id. Where fewer than 10 objects match, **similar** names follow them, marked:
//! names with slips of the keyboard (`similar`), and what would match without regard to case.

mod catalog;
mod complete;
mod distance;
mod error;
mod eval;
mod explain;
mod facets;
mod family;
mod follow;
mod matching;
mod need;
mod nothing;
mod order;
mod pattern;
mod plan;
mod rank;
mod searcher;
mod settle;
mod similar;
mod stop;
#[cfg(test)]
pub(crate) mod tests;
mod understand;

pub use catalog::{Catalog, Naming, Resolution, UnknownKind};
pub use complete::Completion;
pub use error::SearchError;
pub use explain::{Match, ScorePart};
pub use facets::Facets;
pub use follow::Position;
pub use nothing::Unread;
pub use searcher::{Answer, Hit, Options, Searcher, Total};
pub use stop::Stop;
pub use understand::Understood;
