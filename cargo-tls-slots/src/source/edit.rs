//! Changes of a text: byte ranges that get another text.
//!
//! What no edit names stays as it was, byte by byte: `diff` of a fork and its release shows our
//! edits and nothing else. Two edits that touch the same bytes have no meaning, so they are an
//! error and never a guess.

use std::ops::Range;

use super::tokens::{Kind, Source};

/// One replacement. An insertion has an empty range.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    /// The bytes of the original text that go.
    pub(crate) range: Range<usize>,
    /// What comes in their place.
    pub(crate) text: String,
}

impl Edit {
    /// Puts `text` before the byte at `offset`.
    pub(crate) fn insert(offset: usize, text: impl Into<String>) -> Self {
        Edit::replace(offset..offset, text)
    }

    /// Puts `text` in the place of `range`.
    pub(crate) fn replace(range: Range<usize>, text: impl Into<String>) -> Self {
        Edit {
            range,
            text: text.into(),
        }
    }
}

/// Two edits touch the same bytes.
#[derive(Debug)]
pub(crate) struct Overlap {
    /// The line of the second one, counted from 1.
    pub(crate) line: usize,
}

/// Applies `edits`, in any order, to `text`.
///
/// Insertions at one offset keep the order that they have in the list: the sort is stable, and a
/// recipe's reader expects the order of its entries.
///
/// # Errors
///
/// [`Overlap`] if two edits touch the same bytes.
pub(crate) fn apply(text: &str, mut edits: Vec<Edit>) -> Result<String, Overlap> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut result = String::with_capacity(text.len());
    let mut copied = 0;
    for edit in &edits {
        let Some(between) = text.get(copied..edit.range.start) else {
            let line = 1 + text[..edit.range.start].matches('\n').count();
            return Err(Overlap { line });
        };
        result += between;
        result += &edit.text;
        copied = edit.range.end;
    }
    result += &text[copied..];
    Ok(result)
}

/// Wraps the static whose keyword is the token at `index` in a call of the macro `call`:
/// `pub static A: u8 = 1;` becomes `call { pub static A: u8 = 1; }`.
///
/// Attributes and visibility go into the call. Leading `#[cfg]`s do not: in front they hold for
/// the call as a whole, whatever the macro makes of it.
///
/// Returns `None` if the declaration has no `;` at its end.
pub(crate) fn wrap_static(source: &Source<'_>, index: usize, call: &str) -> Option<[Edit; 2]> {
    let start = start_without_cfgs(source, start_of_visibility(source, index));
    let end = source.end_of_item(index)?;
    Some([
        Edit::insert(source.tokens[start].range.start, format!("{call} {{ ")),
        Edit::insert(source.tokens[end].range.end, " }"),
    ])
}

/// The index of `pub` in `pub static` or `pub(…) static`; `index` itself without one.
fn start_of_visibility(source: &Source<'_>, index: usize) -> usize {
    if source.before(index, 1) == ")" && source.before(source.tokens[index - 1].pair, 1) == "pub" {
        source.tokens[index - 1].pair - 1
    } else if source.before(index, 1) == "pub" {
        index - 1
    } else {
        index
    }
}

/// The index of the first attribute or doc comment of an item that is no leading `#[cfg]`.
///
/// `start` is the item's first token behind its attributes, and the answer if it has none.
fn start_without_cfgs(source: &Source<'_>, start: usize) -> usize {
    // Attributes, back to front.
    let mut attributes = Vec::new();
    let mut at = start;
    while at > 0 {
        let before = &source.tokens[at - 1];
        if before.kind == Kind::Doc {
            at -= 1;
        } else if source.at(at - 1) == "]" && source.before(before.pair, 1) == "#" {
            at = before.pair - 1;
        } else {
            break;
        }
        attributes.push(at);
    }
    attributes
        .into_iter()
        .rev()
        .find(|first| source.at(*first) != "#" || !source.is_ident(first + 2, "cfg"))
        .unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insertions_at_one_place_keep_their_order() {
        let edits = vec![
            Edit::insert(1, "1"),
            Edit::replace(2..3, ""),
            Edit::insert(1, "2"),
        ];
        assert_eq!(apply("abc", edits).unwrap(), "a12b");
    }

    #[test]
    fn edits_that_overlap_are_refused_with_the_line_of_the_second() {
        let edits = vec![Edit::replace(0..4, "x"), Edit::replace(3..5, "y")];
        assert_eq!(apply("a\nb\nc", edits).unwrap_err().line, 2);
        let side_by_side = vec![Edit::replace(0..1, "x"), Edit::replace(1..2, "y")];
        assert_eq!(apply("ab", side_by_side).unwrap(), "xy");
    }
}
