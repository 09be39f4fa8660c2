//! How tantivy gets the terms: ready, one after another.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// tantivy tokenizer: terms come ready, separated by NUL.
#[derive(Debug, Clone, Default)]
pub(crate) struct Split {
    token: Token,
}

/// Stream of [`Split`].
#[derive(Debug)]
pub(crate) struct SplitStream<'a> {
    rest: Option<&'a str>,
    token: &'a mut Token,
}

impl Tokenizer for Split {
    type TokenStream<'a> = SplitStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> SplitStream<'a> {
        self.token.reset();
        SplitStream { rest: (!text.is_empty()).then_some(text), token: &mut self.token }
    }
}

impl TokenStream for SplitStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(rest) = self.rest else { return false };
        let (term, rest) = match memchr::memchr(0, rest.as_bytes()) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        self.rest = rest;
        self.token.text.clear();
        self.token.text.push_str(term);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokenizer_gives_back_the_terms() {
        let mut split = Split::default();
        let mut stream = split.token_stream("sa\0sb\0\0sc");
        let mut found = Vec::new();
        while stream.advance() {
            found.push(stream.token().text.clone());
        }
        assert_eq!(found, ["sa", "sb", "", "sc"]);
        assert!(!Split::default().token_stream("").advance());
    }
}
