//! Paths in a macro's tokens, which the parser does not look into.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use crate::parsed::Form;

/// A path in a macro's tokens.
pub(crate) struct Found {
    pub(crate) names: Vec<String>,
    pub(crate) form: Form,
    pub(crate) span: Span,
}

/// All paths of two names and more, and the names of all macros that are called, at any depth.
///
/// `a::{b, c::d}` counts as two paths, as in a `use`.
pub(crate) fn paths(tokens: TokenStream) -> Vec<Found> {
    let mut found = Vec::new();
    collect(&inner(tokens), &mut found);
    found
}

fn inner(tokens: TokenStream) -> Vec<TokenTree> {
    tokens.into_iter().collect()
}

fn collect(tokens: &[TokenTree], found: &mut Vec<Found>) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Group(group) => {
                collect(&inner(group.stream()), found);
                at += 1;
            }
            TokenTree::Ident(_) => at = path(tokens, at, Form::Path, &[], found),
            TokenTree::Punct(_) if is(tokens, at, '$') => {
                // Another name than `crate` stands for something that is not known here.
                if tokens
                    .get(at + 1)
                    .is_some_and(|token| token.to_string() == "crate")
                {
                    at = path(tokens, at + 1, Form::Expansion, &[], found);
                } else {
                    at += 2;
                }
            }
            // `::name` belongs to another crate, `.name` is a field, `'name` a lifetime.
            TokenTree::Punct(_) if is_colons(tokens, at) => at += 3,
            TokenTree::Punct(_) if is(tokens, at, '.') || is(tokens, at, '\'') => at += 2,
            _ => at += 1,
        }
    }
}

/// Reads the path that starts at the name `at`, below `prefix`, and returns where it ends.
fn path(
    tokens: &[TokenTree],
    mut at: usize,
    form: Form,
    prefix: &[String],
    found: &mut Vec<Found>,
) -> usize {
    let span = tokens[at].span();
    let mut names = prefix.to_vec();
    loop {
        let name = tokens[at].to_string();
        // `a::{self}` is `a`.
        if names.is_empty() || name != "self" {
            names.push(name);
        }
        at += 1;
        if !is_colons(tokens, at) {
            break;
        }
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(_)) => at += 2,
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let branches = inner(group.stream());
                for branch in branches.split(|token| token.to_string() == ",") {
                    if matches!(branch.first(), Some(TokenTree::Ident(_))) {
                        path(branch, 0, form, &names, found);
                    }
                }
                return at + 3;
            }
            _ => break,
        }
    }
    let is_call = is(tokens, at, '!') && !is(tokens, at + 1, '=');
    let form = match names.len() {
        1 if is_call => Form::Macro,
        1 => return at,
        _ => form,
    };
    found.push(Found { names, form, span });
    at
}

fn is(tokens: &[TokenTree], at: usize, wanted: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_colons(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens, at, ':') && is(tokens, at + 1, ':')
}
