//! What a module keeps in the state of shared crates.
//!
//! The problem: a crate such as `tracing-core` keeps, in a shared static, pointers to statics of the
//! module that called it. `tls-slots` has the list of hooks by which such crates can be asked
//! (`unload_hooks.rs` there). Here the hooks are asked:
//!
//! | who | asks |
//! | --- | --- |
//! | a report of what is alive | how much there is ([`left`]) |
//! | a thread in a quiescent state | to do what would be done later ([`quiescent`]) |
//! | the search for pointers (`pointers.rs`) | whether a word will be cleared when the module goes |

use std::fmt;
use std::io;
use std::ops::Range;

use tls_keys::on_unload::Span;
use tls_slots::loader;

use super::pointers;

/// Something in shared state that refers to a module, see [`left_behind`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftBehind {
    /// A noun in the plural with the crate that keeps the things, or a sentence about the one value
    /// that points into the module.
    pub what: String,
    /// How many there are.
    pub count: usize,
    /// Whether the module must stay because of these. If not, they are taken out when the module is
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

/// What shared state keeps of the image that contains `address`: what the image has registered with
/// crates that have a recipe, and values of shared keys that point into it.
///
/// For hosts that load modules by other means than [`Module`](crate::Module), which looks for itself.
/// If the list is empty, nothing of this kind stands against unloading the image. There are other
/// kinds, such as the image's tasks and threads.
///
/// # Errors
///
/// The system does not tell which image an address is in, or a value cannot be read. Then nothing is
/// known.
///
/// # Safety
///
/// The image must stay loaded until this returns.
///
/// # Examples
///
/// ```no_run
/// # fn example(entry: fn()) -> std::io::Result<()> {
/// // SAFETY: the module of `entry` is unloaded further below, if at all.
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
    // SAFETY: the caller's promise.
    let registered = unsafe { left(&memory) };
    let pointers = pointers::pointers_into(&memory)?;
    let pointers = pointers.into_iter().map(|pointer| LeftBehind {
        what: pointer.to_string(),
        count: 1,
        refuses: true,
    });
    Ok(registered.into_iter().chain(pointers).collect())
}

/// What the module in this range has registered with shared crates. Kinds of which there is nothing are
/// left out.
///
/// Runs code of the host's shared crates, which take their own locks. The caller holds no lock.
///
/// # Safety
///
/// The module must stay loaded until this returns.
pub(crate) unsafe fn left(memory: &Range<usize>) -> Vec<LeftBehind> {
    let span = Span::new(memory.start, memory.end);
    let left = loader::unload_hooks(memory).into_iter().map(|hook| LeftBehind {
        what: hook.what.to_owned(),
        // The image is loaded, by the caller's promise.
        count: (hook.count)(span),
        refuses: hook.refuses,
    });
    left.filter(|left| left.count != 0).collect()
}

/// Has shared crates do now what they would do later, where that may be code of the module in this
/// range.
///
/// Any code may run: the caller holds no lock.
pub(crate) fn quiescent(memory: &Range<usize>) {
    for hook in loader::unload_hooks(memory) {
        (hook.quiescent)();
    }
}
