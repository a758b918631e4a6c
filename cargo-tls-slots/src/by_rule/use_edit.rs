//! What becomes of a place that names a shared static.
//!
//! | upstream | fork | means |
//! | --- | --- | --- |
//! | `NAME` | `__tls_slots_get!(NAME)` | the value, a place of lifetime `'static` |
//! | `NAME`, a `static mut` | `__tls_slots_get_mut!(NAME)` | likewise, in the same `unsafe` block |
//! | `addr_of_mut!(NAME)`, `&raw mut NAME` | `__tls_slots_pointer!(NAME)` | the address |
//!
//! The macros are defined in `external_tls.rs.in`.

use std::ops::Range;

use super::decide::Get;
use super::root_path::root_path;
use super::uses::Use;
use crate::source::edit::Edit;
use crate::source::tokens::Source;

/// The edit of one use of a static that is reached by `get`.
pub(super) fn of(source: &Source<'_>, one: &Use, get: Get) -> Edit {
    let root = root_path(source, one.index);
    let bytes = source.bytes(&one.path);
    let path = &source.text[bytes.clone()];
    if get == Get::Value {
        return Edit::replace(bytes, format!("{root}::__tls_slots_get!({path})"));
    }
    match address(source, &one.path) {
        Some((whole, suffix)) => Edit::replace(
            source.bytes(&whole),
            format!("({root}::__tls_slots_pointer!({path}){suffix})"),
        ),
        None => Edit::replace(bytes, format!("{root}::__tls_slots_get_mut!({path})")),
    }
}

/// The tokens that take the address of the static at `path`, and what makes our pointer one of
/// their type. `None` if its address is not taken.
///
/// Such an expression needs no `unsafe` for a static, but would need it for what a pointer points
/// to.
fn address(source: &Source<'_>, path: &Range<usize>) -> Option<(Range<usize>, &'static str)> {
    let Range { start, end } = *path;
    let alone = source.before(start, 1) == "(" && source.at(end) == ")";
    if alone && let Some(call) = source.macro_path(start - 1) {
        let whole = call.start..end + 1;
        match source.at(call.end - 1) {
            "addr_of_mut" => return Some((whole, "")),
            "addr_of" => return Some((whole, ".cast_const()")),
            _ => {}
        }
    }
    // `&raw const NAME`
    let raw = start >= 3 && source.is_ident(start - 2, "raw") && source.at(start - 3) == "&";
    if !raw || [".", "["].contains(&source.at(end)) {
        return None;
    }
    let suffix = match source.before(start, 1) {
        "const" => ".cast_const()",
        _ => "",
    };
    Some((start - 3..end, suffix))
}
