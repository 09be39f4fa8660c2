//! Query text to tokens: where a token ends, what is a flag, an operator, an exclusion.

use super::error::quoted;
use super::problems::Problems;
use super::words::{QUALIFIERS, find};
use super::{ParseError, Span};

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `|`, `OR`
    Or,
    /// `AND`: what two terms side by side mean anyway.
    And,
    /// `-`, `!`, `NOT`
    Not,
    /// `-A`
    AllNamespaces,
    /// `-n`; where its value stands.
    Namespaces(Span),
    /// `-l`; where its selector stands, without quotes.
    Selector(Span),
    /// Quoted text on its own, unescaped.
    Phrase(String),
    /// Anything else, as it stands; may hold quoted parts after `:`, `=`, `,` or `^`.
    Text,
}

/// Splits a query into tokens. A token that can't be read goes to `problems`, which decides whether to go on after it.
pub(super) fn lex(text: &str, problems: &mut Problems) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    while lexer.skip_spaces() {
        let (start, known) = (lexer.at, lexer.tokens.len());
        if let Err(error) = lexer.token() {
            lexer.tokens.truncate(known);
            lexer.skip_unreadable(start, &error);
            problems.add(error, start..lexer.at)?;
        }
    }
    Ok(lexer.tokens)
}

/// After these, and at its start, a bare token may hold a quoted part.
pub(super) const QUOTE_OPENERS: [char; 6] = [':', '=', ',', '^', '~', '/'];

/// Ends a bare token.
pub(super) fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '|')
}

const FLAGS: [&str; 3] = ["--namespace", "--selector", "--all-namespaces"];

