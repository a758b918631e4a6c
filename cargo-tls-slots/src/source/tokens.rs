//! A source file as one flat list of tokens, each with its byte range.
//!
//! # Why tokens
//!
//! - Not items (`syn`): tokio hides items inside of `cfg_rt! { … }` and the like, where a parser of
//!   items sees a macro call with opaque arguments.
//! - Not text: examples in doc comments and strings would match, and a call that is broken over
//!   two lines would not.
//!
//! A flat list has every item at any depth. [`Token::parent`] and [`Token::pair`] lead through the
//! groups around a token; the byte range of each token makes edits possible that leave all other
//! bytes alone.
//!
//! | source          | tokens                                             |
//! | --------------- | -------------------------------------------------- |
//! | `{ … }`         | [`Kind::Open`], the contents, [`Kind::Close`]      |
//! | `// …`          | none                                               |
//! | `/// …`, `//! …`| one [`Kind::Doc`]; example code in it is no code   |
//! | `'static`       | one [`Kind::Lifetime`]                             |
//! | `::`            | two of [`Kind::Punct`]                             |

use std::ops::Range;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword; raw ones keep their `r#`.
    Ident,
    /// One character of punctuation.
    Punct,
    /// A literal of any kind.
    Literal,
    /// A lifetime or a loop label, its quote included.
    Lifetime,
    /// A doc comment.
    Doc,
    /// An opening delimiter.
    Open,
    /// A closing delimiter.
    Close,
}

/// One token of a [`Source`].
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it stands in the file, in bytes.
    pub(crate) range: Range<usize>,
    /// For a delimiter, the index of the other one of the pair; for others, the token's own index.
    pub(crate) pair: usize,
    /// The index of the opening delimiter of the group that the token stands in.
    pub(crate) parent: Option<usize>,
}

/// A file and its tokens.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// The whole text.
    pub(crate) text: &'a str,
    /// Its tokens, in order.
    pub(crate) tokens: Vec<Token>,
}

/// The text is not Rust, as far as tokens go. The message ends a sentence about the file.
#[derive(Debug, thiserror::Error)]
#[error("cannot be read as Rust: {0}")]
pub(crate) struct LexError(String);

impl<'a> Source<'a> {
    /// Splits `text` into tokens.
    ///
    /// # Errors
    ///
    /// [`LexError`] if a string or a comment has no end, or the delimiters do not pair.
    pub(crate) fn parse(text: &'a str) -> Result<Self, LexError> {
        // The lexer knows neither a byte order mark's length nor a `#!` line.
        let mut skipped = text.len() - text.trim_start_matches('\u{feff}').len();
        let body = &text[skipped..];
        if body.starts_with("#!") && !body[2..].trim_start().starts_with('[') {
            skipped += body.find('\n').unwrap_or(body.len());
        }
        let stream: TokenStream = text[skipped..]
            .parse()
            .map_err(|error: proc_macro2::LexError| LexError(error.to_string()))?;
        let mut source = Source {
            text,
            tokens: Vec::new(),
        };
        source.flatten(stream, skipped, None);
        Ok(source)
    }

