//! How many lines of a file are code, documentation and comments.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

use crate::parsed::Parsed;

/// A file's lines, those of its tests left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Lines with code on them.
    pub(crate) code: usize,
    /// Lines of comments and doc comments, with nothing else on them.
    pub(crate) words: usize,
}

impl Lines {
    /// Counts.
    ///
    /// # Panics
    ///
    /// If the text is not Rust: it has been parsed.
    pub(crate) fn of(text: &str, parsed: &Parsed) -> Self {
        let tokens: TokenStream = text.parse().expect("it has been parsed");
        let mut code = BTreeSet::new();
        collect(tokens, text, &mut code);
        let mut lines = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || parsed.is_test(number) {
                continue;
            }
            match code.contains(&number) {
                true => lines.code += 1,
                false => lines.words += 1,
            }
        }
        lines
    }

    /// Lines of words for a line of code.
    pub(crate) fn ratio(self) -> f64 {
        self.words as f64 / self.code.max(1) as f64
    }
}

/// The lines on which a token stands. To the parser, a doc comment is an attribute: `#` and a
/// group, which stand where the comment does.
fn collect(tokens: TokenStream, text: &str, code: &mut BTreeSet<usize>) {
    let is = |token: &TokenTree, mark: char| matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark);
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let span = token.span();
        match &token {
            _ if is(&token, '#') && text[span.byte_range().start..].starts_with('/') => {
                // The group of `//!` has a `!` in front.
                tokens.next_if(|token| is(token, '!'));
                tokens.next();
            }
            TokenTree::Group(group) => {
                code.insert(group.span_open().start().line);
                collect(group.stream(), text, code);
                code.insert(group.span_close().end().line);
            }
            _ => code.extend(span.start().line..=span.end().line),
        }
    }
}
