//! The edits that carry the decisions out, and what the report says of each.
//!
//! One walk over the library, in this order:
//!
//! 1. every declaration is decided about, by itself ([`decide`](super::decide));
//! 2. every use is found ([`uses`]), and what constants refer to is taken back
//!    ([`constants`]);
//! 3. the declarations are wrapped, which may still fail for one;
//! 4. the uses are changed whose statics are all wrapped, in the same way;
//! 5. the report is written, from the decisions as they are now;
//! 6. the types of thread-locals are renamed, if a thread-local is shared.
//!
//! The order matters: a use must not be changed before it is certain that its static is. A place
//! that reaches through `__tls_slots_get!` for a static that stayed as it was would not compile.

use std::collections::BTreeSet;

use super::constants;
use super::decide::{Decision, Get, decide};
use super::local_key;
use super::macros::Macros;
use super::names::Names;
use super::report::{Sharing, State};
use super::root_path::root_path;
use super::use_edit;
use super::uses::{self, Use};
use crate::source::edit::{self, Edit};
use crate::source::library::{File, Library};
use crate::source::statics::Found;

/// What is to be done with a library, and what is to be said about it.
pub(super) struct Work {
    /// The edits of each file, in the order of the library's files.
    pub(super) edits: Vec<Vec<Edit>>,
    /// What becomes of each declaration.
    pub(super) states: Vec<State>,
}

/// Decides about every static and thread-local of a library, and makes the edits.
pub(super) fn of(library: &Library<'_>) -> Work {
    let statics = library.statics();
    let macros = Macros::read(library);
    let names = Names::read(library, &statics);
    let mut decisions: Vec<Decision> = statics
        .iter()
        .map(|(file, found)| decide(library, &macros, &library.files[*file], found))
        .collect();
    let uses = uses::find(library, &names);
    constants::refuse(library, &statics, &uses, &mut decisions);

    let mut edits = declarations(library, &statics, &mut decisions);
    for one in &uses {
        if let Some(get) = common_get(one, &decisions) {
            let source = &library.files[one.file].source;
            edits[one.file].push(use_edit::of(source, one, get));
        }
    }
    let states: Vec<State> = statics
        .iter()
        .zip(&decisions)
        .filter_map(|((file, found), decision)| state(&library.files[*file], found, decision))
        .collect();
    let is_thread_local =
        |one: &State| one.sharing == Sharing::Shared && one.what.contains("thread_local!");
    if states.iter().any(is_thread_local) {
        local_key::rename(library, &mut edits);
    }
    Work { edits, states }
}

/// The edits of the declarations: a list for each file.
///
/// A static whose declaration has no `;` cannot be wrapped. Its decision becomes
/// [`Decision::NotShared`], so that its uses stay as they are and the report says why.
fn declarations(
    library: &Library<'_>,
    statics: &[(usize, Found)],
    decisions: &mut [Decision],
) -> Vec<Vec<Edit>> {
    let mut edits: Vec<Vec<Edit>> = library.files.iter().map(|_| Vec::new()).collect();
    // One call may hold several declarations, and is changed once.
    let mut calls = BTreeSet::new();
    for ((file, found), decision) in statics.iter().zip(decisions) {
        let source = &library.files[*file].source;
        match decision {
            Decision::Share(get, _) => {
                let root = root_path(source, found.index);
                let call = match get {
                    Get::Value => format!("{root}::external_tls::process_local!"),
                    Get::Cell => format!("{root}::__tls_slots_static_mut!"),
                };
                match edit::wrap_static(source, found.index, &call) {
                    Some(pair) => edits[*file].extend(pair),
                    None => {
                        let reason = "its declaration has no `;` at its end";
                        *decision = Decision::NotShared(reason.to_owned());
                    }
                }
            }
            Decision::ShareCall(open, name) => {
                if calls.insert((*file, *open))
                    && let Some(path) = source.macro_path(*open)
                {
                    let text = format!("{}::{name}", root_path(source, *open));
                    edits[*file].push(Edit::replace(source.bytes(&path), text));
                }
            }
            _ => {}
        }
    }
    edits
}

/// How a use reaches its static.
///
/// A name may mean one of several statics, one for each `cfg` for example. The edit is the same
/// text for all, so all of them must be shared, and in the same way; else the use stays as it is.
fn common_get(one: &Use, decisions: &[Decision]) -> Option<Get> {
    let mut gets = one.means.iter().map(|id| match &decisions[*id] {
        Decision::Share(get, _) => Some(*get),
        _ => None,
    });
    let first = gets.next()??;
    gets.all(|get| get == Some(first)).then_some(first)
}

/// The line of the report about a declaration, such as `static A of counter!`.
///
/// A macro's pattern declares nothing, so it has none.
fn state(file: &File<'_>, found: &Found, decision: &Decision) -> Option<State> {
    let (sharing, reason) = match decision {
        Decision::Share(_, note) => (Sharing::Shared, note.clone()),
        Decision::ShareCall(..) => (Sharing::Shared, String::new()),
        Decision::Through(name) => (Sharing::Shared, format!("through `{name}!`")),
        Decision::NotShared(reason) => (Sharing::NotShared, reason.clone()),
        Decision::Stays(reason) => (Sharing::Stays, reason.clone()),
        Decision::Pattern => return None,
    };
    let mut what = found.spelling();
    if let Some(path) = &found.thread_local {
        what += &format!(" in {path}!");
    }
    if let Some(name) = &found.definition {
        what += &format!(" of {name}!");
    }
    Some(State {
        sharing,
        file: file.path.to_owned(),
        line: file.source.line_of(found.index),
        what,
        reason,
    })
}
