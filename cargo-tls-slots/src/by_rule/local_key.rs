//! The names of a thread-local's types.
//!
//! A shared thread-local is no `std::thread::LocalKey`, and its error is no
//! `std::thread::AccessError`. Where a crate names these types, it must name ours. An import
//! becomes an import of ours beside it, because a list such as `use std::thread::{self, LocalKey}`
//! may be needed for its other names.

use std::ops::Range;

use super::root_path::root_path;
use crate::source::edit::Edit;
use crate::source::library::Library;
use crate::source::place;
use crate::source::tokens::{Kind, Source};

/// The types of std that thread-locals have, by their last names.
const NAMES: [&str; 2] = ["LocalKey", "AccessError"];

/// Adds the edits of each file of a library whose thread-locals are shared.
///
/// A name counts only in a path through `thread`, or in an import that names it: a crate may have a
/// `LocalKey` of its own.
pub(super) fn rename(library: &Library<'_>, edits: &mut [Vec<Edit>]) {
    for (file, list) in library.files.iter().zip(edits) {
        let source = &file.source;
        let imports = place::uses(source);
        for index in 0..source.tokens.len() {
            let is_name = source.tokens[index].kind == Kind::Ident;
            if !is_name || !NAMES.contains(&source.at(index)) {
                continue;
            }
            match imports.iter().find(|range| range.contains(&index)) {
                Some(import) if import.clone().any(|at| source.is_ident(at, "thread")) => {
                    list.extend(import_edit(source, import, index));
                }
                Some(_) => {}
                None => list.extend(path_edit(source, index)),
            }
        }
    }
}

/// The edit of `std::thread::LocalKey` in code: the whole path becomes ours. `None` if the name
/// stands alone, as an import has made it ours then.
fn path_edit(source: &Source<'_>, index: usize) -> Option<Edit> {
    let in_thread = source.is_joint(index.saturating_sub(2), "::")
        && source.is_ident(index.saturating_sub(3), "thread");
    if !in_thread {
        return None;
    }
    let mut start = index - 3;
    while start >= 2 && source.is_joint(start - 2, "::") {
        start -= 2;
        if start > 0 && source.tokens[start - 1].kind == Kind::Ident {
            start -= 1;
        }
    }
    let name = source.at(index);
    Some(Edit::replace(
        source.bytes(&(start..index + 1)),
        format!("{}::external_tls::{name}", root_path(source, index)),
    ))
}

/// `use std::thread::{self, LocalKey};`: the name is imported as `_`, and ours beside it.
fn import_edit(source: &Source<'_>, import: &Range<usize>, index: usize) -> [Edit; 2] {
    let name = source.at(index);
    let (renamed, edit) = match source.at(index + 1) {
        "as" => {
            let edit = Edit::replace(source.tokens[index + 2].range.clone(), "_");
            (source.at(index + 2), edit)
        }
        _ => (name, Edit::insert(source.tokens[index].range.end, " as _")),
    };
    // Attributes and visibility hold for both.
    let start = place::start_of_item(source, import.start);
    let lead = source.tokens[start].range.start..source.tokens[import.start].range.start;
    let lead = &source.text[lead];
    let rename = match renamed == name {
        true => String::new(),
        false => format!(" as {renamed}"),
    };
    let root = root_path(source, index);
    let text = format!("\n{lead}use {root}::external_tls::{name}{rename};");
    [
        edit,
        Edit::insert(source.tokens[import.end].range.end, text),
    ]
}
