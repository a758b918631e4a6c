//! Every place where an expression names a static.
//!
//! A shared static has another type than before: `ProcessLocal<T>` instead of `T`. So the places
//! that name it must be changed, and only those: the same word may be a pattern, a field, a type or
//! a macro's business. A word that is in doubt is no use. It stays as it is, and then either works
//! through auto-dereferencing or does not compile.

use std::ops::Range;

use super::macros::last;
use super::names::Names;
use crate::source::library::Library;
use crate::source::place::{self, Block};
use crate::source::tokens::{Kind, Source};

/// Macros whose arguments are expressions, so that a name alone in them is one.
const EXPRESSION_MACROS: [&str; 25] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "dbg",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "matches",
    "panic",
    "print",
    "println",
    "todo",
    "try",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
    "ready",
    "addr_of",
    "addr_of_mut",
];

/// Macros whose arguments are looked at as text.
const TEXT_MACROS: [&str; 4] = ["stringify", "concat", "env", "include"];

/// A place where an expression names one static, or one of several.
pub(super) struct Use {
    /// The index of its file.
    pub(super) file: usize,
    /// The token that is the static's name.
    pub(super) index: usize,
    /// The whole path, as a range of tokens: `a::b::NAME`.
    pub(super) path: Range<usize>,
    /// The statics that may be meant, at least one.
    pub(super) means: Vec<usize>,
}

/// All uses in a library. An import is none: what it names is wrapped where it is declared.
pub(super) fn find(library: &Library<'_>, names: &Names<'_>) -> Vec<Use> {
    let mut all = Vec::new();
    for (file, one) in library.files.iter().enumerate() {
        let source = &one.source;
        let imports = place::uses(source);
        for index in 0..source.tokens.len() {
            let is_name = source.tokens[index].kind == Kind::Ident;
            if !is_name
                || !names.has_static(source.at(index))
                || imports.iter().any(|range| range.contains(&index))
            {
                continue;
            }
            let Some(path) = expression_path(source, index) else {
                continue;
            };
            let means = names.resolve(source.at(index), file, index, path.start == index);
            if !means.is_empty() {
                all.push(Use {
                    file,
                    index,
                    path,
                    means,
                });
            }
        }
    }
    all
}

/// The path that ends with the name at `index`, if it is an expression that can mean a static.
///
/// | tokens | path |
/// | --- | --- |
/// | `NAME.load()`, `f(&NAME)`, `NAME[1]` | `NAME` |
/// | `a::b::NAME`, `$crate::NAME`, `::a::NAME` | the whole path |
/// | `Type::NAME`, `<T as A>::NAME` | none: an associated constant or a variant |
/// | `x.NAME`, `NAME: 1`, `NAME => …`, `NAME!()`, `NAME::x` | none |
/// | `name!(NAME)` of an unknown macro | none |
fn expression_path(source: &Source<'_>, index: usize) -> Option<Range<usize>> {
    if !may_be_expression(source, index) {
        return None;
    }
    let mut start = index;
    while start >= 2 && source.is_joint(start - 2, "::") {
        start -= 2;
        let segment = start.checked_sub(1).map(|at| (at, &source.tokens[at]));
        match segment {
            Some((at, token)) if token.kind == Kind::Ident => {
                let text = source.at(at);
                // An associated constant, or a variant.
                if text.starts_with(char::is_uppercase) {
                    return None;
                }
                start = at;
                if text == "crate" && source.before(start, 1) == "$" {
                    start -= 1;
                }
            }
            Some((at, _)) if source.at(at) == ">" => return None,
            _ => break,
        }
    }
    let parent = source.tokens[index].parent;
    if parent.is_some_and(|open| place::is_enum(source, open)) {
        return None;
    }
    may_change_in_macro(source, start, index).then_some(start..index + 1)
}

/// Whether the tokens on both sides of the name at `index` leave it an expression. It is none
/// before `!`, `::`, `=>` or `:`, behind a keyword that declares, or behind the dot of a field.
fn may_be_expression(source: &Source<'_>, index: usize) -> bool {
    let next = source.at(index + 1);
    let joint = |text| source.is_joint(index + 1, text);
    if next == "!" && !joint("!=")
        || joint("::")
        || joint("=>")
        || next == ":"
        || next == "as" && source.at(index + 2) == "_"
        || place::in_attribute(source, index)
        || place::in_matcher(source, index)
    {
        return false;
    }
    match source.before(index, 1) {
        // `&raw const X`
        "const" => source.before(index, 2) == "raw",
        "$" | "fn" | "mod" | "struct" | "enum" | "union" | "trait" | "type" | "let"
        | "macro_rules" | "static" | "ref" => false,
        "mut" => source.before(index, 2) != "static",
        // A field or a method; `..X` is the end of a range.
        "." => source.before(index, 2) == ".",
        _ => true,
    }
}

/// Whether the path from `start` to the name at `index` may be changed, should it stand in a call
/// of a macro. A macro that is not known may take an argument that is nothing but a name for an
/// identifier.
fn may_change_in_macro(source: &Source<'_>, start: usize, index: usize) -> bool {
    let Some(call) = source.tokens[index].parent.and_then(|open| {
        let is_call = place::block(source, open) == Block::Macro;
        source.macro_call(open).filter(|_| is_call)
    }) else {
        return true;
    };
    let alone = ["(", "[", "{", ","].contains(&source.before(start, 1))
        && [")", "]", "}", ","].contains(&source.at(index + 1));
    let name = last(&call);
    !TEXT_MACROS.contains(&name) && (!alone || EXPRESSION_MACROS.contains(&name))
}
