//! What a module keeps in the state of shared crates.
//!
//! The problem: a crate such as `tracing-core` has a shared static in which it keeps pointers to
//! statics of the modules that called it. Only the crate itself can find and clear them. So such
//! crates have *unload hooks*, and `tls-slots` has the list of them (`unload_hooks.rs`). They are
//! called here:
//!
//! | caller | what it wants of the hook |
//! | --- | --- |
//! | a report of what is alive | how much is left ([`left`]) |
//! | a thread in a quiescent state | do now what would be done later ([`quiescent`]) |
//! | the search for pointers (`pointers.rs`) | will this word be cleared when the module goes? |

use std::fmt;
use std::io;
use std::ops::Range;
use std::slice;

use tls_keys::on_unload::Span;
use tls_slots::loader;

use super::{by_rule, pointers, statics};

/// Something in shared state that refers to a module, see [`left_behind`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftBehind {
    /// What it is: a noun in the plural, with the crate that keeps the things; or a sentence about
    /// one value that points into the module, or about a crate.
    pub what: String,
    /// How many there are.
    pub count: usize,
    /// Whether the module must stay because of it. If not, it is taken out when the module is
    /// unloaded.
    pub refuses: bool,
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str(&self.what),
            count => write!(f, "{count} {}", self.what),
        }
    }
}

/// What shared state keeps of the image that contains `address`.
///
/// The list has what the image has registered with crates that have a recipe, the values of shared
/// keys that point into the image, and the crates without a recipe that may keep something of it.
///
/// This is for hosts that load modules by other means than [`Module`](crate::Module), which asks by
/// itself. If the list is empty, shared state is no reason against unloading the image. There may
/// be other reasons, such as tasks and threads of the image.
///
/// # Errors
///
/// The system does not tell which image the address is in, or a value cannot be read. Then nothing
/// is known.
///
/// # Safety
///
/// The image must stay loaded until this returns.
///
/// # Examples
///
/// ```no_run
/// # fn example(entry: fn()) -> std::io::Result<()> {
/// // SAFETY: nobody unloads the module of `entry` before this returns.
/// for left in unsafe { tls_slots_load::left_behind(entry as *const u8)? } {
///     println!("{left}");
/// }
/// # Ok(())
/// # }
/// ```
pub unsafe fn left_behind(address: *const u8) -> io::Result<Vec<LeftBehind>> {
    let memory = loader::memory::of(address)
        .ok_or(io::ErrorKind::Unsupported)?
        .all;
    // SAFETY: the caller promises that the image stays loaded.
    let registered = unsafe { left(&memory) };
    let pointers = pointers(&memory, slice::from_ref(&memory))?.into_iter();
    // SAFETY: the caller promises that the image stays loaded.
    let may_keep = unsafe { by_rule::may_keep(&memory) };
    let sentences = pointers.chain(may_keep.iter().map(ToString::to_string));
    let one = |what| LeftBehind {
        what,
        count: 1,
        refuses: true,
    };
    Ok(registered.into_iter().chain(sentences.map(one)).collect())
}

/// The shared values, and the statics of other modules, that point into the image in this range: a
/// sentence each. Modules that lie in `along` go too, so theirs are left out.
///
/// # Errors
///
/// They cannot be looked through. Then nothing is known.
pub(crate) fn pointers(memory: &Range<usize>, along: &[Range<usize>]) -> io::Result<Vec<String>> {
    let of_keys = pointers::pointers_into(memory)?;
    let of_modules = statics::statics_into(memory, along)?;
    let sentences = of_keys.iter().map(ToString::to_string);
    Ok(sentences
        .chain(of_modules.iter().map(ToString::to_string))
        .collect())
}

/// What the module in this range has registered with shared crates, by kind. A kind of which there
/// is nothing is left out.
///
/// This runs code of the host's shared crates, which take their own locks. So the caller must hold
/// no lock.
///
/// # Safety
///
/// The module must stay loaded until this returns.
pub(crate) unsafe fn left(memory: &Range<usize>) -> Vec<LeftBehind> {
    let span = Span::new(memory.start, memory.end);
    let left = loader::unload_hooks(memory)
        .into_iter()
        .map(|hook| LeftBehind {
            what: hook.what.to_owned(),
            // The image is loaded, by the caller's promise.
            count: (hook.count)(span),
            refuses: hook.refuses,
        });
    left.filter(|left| left.count != 0).collect()
}

/// Has shared crates do now what they have deferred, as that may be code of the module in this
/// range.
///
/// Any code may run, so the caller must hold no lock.
pub(crate) fn quiescent(memory: &Range<usize>) {
    for hook in loader::unload_hooks(memory) {
        (hook.quiescent)();
    }
}
