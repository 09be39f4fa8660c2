//! Remarks about habits of other tools: what was understood, and what may have been meant.

use super::Span;
use super::error::quoted;
use super::lex::TokenKind;
use super::parse::Parser;
use super::words::{QUALIFIERS, Qualifier};
use crate::text::suggest;

/// What other tools look for and no metadata holds, and what answers instead.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["node", "nodename", "host", "hostname"], "kubectl get pods -A --field-selector spec.nodeName=NAME"),
    (
        &["image", "images", "img", "container"],
        "kubectl get pods -A -o yaml has the images; a label may hold the version",
    ),
    (
        &["status", "phase", "state", "ready", "restarts"],
        "the app's STATUS column, or kubectl get; what is stuck deleting is is:deleting",
    ),
    (&["ip", "podip", "hostip", "port"], "kubectl get pods,services -A -o wide"),
];

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
            "kubectl" | "get" | "describe" | "logs" if self.is_first(span) => {
                let message = format!("{} is searched as a word{}", quoted(word), self.meant(span));
                self.hint(span.clone(), message);
                return;
            }
            "in" | "notin" => return self.hint_at_set(word, span),
            _ => return,
        };
        let message = format!("`{word}` is searched as a word; the operator is written {operator}");
        self.hint(span.clone(), message);
    }

    /// Whether the query starts with it, be it after `kubectl`, and goes on.
    fn is_first(&self, span: &Span) -> bool {
        let before = self.text[..span.start].trim();
        (before.is_empty() || before == "kubectl") && !self.text[span.end..].trim().is_empty()
    }

    /// What `get pods web` would be here.
    fn meant(&self, verb: &Span) -> String {
        let next = self.peek().map(|token| &self.text[token.span.clone()]);
        match next.filter(|next| next.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ','))) {
            Some("get" | "describe" | "logs") => ": leave it out".to_owned(),
            Some(kind) if &self.text[verb.clone()] != "kubectl" => {
                format!(": for a kind write {} alone", quoted(&format!("kind:{kind}")))
            }
            Some(_) | None => ": write what it is about alone".to_owned(),
        }
    }

    /// `app in (a, b)`, which only behind `-l` is a selector.
    fn hint_at_set(&mut self, operator: &str, span: &Span) {
        if self.peek().map(|token| &token.kind) != Some(&TokenKind::Open) {
            return;
        }
        let Some(key) = self.text[..span.start].split_whitespace().next_back() else { return };
        let rest = &self.text[span.end..];
        let values = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split(')').next());
        let values = values.unwrap_or_default();
        let list: Vec<&str> = values.split(',').map(str::trim).collect();
        let equals = if operator == "in" { "=" } else { "!=" };
        let short = quoted(&format!("{key}{equals}{}", list.join(",")));
        let whole = quoted(&format!("-l {key} {operator} ({values})"));
        self.hint(span.clone(), format!("these are words; the selector is written {short} or {whole}"));
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
        let other =
            |(names, _): &&(&[&str], &str)| names.iter().any(|name| name.eq_ignore_ascii_case(prefix));
        if let Some((_, instead)) = ELSEWHERE.iter().find(other) {
            let what = quoted(&format!("{prefix}:"));
            let message = format!("only metadata is indexed: {what} is searched as text; instead: {instead}");
            self.hint(span.start..span.start + prefix.len() + 1, message);
            return;
        }
        let meant = suggest(prefix, QUALIFIERS.iter().map(|(name, _)| *name));
        let meant = meant.map_or(String::new(), |name| format!("; did you mean `{name}:`?"));
        let message = format!("no qualifier {}, searching as text{meant}", quoted(&format!("{prefix}:")));
        self.hint(span.start..span.start + prefix.len() + 1, message);
    }
}