    /// Appends the tokens of `stream`, whose spans count from the byte `base` of the file.
    fn flatten(&mut self, stream: TokenStream, base: usize, parent: Option<usize>) {
        let place = |span: proc_macro2::Span| {
            let range = span.byte_range();
            range.start + base..range.end + base
        };
        let mut trees = stream.into_iter().peekable();
        while let Some(tree) = trees.next() {
            let (kind, range) = match tree {
                TokenTree::Group(group) => {
                    let open = self.tokens.len();
                    let token = |kind, range, pair| Token {
                        kind,
                        range,
                        pair,
                        parent,
                    };
                    if group.delimiter() == Delimiter::None {
                        self.flatten(group.stream(), base, parent);
                        continue;
                    }
                    self.tokens
                        .push(token(Kind::Open, place(group.span_open()), open));
                    self.flatten(group.stream(), base, Some(open));
                    let close = self.tokens.len();
                    self.tokens
                        .push(token(Kind::Close, place(group.span_close()), open));
                    self.tokens[open].pair = close;
                    continue;
                }
                TokenTree::Punct(punct) => {
                    let range = place(punct.span());
                    // The lexer turns a doc comment into `#[doc = "…"]`, all of whose tokens
                    // claim the comment's place.
                    if punct.as_char() == '#' && self.text[range.start..].starts_with('/') {
                        let same = |tree: &TokenTree| place(tree.span()) == range;
                        while trees.next_if(same).is_some() {}
                        (Kind::Doc, range)
                    } else if punct.as_char() == '\'' {
                        match trees.next() {
                            Some(name) => (Kind::Lifetime, range.start..place(name.span()).end),
                            None => (Kind::Punct, range),
                        }
                    } else {
                        (Kind::Punct, range)
                    }
                }
                TokenTree::Ident(ident) => (Kind::Ident, place(ident.span())),
                TokenTree::Literal(literal) => (Kind::Literal, place(literal.span())),
            };
            self.tokens.push(Token {
                kind,
                range,
                pair: self.tokens.len(),
                parent,
            });
        }
    }

