//! How generated code names the crate's root.

use crate::source::tokens::Source;

/// The path of the crate's root at the token `index`: inside of a macro's definition, which may
/// expand in another crate, `$crate`.
pub(super) fn root_path(source: &Source<'_>, index: usize) -> &'static str {
    let in_definition = source
        .ancestors(index)
        .any(|open| source.macro_definition(open).is_some());
    match in_definition {
        true => "$crate",
        false => "crate",
    }
}