fn is_mark(c: char) -> bool {
    matches!(c, '-' | '!')
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Whether a token follows.
    fn skip_spaces(&mut self) -> bool {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at < self.text.len()
    }

    /// To the next delimiter; what never closes goes on to the end.
    fn skip_unreadable(&mut self, start: usize, error: &ParseError) {
        self.at = self.at.max(error.span.end).max(start);
        if error.open {
            self.at = self.text.len();
        }
        self.advance_while(|c| !is_delimiter(c));
        if self.at == start {
            self.advance_while(|c| c.is_whitespace());
            self.at = self.at.max(start + self.peek().map_or(0, char::len_utf8));
        }
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.tokens.push(Token { kind, span: start..self.at });
    }

    fn token(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        match self.peek() {
            Some('(') => self.single(TokenKind::Open),
            Some(')') => self.single(TokenKind::Close),
            Some('|') => self.single(TokenKind::Or),
            Some('-') if self.flag(start)? => {}
            Some(c) if is_mark(c) => self.mark(start)?,
            _ => self.atom(start)?,
        }
        Ok(())
    }

    fn single(&mut self, kind: TokenKind) {
        let start = self.at;
        self.at += 1;
        self.push(kind, start);
    }

    /// kubectl's flags, as exact tokens only: `-nprod` excludes the word `nprod`.
    fn flag(&mut self, start: usize) -> Result<bool, ParseError> {
        let rest = self.rest();
        let ends = rest.chars().nth(2).is_none_or(is_delimiter);
        match rest.get(..2) {
            Some("--") => return self.long_flag(start),
            Some("-A") if ends => {
                self.at += 2;
                self.push(TokenKind::AllNamespaces, start);
            }
            Some("-n") if ends => {
                self.at += 2;
                self.namespaces(start, "-n")?;
            }
            Some("-l") if ends => {
                self.at += 2;
                self.labels(start, "-l")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn namespaces(&mut self, start: usize, flag: &str) -> Result<(), ParseError> {
        self.flag_argument(start, flag, "a namespace")?;
        let value = self.at;
        self.bare()?;
        self.push(TokenKind::Namespaces(value..self.at), start);
        Ok(())
    }

    fn labels(&mut self, start: usize, flag: &str) -> Result<(), ParseError> {
        self.flag_argument(start, flag, "a label selector")?;
        let selector = self.selector()?;
        self.push(TokenKind::Selector(selector), start);
        Ok(())
    }

    /// kubectl's long flags mean what the short ones do; others are the command line's.
    fn long_flag(&mut self, start: usize) -> Result<bool, ParseError> {
        let flag = self.word().split('=').next().unwrap_or_default();
        self.at += flag.len();
        match flag {
            "--all-namespaces" if self.peek() != Some('=') => self.push(TokenKind::AllNamespaces, start),
            "--namespace" | "--selector" => {
                self.at += usize::from(self.peek() == Some('='));
                match flag {
                    "--namespace" => self.namespaces(start, flag)?,
                    _ => self.labels(start, flag)?,
                }
            }
            _ => {
                self.advance_while(|c| !is_delimiter(c));
                let text = &self.text[start..self.at];
                let error =
                    ParseError::new(start..self.at, format!("{} is no part of a query", quoted(text)));
                let error = error.suggest("flags go before the query; to search for the text, quote it");
                let begun = FLAGS.iter().any(|known| known.starts_with(text));
                return Err(if begun { error.mendable() } else { error });
            }
        }
        Ok(true)
    }

    fn flag_argument(&mut self, start: usize, flag: &str, expected: &str) -> Result<(), ParseError> {
        let end = self.at;
        self.skip_spaces();
        let error =
            ParseError::new(start..end, format!("`{flag}` has no value")).expected(expected).mendable();
        match self.peek() {
            None => Err(error.got("the end of the query")),
            Some(c) if is_delimiter(c) || c == '-' => Err(error.got(quoted(self.word()))),
            Some(_) => Ok(()),
        }
    }

    /// The text up to the next delimiter, for messages; a delimiter itself if that stands here.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let end =
            rest.char_indices().skip(1).find(|(_, c)| is_delimiter(*c)).map_or(rest.len(), |(at, _)| at);
        &rest[..end]
    }

    /// A selector in quotes, or up to the next delimiter; `KEY in (...)` and `KEY notin (...)` need no quotes.
    fn selector(&mut self) -> Result<Span, ParseError> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            let start = self.at;
            self.at += 1;
            let Some(length) = self.rest().find(quote) else { return Err(unclosed(start, self.text)) };
            let inside = self.at..self.at + length;
            self.at = inside.end + 1;
            self.end_of_quotes("")?;
            return Ok(inside);
        }
        let start = self.at;
        loop {
            let piece = self.at;
            self.advance_while(|c| !is_delimiter(c));
            let key = self.text[piece..self.at].rsplit(',').next().unwrap_or_default();
            let plain = !key.is_empty() && !key.contains(['=', '!', '<', '>']);
            let Some(set) = self.set_ahead().filter(|_| plain) else { break };
            self.at += set;
            let open = self.at;
            let Some(length) = self.rest().find(')') else {
                let error = ParseError::new(open..open + 1, "this parenthesis is never closed");
                return Err(error.expected("`)`").open());
            };
            self.at += length + 1;
            if self.peek() != Some(',') {
                break;
            }
        }
        Ok(start..self.at)
    }

    /// The distance to the parenthesis of ` in (` or ` notin (`, if that follows.
    fn set_ahead(&self) -> Option<usize> {
        let rest = self.rest();
        let word = rest.trim_start();
        let after = word.strip_prefix("in").or_else(|| word.strip_prefix("notin"))?.trim_start();
        (word.len() < rest.len() && after.starts_with('(')).then(|| rest.len() - after.len())
    }

    fn advance_while(&mut self, holds: impl Fn(char) -> bool) {
        self.at = self.text.len() - self.rest().trim_start_matches(holds).len();
    }

    /// `-` or `!` directly before what it excludes.
    fn mark(&mut self, start: usize) -> Result<(), ParseError> {
        self.at += 1;
        self.push(TokenKind::Not, start);
        match self.peek() {
            Some('(') => Ok(()),
            Some(c) if is_mark(c) => {
                let error = ParseError::new(start..self.at + 1, "excluded twice").expected("one `-`");
                Err(error.got(quoted(&self.text[start..=self.at])))
            }
            None => Err(nothing_to_exclude(start..self.at).got("the end of the query")),
            Some(c) if is_delimiter(c) => {
                Err(nothing_to_exclude(start..self.at).got(quoted(c.encode_utf8(&mut [0; 4]))))
            }
            // No keywords here: `-OR` excludes the word.
            Some(_) => self.term(self.at),
        }
    }

    fn atom(&mut self, start: usize) -> Result<(), ParseError> {
        let keyword = match self.word() {
            "OR" => TokenKind::Or,
            "AND" => TokenKind::And,
            "NOT" => TokenKind::Not,
            _ => return self.term(start),
        };
        self.at += self.word().len();
        self.push(keyword, start);
        Ok(())
    }

    fn term(&mut self, start: usize) -> Result<(), ParseError> {
        match self.peek() {
            Some('"') => {
                let text = self.quotes()?;
                self.end_of_quotes("")?;
                if text.is_empty() {
                    return Err(ParseError::new(start..self.at, "an empty phrase")
                        .expected("words between the quotes")
                        .mendable());
                }
                self.push(TokenKind::Phrase(text), start);
            }
            Some('\'')
                if self.rest()[1..].chars().next().is_none_or(is_delimiter) && !self.is_shell_phrase() =>
            {
                return Err(unclosed(start, self.text));
            }
            Some('\'') if self.is_shell_phrase() => {
                let text = self.quotes()?;
                self.push(TokenKind::Phrase(text), start);
            }
            _ => {
                self.bare()?;
                self.push(TokenKind::Text, start);
            }
        }
        Ok(())
    }

    /// `'two words'` by shell habit; `'web` is a part of a name, as in fzf.
    fn is_shell_phrase(&self) -> bool {
        let inside = &self.rest()[1..];
        inside
            .find('\'')
            .is_some_and(|end| end > 0 && inside[end + 1..].chars().next().is_none_or(is_delimiter))
    }

    fn bare(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        while let Some(c) = self.peek().filter(|c| !is_delimiter(*c)) {
            let before = &self.text[start..self.at];
            let opens = before.is_empty() || before.ends_with(QUOTE_OPENERS);
            match c {
                '"' | '\'' if opens && !(c == '\'' && before.is_empty() && !self.is_shell_phrase()) => {
                    self.quotes()?;
                    self.end_of_quotes(",$")?;
                }
                '"' => {
                    let error = ParseError::new(self.at..self.at + 1, "a quote in the middle of a word");
                    return Err(error
                        .expected("a space before it")
                        .suggest("a phrase stands alone: \"two words\""));
                }
                '/' if opens_regex(before) => self.at += regex(self.rest()).unwrap_or(1),
                _ => self.at += c.len_utf8(),
            }
        }
        Ok(())
    }

    /// Quoted text: in `"` a backslash escapes `"` and `\`, in `'` nothing does.
    fn quotes(&mut self) -> Result<String, ParseError> {
        let start = self.at;
        let unclosed = || unclosed(start, self.text);
        let (text, length) = unquote(self.rest()).ok_or_else(unclosed)?;
        self.at += length;
        Ok(text)
    }

    fn end_of_quotes(&self, also: &str) -> Result<(), ParseError> {
        match self.peek() {
            Some(c) if !is_delimiter(c) && !also.contains(c) => {
                let error =
                    ParseError::new(self.at..self.at + c.len_utf8(), "text right after a closing quote");
                Err(error.expected("a space").got(quoted(c.encode_utf8(&mut [0; 4]))))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a `/` after this much of a bare token may open a regular expression: at its start, or in a value.
/// `https://example.org/` is no qualifier, so that it stays text.
pub(super) fn opens_regex(before: &str) -> bool {
    if !before.is_empty() && !before.ends_with([':', '=', ',']) {
        return false;
    }
    let qualifier = before.split_once(':').map(|(word, _)| word);
    match before.find(['=', ':']).map(|at| &before[at..=at]) {
        None => before.is_empty(),
        Some("=") => true,
        Some(_) => qualifier.is_some_and(|word| find(QUALIFIERS, word).is_some()),
    }
}

/// The length of `/.../` at the start of `text`: up to a `/` that no backslash escapes and a delimiter or a comma follows.
/// White space never belongs to it. `None` where it does not close: a single slash belongs to names such as `deploy/web`.
pub(super) fn regex(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('/')?;
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        let ends = |at: usize| inside[at..].chars().next().is_none_or(|c| is_delimiter(c) || c == ',');
        match c {
            _ if c.is_whitespace() => return None,
            '/' if !escaped && at > 0 && ends(at + 1) => return Some(at + 2),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    None
}

/// Reads the quoted text at the start of `text`; its content and its length with both quotes. `None` if it never
/// ends.
pub(super) fn unquote(text: &str) -> Option<(String, usize)> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next()?;
    let mut out = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((out, at + 1)),
            '\\' if quote == '"' && text[at + 1..].starts_with(['"', '\\']) => {
                out.extend(chars.next().map(|(_, c)| c))
            }
            _ => out.push(c),
        }
    }
    None
}

fn unclosed(start: usize, text: &str) -> ParseError {
    let quote = if text[start..].starts_with('"') { "`\"`" } else { "`'`" };
    let error = ParseError::new(start..start + 1, "this quote is never closed");
    error.expected(quote).got("the end of the query").open()
}

fn nothing_to_exclude(span: Span) -> ParseError {
    ParseError::new(span, "nothing to exclude")
        .expected("a term right after it, as in `-kind:pod`")
        .mendable()
}
