//! What happens to each static and thread-local.
//!
//! The first row that holds decides:
//!
//! | the declaration | decision |
//! | --- | --- |
//! | is a macro's pattern | nothing: it declares nothing |
//! | is compiled for tests only | stays |
//! | is in a macro that only other crates call | stays: it is theirs |
//! | is in a call of a macro of the crate that makes thread-locals | through that macro |
//! | is in `thread_local!` or `lazy_static!` | the call becomes one of our macro |
//! | is a `static ref` elsewhere | cannot be shared: nobody knows what makes it |
//! | is an argument of a macro that may not take a call | cannot be shared |
//! | is known to the linker, or is a `#[thread_local]` | cannot be shared |
//! | has no value | stays: it is defined elsewhere |
//! | is a `static mut` | shared, in a cell |
//! | has a type that is known to be immutable | stays |
//! | has a type that is known to change | shared |
//! | has another type, and is `pub` or named by a macro | cannot be shared |
//! | has another type | shared, with a note |
//!
//! The decision is made on the declaration alone: where it stands, which attributes it has, and
//! what its type is. [`constants`](super::constants) then takes back what constants refer to.

use super::macros::{Macros, last};
use crate::source::library::{File, Library, type_of};
use crate::source::place::{self, Block};
use crate::source::statics::{Form, Found};
use crate::source::tokens::{Kind, Source};

/// How a shared static is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Get {
    /// The key dereferences to the value.
    Value,
    /// The key dereferences to a cell, which holds what was a `static mut`.
    Cell,
}

/// What happens to a declaration.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    /// It is wrapped, and uses of it are changed. The text is a note for the report.
    Share(Get, String),
    /// The macro call whose arguments this token opens becomes a call of that macro of ours.
    ShareCall(usize, &'static str),
    /// A macro of the crate makes it, and that macro is changed itself.
    Through(String),
    /// It is state, or may be, and cannot be shared; the reason for the report.
    NotShared(String),
    /// It is no state of the crate; the reason for the report.
    Stays(String),
    /// It is the pattern of a macro, and declares nothing.
    Pattern,
}

/// Attributes by which the linker, or code in another language, knows a static by its name.
const LINKER_ATTRIBUTES: [&str; 5] = [
    "no_mangle",
    "export_name",
    "link_section",
    "used",
    "linkage",
];

/// Decides about one declaration, in the order of the table at the head of this file.
pub(super) fn decide<'a>(
    library: &Library<'a>,
    macros: &Macros<'a>,
    file: &'a File<'a>,
    found: &Found,
) -> Decision {
    let source = &file.source;
    if place::in_matcher(source, found.index) {
        return Decision::Pattern;
    }
    if library.is_test_only(file, found.index) {
        return Decision::Stays("for tests only".to_owned());
    }
    let definition = found.definition.as_ref();
    if definition.is_some_and(|name| macros.at(name).is_some_and(|one| one.is_for_others())) {
        let reason = "expands in the crates that call the macro, and is theirs";
        return Decision::Stays(reason.to_owned());
    }
    if let Some(path) = &found.thread_local {
        return decide_call(macros, source, found, path);
    }
    if found.form == Form::Lazy {
        return Decision::NotShared("is declared by a macro that is not known".to_owned());
    }
    match obstacle(macros, source, found) {
        Some(reason) => Decision::NotShared(reason),
        None => decide_by_type(library, source, found),
    }
}

/// Decides about what stands in a thread-local macro or in `lazy_static!`, whose path is `path`.
fn decide_call(macros: &Macros<'_>, source: &Source<'_>, found: &Found, path: &str) -> Decision {
    let name = last(path);
    // A seam of the crate's own: what it expands to is a declaration, too.
    match macros.at(name) {
        Some(one) if one.is_for_others() => {
            return Decision::NotShared(format!("`{name}!` is a macro for other crates"));
        }
        Some(_) => return Decision::Through(name.to_owned()),
        None => {}
    }
    let is_call = |open: &usize| {
        source.tokens[*open].kind == Kind::Open && source.macro_call(*open).as_deref() == Some(path)
    };
    let open = std::iter::once(found.index)
        .chain(source.ancestors(found.index))
        .find(is_call);
    match (name, open) {
        ("thread_local", Some(open)) => Decision::ShareCall(open, "external_tls::thread_local"),
        ("lazy_static", Some(open)) => Decision::ShareCall(open, "__tls_slots_lazy_static"),
        _ => Decision::NotShared(format!(
            "is declared by `{path}!`, a macro of another crate"
        )),
    }
}

/// Why a static cannot be wrapped where it stands, whatever its type is. The reason is the end of a
/// sentence about the static, as the report has it.
fn obstacle(macros: &Macros<'_>, source: &Source<'_>, found: &Found) -> Option<String> {
    // Another macro's argument: is it handed on as it is?
    let around = source
        .ancestors(found.index)
        .find(|open| place::block(source, *open) == Block::Macro)
        .and_then(|open| source.macro_call(open));
    if let Some(path) = around {
        // By convention, macros of these names put a `#[cfg]` before each item.
        let known = ["cfg_", "if_"]
            .iter()
            .any(|start| last(&path).starts_with(start));
        if !known && !macros.at(&path).is_some_and(|one| one.takes_items) {
            return Some(format!(
                "stands in a call of `{path}!`, which may not take what would be written in its place"
            ));
        }
    }
    let mut attributes = place::start_of_item(source, found.index)..found.index;
    for name in LINKER_ATTRIBUTES {
        if attributes.clone().any(|at| source.is_ident(at, name)) {
            return Some(format!("is known to the linker by `{name}`"));
        }
    }
    attributes
        .any(|at| source.is_ident(at, "thread_local") && place::in_attribute(source, at))
        .then(|| "is a `#[thread_local]`, which no key can replace".to_owned())
}

/// Decides about a static that could be wrapped, by what is known of its type.
fn decide_by_type<'a>(library: &Library<'a>, source: &'a Source<'a>, found: &Found) -> Decision {
    let Some(ty) = type_of(source, found) else {
        let reason = "is defined elsewhere: an `extern` block declares it";
        return Decision::Stays(reason.to_owned());
    };
    if found.form == Form::Mut {
        return Decision::Share(Get::Cell, String::new());
    }
    if library.is_immutable(source, ty.clone()) {
        return Decision::Stays("immutable".to_owned());
    }
    if library.is_mutable(source, ty) {
        return Decision::Share(Get::Value, String::new());
    }
    // Sharing it would be in vain if it is immutable, and other code may count on that.
    let unknown = "the type is not known to be immutable, and";
    if found.name.starts_with('$') {
        return Decision::NotShared(format!(
            "{unknown} the name is a macro's parameter, so its uses cannot be found"
        ));
    }
    if source.is_ident(found.index.wrapping_sub(1), "pub") {
        return Decision::NotShared(format!("{unknown} other crates can name it in constants"));
    }
    Decision::Share(Get::Value, "type not known to be immutable".to_owned())
}