    /// The text of one token; empty past the end.
    pub(crate) fn at(&self, index: usize) -> &'a str {
        self.tokens
            .get(index)
            .map_or("", |token| &self.text[token.range.clone()])
    }

    /// The text of the token `back` places before `index`; empty before the start.
    pub(crate) fn before(&self, index: usize, back: usize) -> &'a str {
        index.checked_sub(back).map_or("", |index| self.at(index))
    }

    /// Whether the token is an identifier with this very text.
    pub(crate) fn is_ident(&self, index: usize, text: &str) -> bool {
        self.tokens
            .get(index)
            .is_some_and(|token| token.kind == Kind::Ident)
            && self.at(index) == text
    }

    /// Whether the two puncts at `index` stand side by side and make up `text`, as in `::`.
    pub(crate) fn is_joint(&self, index: usize, text: &str) -> bool {
        let (Some(first), Some(second)) = (self.tokens.get(index), self.tokens.get(index + 1))
        else {
            return false;
        };
        first.kind == Kind::Punct
            && second.kind == Kind::Punct
            && &self.text[first.range.start..second.range.end] == text
    }

    /// The line, counted from 1, of a byte offset. It counts newlines, so it is for messages and
    /// not for loops.
    pub(crate) fn line(&self, offset: usize) -> usize {
        1 + self.text[..offset].matches('\n').count()
    }

    /// The blanks and tabs that the line of a byte offset starts with.
    pub(crate) fn indentation(&self, offset: usize) -> &'a str {
        let start = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line = &self.text[start..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// The opening delimiters around a token, innermost first.
    pub(crate) fn ancestors(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.tokens[index].parent, |open| self.tokens[*open].parent)
    }

    /// The path of the macro call whose arguments `open` opens, without blanks: `a::b`.
    ///
    /// For `macro_rules! name { … }`, that is `macro_rules`.
    pub(crate) fn macro_call(&self, open: usize) -> Option<String> {
        let path = self.macro_path(open)?;
        Some(path.map(|index| self.at(index)).collect())
    }

    /// Where that path stands, as a range of token indices. `$crate` and a leading `::` belong to
    /// it.
    pub(crate) fn macro_path(&self, open: usize) -> Option<Range<usize>> {
        let mut end = open.checked_sub(1)?;
        // `macro_rules! name {`
        if self.tokens[end].kind == Kind::Ident && self.before(end, 2) == "macro_rules" {
            end -= 1;
        }
        if self.at(end) != "!" || self.tokens.get(end.checked_sub(1)?)?.kind != Kind::Ident {
            return None;
        }
        let mut start = end - 1;
        while start >= 2 && self.is_joint(start - 2, "::") {
            start -= 2;
            if start >= 1 && self.tokens[start - 1].kind == Kind::Ident {
                start -= 1;
                // `$crate::…`
                if start >= 1 && self.at(start) == "crate" && self.at(start - 1) == "$" {
                    start -= 1;
                }
            }
        }
        Some(start..end)
    }

    /// The name of the `macro_rules!` definition whose body `open` opens. The rules inside have
    /// groups of their own.
    pub(crate) fn macro_definition(&self, open: usize) -> Option<&'a str> {
        let name = open.checked_sub(1)?;
        (self.before(open, 3) == "macro_rules" && self.before(open, 2) == "!")
            .then(|| self.at(name))
    }

    /// The bytes of a range of tokens, from the start of the first to the end of the last.
    ///
    /// # Panics
    ///
    /// If the range is empty.
    pub(crate) fn bytes(&self, tokens: &Range<usize>) -> Range<usize> {
        self.tokens[tokens.start].range.start..self.tokens[tokens.end - 1].range.end
    }

    /// The line, counted from 1, of the token at `index`.
    pub(crate) fn line_of(&self, index: usize) -> usize {
        self.line(self.tokens[index].range.start)
    }

    /// The parts of a range of tokens between its outermost commas, as in a list of fields or
    /// parameters. A comma at the end makes no empty part.
    ///
    /// `<` counts as an opening bracket, so a list in which it means "less than" is split wrongly.
    pub(crate) fn split_at_commas(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut start = range.start;
        let mut at = range.start;
        let mut angles = 0;
        while at < range.end {
            match (self.tokens[at].kind, self.at(at)) {
                (Kind::Open, _) => at = self.tokens[at].pair,
                (Kind::Punct, "<") => angles += 1,
                // Not the arrow's.
                (Kind::Punct, ">") if self.before(at, 1) != "-" => angles -= 1,
                (Kind::Punct, ",") if angles == 0 => {
                    parts.push(start..at);
                    start = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        if start < range.end {
            parts.push(start..range.end);
        }
        parts
    }

    /// The index of the `;` that ends the item or statement at `index`, in the same group.
    pub(crate) fn end_of_item(&self, index: usize) -> Option<usize> {
        let parent = self.tokens[index].parent;
        let end = parent.map_or(self.tokens.len(), |open| self.tokens[open].pair);
        (index..end).find(|at| self.at(*at) == ";" && self.tokens[*at].parent == parent)
    }

    /// Where the tokens of `run` stand one after another, as ranges of token indices.
    ///
    /// Matches do not overlap: the search goes on behind each.
    pub(crate) fn find(&self, run: &Run) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut start = 0;
        while start + run.0.len() <= self.tokens.len() {
            let end = start + run.0.len();
            if (start..end).all(|index| {
                let (kind, text) = &run.0[index - start];
                self.tokens[index].kind == *kind && self.at(index) == text
            }) {
                found.push(start..end);
                start = end;
            } else {
                start += 1;
            }
        }
        found
    }
}

/// A short run of tokens to look for, as a recipe's entry spells it.
///
/// Blanks, line breaks and comments between the tokens do not matter. A run may stop inside a
/// group: `mod sync {` is a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run(Vec<(Kind, String)>);

impl Run {
    /// Splits `text` into tokens.
    ///
    /// # Errors
    ///
    /// [`LexError`] if it is no Rust, holds no token, or closes a group that it did not open.
    pub(crate) fn parse(text: &str) -> Result<Self, LexError> {
        // Close what the run leaves open, then forget the closing tokens.
        let mut closers = String::new();
        for character in text.chars() {
            match character {
                '(' => closers.insert(0, ')'),
                '[' => closers.insert(0, ']'),
                '{' => closers.insert(0, '}'),
                ')' | ']' | '}' if closers.starts_with(character) => {
                    closers.remove(0);
                }
                _ => {}
            }
        }
        let closed = format!("{text}\n{closers}");
        let source = Source::parse(&closed)?;
        let kept = source.tokens.len() - closers.len();
        let run: Vec<_> = (0..kept)
            .map(|index| (source.tokens[index].kind, source.at(index).to_owned()))
            .collect();
        if run.is_empty() {
            return Err(LexError("it holds no token".to_owned()));
        }
        Ok(Run(run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        let source = Source::parse(text).unwrap();
        (0..source.tokens.len())
            .map(|index| source.at(index))
            .collect()
    }

    #[test]
    fn doc_comments_are_one_token_each() {
        assert_eq!(
            texts("/// static A: u8 = 1;\n//x\nfn f() { //! inner\n }"),
            [
                "/// static A: u8 = 1;",
                "fn",
                "f",
                "(",
                ")",
                "{",
                "//! inner",
                "}"
            ]
        );
        assert_eq!(texts("#[doc = \"x\"] fn f() {}")[0..3], ["#", "[", "doc"]);
        assert_eq!(texts("/** a */ /** b */ x"), ["/** a */", "/** b */", "x"]);
    }

    #[test]
    fn lifetimes_are_one_token() {
        assert_eq!(texts("&'static T"), ["&", "'static", "T"]);
        assert_eq!(texts("'a: loop {}"), ["'a", ":", "loop", "{", "}"]);
        assert_eq!(texts("b'x' 'y'"), ["b'x'", "'y'"]);
    }

    #[test]
    fn places_are_bytes_after_a_mark_a_hash_bang_and_wide_characters() {
        assert_eq!(texts("\u{feff}fn é() {}"), ["fn", "é", "(", ")", "{", "}"]);
        assert_eq!(
            texts("#!/usr/bin/env run\nstatic é: u8 = 1;")[0..2],
            ["static", "é"]
        );
        assert_eq!(texts("#![allow(x)] // ∞\nfn f() {}")[8..10], ["fn", "f"]);
        assert_eq!(texts("#!/only"), [""; 0]);
    }

    #[test]
    fn lists_are_split_at_their_own_commas() {
        let source = Source::parse("a: B<C, D>, (e, f), fn(g) -> H<I, J>,").unwrap();
        let parts = source.split_at_commas(0..source.tokens.len());
        let texts: Vec<&str> = parts
            .iter()
            .map(|part| &source.text[source.bytes(part)])
            .collect();
        assert_eq!(texts, ["a: B<C, D>", "(e, f)", "fn(g) -> H<I, J>"]);
        assert!(source.split_at_commas(0..0).is_empty());
    }

    #[test]
    fn an_item_ends_in_its_own_group() {
        let source = Source::parse("mod m { static A: [u8; 2] = x } static B: u8 = 1;").unwrap();
        let at = |name: &str| (0..source.tokens.len()).find(|at| source.is_ident(*at, name));
        assert_eq!(source.end_of_item(at("A").unwrap()), None);
        let end = source.end_of_item(at("B").unwrap());
        assert_eq!(end, Some(source.tokens.len() - 1));
    }

    #[test]
    fn raw_identifiers_keep_their_mark() {
        assert_eq!(texts("r#static r\"x\""), ["r#static", "r\"x\""]);
    }

    #[test]
    fn runs_ignore_blanks_and_comments() {
        let source = Source::parse("a::b(c /* d */,\n e) \"a::b(c, e)\" a::b(c,e)").unwrap();
        let run = Run::parse("a :: b (c, e)").unwrap();
        assert_eq!(source.find(&run).len(), 2);
        assert!(source.find(&Run::parse("a::c").unwrap()).is_empty());
    }

    #[test]
    fn a_run_may_stop_inside_a_group() {
        let source = Source::parse("mod a { use b; }").unwrap();
        assert_eq!(source.find(&Run::parse("mod a {").unwrap())[0], 0..3);
        assert_eq!(source.find(&Run::parse("use b;").unwrap())[0], 3..6);
        assert!(Run::parse("").is_err());
        assert!(Run::parse("} x").is_err());
    }

    #[test]
    fn macro_calls_have_paths() {
        let source =
            Source::parse("a::b!{x} ::c!(y) $crate::d![z] e {w} macro_rules! f {v}").unwrap();
        let call = |name: &str| {
            let index = (0..source.tokens.len()).find(|i| source.is_ident(*i, name));
            source.macro_call(source.tokens[index.unwrap()].parent.unwrap())
        };
        assert_eq!(call("x").as_deref(), Some("a::b"));
        assert_eq!(call("y").as_deref(), Some("::c"));
        assert_eq!(call("z").as_deref(), Some("$crate::d"));
        assert_eq!(call("w"), None);
        assert_eq!(call("v").as_deref(), Some("macro_rules"));
    }
}
