//! The tokens of a crate: its root, and the files that the root's `mod`s and `include!`s lead to.
//!
//! Files are found by the rules of the Rust Reference, "Module source filenames". Attributes are
//! followed but for their conditions: a file that another target or another feature would let in is
//! read as well, so the digest does not depend on either. What only unit tests compile is left out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use proc_macro::{Delimiter, TokenStream, TokenTree};

use crate::digest::Digest;

/// What was read.
pub(crate) struct Sources {
    /// A hash of all tokens.
    pub(crate) digest: u128,
    /// All files, absolute paths.
    pub(crate) files: Vec<String>,
    /// Every identifier and literal.
    words: BTreeSet<String>,
}

impl Sources {
    /// Reads a crate from its root; `None` if the root cannot be read.
    pub(crate) fn read(root: &Path) -> Option<Self> {
        let mut walk = Walk {
            digest: Digest::new(),
            files: Vec::new(),
            words: BTreeSet::new(),
        };
        walk.file(root, root.parent()?)?;
        Some(Self {
            digest: walk.digest.finish(),
            files: walk.files,
            words: walk.words,
        })
    }

    /// Whether an identifier or a literal of the crate is this one.
    pub(crate) fn ask_for(&self, word: &str) -> bool {
        self.words.contains(word)
    }
}

/// Where a token stands.
struct Place<'a> {
    /// The folder of the file, which `#[path]` and `include!` start from.
    beside: &'a Path,
    /// The folder of the files of the Rust module that the token is in.
    below: PathBuf,
    /// Whether that module stands in the file itself, between braces.
    inline: bool,
}

struct Walk {
    digest: Digest,
    files: Vec<String>,
    words: BTreeSet<String>,
}

impl Walk {
    /// Reads a file of Rust. Its `mod`s have their files in `below`.
    fn file(&mut self, path: &Path, below: &Path) -> Option<()> {
        // A file that includes itself ends here.
        let name = path.to_str()?.to_owned();
        if self.files.contains(&name) {
            return Some(());
        }
        let bytes = fs::read(path).ok()?;
        self.files.push(name);
        let text = String::from_utf8_lossy(&bytes);
        match text.parse::<TokenStream>() {
            Ok(tokens) => self.tokens(
                tokens,
                &Place {
                    beside: path.parent()?,
                    below: below.to_owned(),
                    inline: false,
                },
            ),
            // What is included need not be whole items; then the compiler has its say.
            Err(_) => self.digest.add(b'b', &bytes),
        }
        Some(())
    }

    fn tokens(&mut self, tokens: TokenStream, place: &Place<'_>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // Those of the item that comes next. They count if the item does.
        let mut attributes = Vec::new();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let rest = &tokens[at..];
            if let Some((attribute, length)) = attribute(rest) {
                at += length;
                if !is_doc(&attribute) {
                    attributes.push(attribute);
                }
                continue;
            }
            let visibility = visibility(rest);
            if let Some((name, body)) = module(&rest[visibility..]) {
                at += visibility + 3;
                if attributes.iter().any(is_for_tests) {
                    attributes.clear();
                    continue;
                }
                let path = attributes.iter().find_map(path_of);
                self.attributes(&mut attributes, place);
                self.module(&name, body, path, place);
                continue;
            }
            self.attributes(&mut attributes, place);
            if let Some(included) = included(rest, place.beside) {
                match included {
                    (path, true) => self.file(&path, path.parent().unwrap_or(place.beside)),
                    (path, false) => self.data(&path),
                };
            }
            self.token(token, place);
            at += 1;
        }
        self.attributes(&mut attributes, place);
    }

    fn attributes(&mut self, attributes: &mut Vec<TokenStream>, place: &Place<'_>) {
        for attribute in attributes.drain(..) {
            self.digest.add(b'#', b"");
            self.tokens(attribute, place);
        }
    }

    fn token(&mut self, token: &TokenTree, place: &Place<'_>) {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => (b'(', b')'),
                    Delimiter::Brace => (b'{', b'}'),
                    Delimiter::Bracket => (b'[', b']'),
                    Delimiter::None => (b'<', b'>'),
                };
                self.digest.add(open, b"");
                self.tokens(group.stream(), place);
                self.digest.add(close, b"");
            }
            TokenTree::Punct(punct) => {
                self.digest.add(b'p', &[punct.as_char() as u8]);
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                let word = token.to_string();
                self.digest.add(b'w', word.as_bytes());
                self.words.insert(word);
            }
        }
    }

    /// A `mod`, whose body is in braces here or else in a file.
    fn module(
        &mut self,
        name: &str,
        body: Option<TokenStream>,
        path: Option<String>,
        place: &Place<'_>,
    ) {
        self.digest.add(b'm', name.as_bytes());
        let folder = name.strip_prefix("r#").unwrap_or(name);
        match (body, path) {
            (Some(body), path) => {
                let below = place.below.join(path.as_deref().unwrap_or(folder));
                let place = Place {
                    below,
                    inline: true,
                    ..*place
                };
                self.tokens(body, &place);
            }
            (None, Some(path)) => {
                let start = match place.inline {
                    true => &place.below,
                    false => place.beside,
                };
                let file = start.join(path);
                let below = file.parent().unwrap_or(start).to_owned();
                self.file(&file, &below);
            }
            (None, None) => {
                let below = place.below.join(folder);
                let file = place.below.join(format!("{folder}.rs"));
                if self.file(&file, &below).is_none() {
                    self.file(&below.join("mod.rs"), &below);
                }
            }
        }
        self.digest.add(b'e', b"");
    }

    /// A file that is no Rust.
    fn data(&mut self, path: &Path) -> Option<()> {
        let name = path.to_str()?.to_owned();
        let bytes = fs::read(path).ok()?;
        self.digest.add(b'b', &bytes);
        self.files.push(name);
        Some(())
    }
}

