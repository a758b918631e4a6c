//! What the library's root file gets.
//!
//! | edit | why |
//! | --- | --- |
//! | `pub mod external_tls;` | the file that all edits call |
//! | `deny` becomes `warn`, and all warnings are allowed | see below |
//! | `extern crate tls_keys;` | Rust 2015 does not know of dependencies by itself |
//!
//! cargo caps the lints of a registry's crate, so that `#![deny(warnings)]` does not break it under
//! a newer compiler. A crate that is patched in by its path has no such protection. `forbid` stays:
//! what the edits bring in passes `forbid(unsafe_code)`, as it comes from macros of another crate.

use super::edit::Edit;
use super::tokens::{Kind, Source};

/// The lints that a fork's warnings would be. The second is an error by default in newer compilers.
const ALLOWED: &str = "\n#![allow(warnings, dangerous_implicit_autorefs)]\n";

/// What stands at the root's end.
const MODULE: &str = "
#[allow(unused_extern_crates)]
extern crate tls_keys;

#[doc(hidden)]
pub mod external_tls;
";

/// The edits of the root file of a library.
pub(crate) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut end = source.tokens.first().map_or(0, |token| token.range.start);
    let mut at = 0;
    while let Some(last) = end_of_inner_attribute(source, at) {
        for index in at..last {
            if source.is_ident(index, "deny") && source.at(index + 1) == "(" {
                edits.push(Edit::replace(source.tokens[index].range.clone(), "warn"));
            }
        }
        end = source.tokens[last].range.end;
        at = last + 1;
    }
    edits.push(Edit::insert(end, ALLOWED));
    edits.push(Edit::insert(source.text.len(), MODULE));
    edits
}

/// The last token of the inner attribute or inner doc comment that begins at `at`.
fn end_of_inner_attribute(source: &Source<'_>, at: usize) -> Option<usize> {
    let token = source.tokens.get(at)?;
    let is_inner = |text: &str| text.starts_with("//!") || text.starts_with("/*!");
    if token.kind == Kind::Doc {
        return is_inner(source.at(at)).then_some(at);
    }
    let is_attribute = source.at(at) == "#" && source.at(at + 1) == "!" && source.at(at + 2) == "[";
    is_attribute.then(|| source.tokens[at + 2].pair)
}
