//! The tokens of a crate: its root, and the files that the root's `mod`s and `include!`s lead to.
//!
//! Files are found by the rules of the Rust Reference, "Module source filenames". Conditions of
//! attributes are not evaluated: a file that another target or another feature would let in is read
//! as well, so the digest does not depend on either. What only unit tests compile is left out.
//!
//! Where a macro makes a `mod` or an `include!`, nobody knows the file before the macro has run.
//! Then all files below the crate's root are read, but for programs. Files that a build script has
//! made are read in any case: `include!` of them often stands in somebody else's macro.

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
        let folder = root.parent()?;
        let mut walk = Walk {
            digest: Digest::new(),
            files: Vec::new(),
            words: BTreeSet::new(),
            has_unknown: false,
        };
        walk.file(root, folder)?;
        if walk.has_unknown {
            let is_program = |path: &Path| path.ends_with("main.rs") || path.ends_with("bin");
            walk.folder(folder, &is_program);
        }
        if let Some(made) = env::var_os("OUT_DIR") {
            walk.folder(Path::new(&made), &|_| false);
        }
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
    /// Whether the crate may have files that were not found.
    has_unknown: bool,
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

    /// Reads all files of Rust in a folder and below it, sorted, but for those to be left out.
    fn folder(&mut self, folder: &Path, leave_out: &dyn Fn(&Path) -> bool) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| !leave_out(path));
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.folder(&path, leave_out);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                self.file(&path, path.parent().unwrap_or(folder));
            }
        }
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
                let mut paths = Vec::new();
                attributes.iter().for_each(|one| paths_of(one, &mut paths));
                self.attributes(&mut attributes, place);
                self.module(&name, body, &paths, place);
                continue;
            }
            self.attributes(&mut attributes, place);
            self.has_unknown |= makes_module(rest);
            if let Some((path, is_rust)) = included(rest) {
                let path = path.map(|path| place.beside.join(path));
                let found = match (&path, is_rust) {
                    (Some(path), true) => self.file(path, path.parent().unwrap_or(place.beside)),
                    (Some(path), false) => self.data(path),
                    (None, _) => None,
                };
                self.has_unknown |= found.is_none();
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

    /// A `mod`, whose body is in braces here or else in a file. `paths` are those of `#[path]`s,
    /// each of which may hold or not.
    fn module(
        &mut self,
        name: &str,
        body: Option<TokenStream>,
        paths: &[String],
        place: &Place<'_>,
    ) {
        self.digest.add(b'm', name.as_bytes());
        let folder = name.strip_prefix("r#").unwrap_or(name);
        if let Some(body) = body {
            let below = place
                .below
                .join(paths.first().map_or(folder, String::as_str));
            let place = Place {
                below,
                inline: true,
                ..*place
            };
            self.tokens(body, &place);
        } else {
            let start = match place.inline {
                true => &place.below,
                false => place.beside,
            };
            let mut found = false;
            for path in paths {
                let file = start.join(path);
                let below = file.parent().unwrap_or(start).to_owned();
                found |= self.file(&file, &below).is_some();
            }
            let below = place.below.join(folder);
            let file = place.below.join(format!("{folder}.rs"));
            for file in [file, below.join("mod.rs")] {
                found |= self.file(&file, &below).is_some();
            }
            self.has_unknown |= !found;
        }
        self.digest.add(b'e', b"");
    }

    /// A file that is no Rust.
    fn data(&mut self, path: &Path) -> Option<()> {
        let name = path.to_str()?.to_owned();
        let bytes = fs::read(path).ok()?;
        // Version control may have changed the ends of lines.
        let bytes: Vec<u8> = bytes.into_iter().filter(|byte| *byte != b'\r').collect();
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

/// `doc…`, or `cfg_attr(…, doc…)`.
fn is_doc(attribute: &TokenStream) -> bool {
    let mut tokens = attribute.clone().into_iter();
    let first = tokens.next().map(|word| word.to_string());
    match (first.as_deref(), tokens.next()) {
        (Some("doc"), _) => true,
        (Some("cfg_attr"), Some(TokenTree::Group(group))) => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            let comma = tokens.iter().position(
                |token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','),
            );
            let what = comma.and_then(|at| tokens.get(at + 1));
            what.is_some_and(|word| word.to_string() == "doc")
        }
        _ => false,
    }
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

/// The values of `path = "…"`, also within `cfg_attr`.
fn paths_of(attribute: &TokenStream, paths: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = attribute.clone().into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1), tokens.get(at + 2)) {
            (TokenTree::Group(group), ..) => paths_of(&group.stream(), paths),
            (
                TokenTree::Ident(word),
                Some(TokenTree::Punct(_)),
                Some(TokenTree::Literal(value)),
            ) if word.to_string() == "path" => {
                paths.extend(plain(&value.to_string()));
            }
            _ => {}
        }
    }
}

/// Whether the tokens begin with `mod $name`, in a macro's body.
fn makes_module(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [TokenTree::Ident(word), TokenTree::Punct(sign), ..]
        if word.to_string() == "mod" && sign.as_char() == '$')
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

/// The path that `include!`, `include_str!` or `include_bytes!` names, if the tokens begin with one
/// of them, and whether the file is Rust. No path where it is more than literals and variables of
/// the environment.
fn included(tokens: &[TokenTree]) -> Option<(Option<String>, bool)> {
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
    (bang.as_char() == '!').then(|| (text_of(group.stream()), is_rust))
}

/// The text that `"…"`, `concat!(…)` or `env!("…")` stands for.
fn text_of(tokens: TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    let mut text = String::new();
    for part in tokens.split(comma).filter(|part| !part.is_empty()) {
        text += &match part {
            [TokenTree::Literal(literal)] => plain(&literal.to_string())?,
            [
                TokenTree::Ident(word),
                TokenTree::Punct(_),
                TokenTree::Group(group),
            ] => match word.to_string().as_str() {
                "concat" => text_of(group.stream())?,
                "env" => env::var(text_of(group.stream())?).ok()?,
                _ => return None,
            },
            _ => return None,
        };
    }
    Some(text)
}

/// The value of a literal text without escapes.
fn plain(literal: &str) -> Option<String> {
    let raw = literal.strip_prefix('r');
    let text = raw.unwrap_or(literal).trim_matches('#');
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    (raw.is_some() || !text.contains('\\')).then(|| text.to_owned())
}
