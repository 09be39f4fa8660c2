//! Remarks about habits of other tools: what was understood, and what may have been meant.

use super::Span;
use super::error::quoted;
use super::parse::Parser;
use super::words::{QUALIFIERS, Qualifier};
use crate::text::suggest;

impl Parser<'_> {
    /// `-n=prod` excludes a label; kubectl's users may have meant its flag. So may k9s' with `-f`.
    pub(super) fn hint_at_flag(&mut self, mark: &Span) {
        let rest = &self.text[mark.start..];
        if rest.starts_with("-n=") || rest.starts_with("-l=") {
            let (flag, label) = (&rest[..2], &rest[1..2]);
            let message = format!("this excludes the label `{label}`; the flag is written `{flag} VALUE`");
            self.hint(mark.start..mark.start + 3, message);
        } else if rest.strip_prefix("-f").is_some_and(|rest| rest.starts_with(char::is_whitespace)) {
            self.hint(
                mark.start..mark.start + 2,
                "this excludes the word `f`; words are matched without a flag",
            );
        }
    }

    pub(super) fn hint_at_habits(&mut self, word: &str, span: &Span) {
        let operator = match word {
            "or" => "`OR` or `|`",
            "and" => "`AND` or nothing",
            "not" => "`NOT` or `-`",
            "kubectl" | "get" | "describe" if self.is_first(span) => {
                let message = format!("{} is searched as a word: write what it is about alone", quoted(word));
                self.hint(span.clone(), message);
                return;
            }
            _ => return,
        };
        let message = format!("`{word}` is searched as a word; the operator is written {operator}");
        self.hint(span.clone(), message);
    }

    /// Whether the query starts with it and goes on.
    fn is_first(&self, span: &Span) -> bool {
        self.text[..span.start].trim().is_empty() && !self.text[span.end..].trim().is_empty()
    }

    pub(super) fn hint_at_equals(
        &mut self,
        qualifier: Option<Qualifier>,
        before: &str,
        after: &str,
        span: &Span,
    ) {
        if qualifier.is_some_and(|known| !matches!(known, Qualifier::Name | Qualifier::Version)) {
            let meant = quoted(&format!("{before}:{after}"));
            let message = format!("this is the label `{before}`; the qualifier is written {meant}");
            self.hint(span.start..span.start + before.len() + 1, message);
        }
    }

    pub(super) fn hint_at_prefix(&mut self, prefix: &str, span: &Span) {
        // `fe80::1`, `10:15`, `nginx:1.25` with a digit or dot before the colon: nobody meant a qualifier.
        if prefix.is_empty() || !prefix.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_')) {
            return;
        }
        let meant = suggest(prefix, QUALIFIERS.iter().map(|(name, _)| *name));
        let meant = meant.map_or(String::new(), |name| format!("; did you mean `{name}:`?"));
        let message = format!("no qualifier {}, searching as text{meant}", quoted(&format!("{prefix}:")));
        self.hint(span.start..span.start + prefix.len() + 1, message);
    }
}
