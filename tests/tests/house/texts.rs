//! What is looked for in the texts of files, line by line and token by token.

use proc_macro2::{TokenStream, TokenTree};

use crate::parsed::Parsed;

/// The widest that a comment may be.
const WIDTH: usize = 100;

/// How far a `SAFETY: as above` may be from the comment that it means.
const NEAR: usize = 6;

/// Comments of a `.rs` file, or of a `.toml` file, that are too wide. The rows of a table may be
/// wide, as a row cannot be wrapped.
pub(crate) fn wide_comments(path: &str, text: &str) -> Vec<String> {
    let mark = if path.ends_with(".rs") { "//" } else { "# " };
    let is_wide = |line: &str| {
        let words = line.trim_start();
        let is_row = words
            .trim_start_matches(['/', '!', '#', ' '])
            .starts_with('|');
        words.starts_with(mark) && !is_row && line.chars().count() > WIDTH
    };
    let wide = (1..).zip(text.lines()).filter(|(_, line)| is_wide(line));
    wide.map(|(number, line)| format!("{path}:{number}: {} columns", line.chars().count()))
        .collect()
}

/// Each `SAFETY: as above` that does not stand beside another `SAFETY:`.
pub(crate) fn far_safety(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut last: Option<usize> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let Some((_, words)) = line.split_once("// SAFETY:") else {
            continue;
        };
        let is_near = last.is_some_and(|last| number - last <= NEAR);
        if words.trim_start().starts_with("as above") && !is_near {
            complaints.push(format!(
                "{path}:{number}: `SAFETY: as above`, and nothing is near"
            ));
        }
        last = Some(number);
    }
    complaints
}

/// How far `into_inner` may stand behind `unwrap_or_else` to be what that calls.
const REACH: usize = 8;

/// The lines that go on with a lock that somebody panicked under: `PoisonError`, or an
/// `unwrap_or_else` with `into_inner`.
pub(crate) fn poisoned_locks(text: &str, parsed: &Parsed) -> Vec<usize> {
    let words = words(text);
    let names = (0..).zip(&words).filter_map(|(at, (line, word))| {
        let goes_on = || {
            words[at..]
                .iter()
                .take(REACH)
                .any(|(_, word)| word == "into_inner")
        };
        (word == "PoisonError" || (word == "unwrap_or_else" && goes_on())).then_some(*line)
    });
    let mut lines: Vec<usize> = names.filter(|line| !parsed.is_test(*line)).collect();
    lines.dedup();
    lines
}

/// The names that a file gives to the linker, with their lines: of what has the attribute
/// `no_mangle`, and of `export_name`.
pub(crate) fn linker_names(text: &str, parsed: &Parsed) -> Vec<(usize, String)> {
    let words = words(text);
    let mut names = Vec::new();
    for (at, (line, word)) in words.iter().enumerate() {
        let mut rest = words[at + 1..].iter().map(|(_, word)| word.as_str());
        let name = match word.as_str() {
            "no_mangle" => {
                rest.find(|word| matches!(*word, "fn" | "static"));
                rest.find(|word| *word != "mut")
            }
            "export_name" => rest.find(|word| word.starts_with('"')),
            _ => continue,
        };
        let name = name.unwrap_or_default().trim_matches('"');
        if !parsed.is_test(*line) {
            names.push((*line, name.to_owned()));
        }
    }
    names
}

/// All tokens of a file with their lines, whatever brackets they stand in; without texts of
/// several words, which doc comments are.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    collect(text.parse().expect("it has been parsed"), &mut words);
    words
}

fn collect(tokens: TokenStream, words: &mut Vec<(usize, String)>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect(group.stream(), words),
            TokenTree::Literal(text) if text.to_string().contains(' ') => {}
            token => words.push((token.span().start().line, token.to_string())),
        }
    }
}