/// The contents of the attribute that the tokens begin with, and how many tokens it is.
fn attribute(tokens: &[TokenTree]) -> Option<(TokenStream, usize)> {
    let is = |at: usize, sign: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    if !is(0, '#') {
        return None;
    }
    let at = 1 + usize::from(is(1, '!'));
    match tokens.get(at)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
            Some((group.stream(), at + 1))
        }
        _ => None,
    }
}

fn is_doc(attribute: &TokenStream) -> bool {
    let first = attribute.clone().into_iter().next();
    first.is_some_and(|word| word.to_string() == "doc")
}

/// `cfg(test)`, or `cfg(all(test, …))`.
fn is_for_tests(attribute: &TokenStream) -> bool {
    let text: String = attribute.to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// The `mod` that the tokens begin with: its name, and its body if that is in braces. Three tokens.
fn module(tokens: &[TokenTree]) -> Option<(String, Option<TokenStream>)> {
    let [TokenTree::Ident(word), TokenTree::Ident(name), end, ..] = tokens else {
        return None;
    };
    if word.to_string() != "mod" {
        return None;
    }
    match end {
        TokenTree::Punct(punct) if punct.as_char() == ';' => Some((name.to_string(), None)),
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            Some((name.to_string(), Some(group.stream())))
        }
        _ => None,
    }
}

/// The value of `path = "…"`.
fn path_of(attribute: &TokenStream) -> Option<String> {
    match &attribute.clone().into_iter().collect::<Vec<_>>()[..] {
        [
            TokenTree::Ident(word),
            TokenTree::Punct(_),
            TokenTree::Literal(value),
        ] if word.to_string() == "path" => plain(&value.to_string()),
        _ => None,
    }
}

/// How many tokens the visibility is that the tokens begin with: `pub`, or `pub(…)`.
fn visibility(tokens: &[TokenTree]) -> usize {
    match tokens {
        [TokenTree::Ident(word), TokenTree::Group(group), ..]
            if word.to_string() == "pub" && group.delimiter() == Delimiter::Parenthesis =>
        {
            2
        }
        [TokenTree::Ident(word), ..] if word.to_string() == "pub" => 1,
        _ => 0,
    }
}

/// The file that `include!`, `include_str!` or `include_bytes!` names, if the tokens begin with one
/// of them, and whether that file is Rust. It is a literal path, or one below a folder of cargo's.
fn included(tokens: &[TokenTree], beside: &Path) -> Option<(PathBuf, bool)> {
    let [
        TokenTree::Ident(word),
        TokenTree::Punct(bang),
        TokenTree::Group(group),
        ..,
    ] = tokens
    else {
        return None;
    };
    let is_rust = match word.to_string().as_str() {
        "include" => true,
        "include_str" | "include_bytes" => false,
        _ => return None,
    };
    if bang.as_char() != '!' {
        return None;
    }
    let path = match group.stream().into_iter().collect::<Vec<_>>().as_slice() {
        [TokenTree::Literal(path), ..] => plain(&path.to_string())?,
        [TokenTree::Ident(word), _, TokenTree::Group(parts), ..]
            if word.to_string() == "concat" =>
        {
            below_variable(parts.stream())?
        }
        _ => return None,
    };
    Some((beside.join(path), is_rust))
}

/// The path of `env!("NAME"), "…"`.
fn below_variable(parts: TokenStream) -> Option<String> {
    let parts: Vec<TokenTree> = parts.into_iter().collect();
    let [
        TokenTree::Ident(word),
        _,
        TokenTree::Group(name),
        _,
        TokenTree::Literal(path),
        ..,
    ] = &parts[..]
    else {
        return None;
    };
    if word.to_string() != "env" {
        return None;
    }
    let name = plain(&name.stream().to_string())?;
    Some(env::var(name).ok()? + &plain(&path.to_string())?)
}

/// The value of a literal text without escapes.
fn plain(literal: &str) -> Option<String> {
    let text = literal.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then(|| text.to_owned())
}
