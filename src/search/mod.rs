//! L3: a parsed query over the index, to ranked hits that say why they matched.
//!
//! Four steps: [`Catalog`] turns kind words into kinds; `plan` resolves the query against nothing but the
//! catalog; `eval` computes, per segment, one byte per document (0: no match, otherwise 1 + score) from posting
//! lists; `rank` counts exactly and picks the page, whose documents alone are read; `explain` finds the spans.
//!
//! **What a word matches**, without regard to case: any part of a name; elsewhere (namespace, kind and its
//! plural, keys and values of labels and annotations, owners' names) text that begins where a token begins: at the
//! value's start, after anything that is no letter or digit, and where camelCase turns. So `shop-api` finds the
//! label value `shop-api` and the owner `prod-shop-api`, `api` finds both, `pi` neither. A kind's singular and
//! short names match as whole words. A word longer than 64 bytes is compared elsewhere by its first 64 bytes and
//! its last token run. **A phrase** is any part of a name, or elsewhere text that begins where a token begins and
//! ends beside what is no letter or digit.
//!
//! **Score** of a word: 5 the whole name, 4 the name's start, 3 whole segments of it, 2 any part of it, 1 elsewhere.
//! Several words add up, of alternatives the best counts; filters add nothing. Equal scores: shorter name, newer
//! object, then the id.

mod catalog;
mod error;
mod eval;
mod explain;
mod matching;
mod plan;
mod rank;
mod searcher;
#[cfg(test)]
mod tests;

pub use catalog::{Catalog, Naming, Resolution, UnknownKind};
pub use error::SearchError;
pub use explain::Match;
pub use searcher::{Answer, Hit, Options, Searcher, Total};
