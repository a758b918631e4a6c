//! Who is told of images and threads: a loader above this crate.
//!
//! The problem: a loader that unloads modules must know more than this crate does: when an image
//! comes and goes, and what modules count. But this crate must not know the loader. So a loader
//! gives a table of plain functions, an [`Observer`], and this crate calls all tables on its list.
//!
//! Without an observer, the calls that modules make for a loader's sake (`count`, `hold`, …) do
//! nothing.

use std::iter::successors;
use std::sync::{Arc, OnceLock};

use crate::keys::abi::{Image, Key, Text};
use crate::keys::counters::Counted;
use crate::keys::quiescence::Runtime;
use crate::sync::AtomicUsize;

/// An image that the registry has accepted.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedImage {
    /// The first key of its section: what identifies the image.
    pub start: *const Key,
    /// Where the image keeps the offset of its row of counters (`tls_keys::abi::Image::row`).
    pub row: *const AtomicUsize,
}

impl AcceptedImage {
    /// What an observer is told of an image.
    pub(crate) fn of(image: &Image) -> Self {
        Self {
            start: image.keys_start,
            row: image.row,
        }
    }
}

/// The value that an ending thread has of the key with a definition's index, if it has one.
pub type ValueOf<'a> = dyn Fn(usize) -> Option<*mut u8> + 'a;

/// What a loader is told. Each field is a function that must not unwind, except for
/// [`quiescent_state`](Self::quiescent_state).
///
/// # Safety
///
/// The addresses in the arguments are valid during the call.
pub struct Observer {
    /// A module was accepted. Called by its constructor, after its keys are resolved and before
    /// other code of it runs; and by [`observe`](crate::loader::observe) for modules that came
    /// before. May be called twice for one image.
    pub image_came: fn(AcceptedImage),
    /// The destructor of a module's image runs. Its keys still resolve; destructors of its values
    /// may run on the calling thread. No other code of it runs any more.
    pub image_leaves: unsafe fn(AcceptedImage),
    /// The registry does not know the image any more. It is still mapped.
    pub image_left: unsafe fn(AcceptedImage),
    /// The calling thread ends. Its thread-locals are gone, its values of keys are not.
    pub thread_ends: fn(),
    /// The calling thread's values are about to be freed. Called under the lock of the list of
    /// threads.
    pub thread_ended: fn(&ValueOf<'_>),
    /// A module counts on a thread that has ended (`tls_keys::counters`): row offset, what, whether
    /// it has ended.
    pub count: fn(usize, Counted, bool),
    /// A module's [`Hold`](tls_keys::Hold) begins or ends: image, name, whether it begins.
    pub hold: unsafe fn(*const Key, Text, bool),
    /// The calling thread is in a quiescent state: any code may run in this call.
    pub quiescent_state: unsafe fn(),
    /// The host's copy of a runtime presents itself.
    pub add_runtime: fn(&Arc<dyn Runtime>),
    /// The next one of the list. A new observer has [`OnceLock::new`] here.
    pub next: OnceLock<&'static Self>,
}

/// The first of the list. An observer is never removed.
static FIRST: OnceLock<&'static Observer> = OnceLock::new();

/// All observers, in the order in which they were added. Takes no lock.
pub(crate) fn all() -> impl Iterator<Item = &'static Observer> {
    successors(FIRST.get().copied(), |observer| {
        observer.next.get().copied()
    })
}

/// Adds an observer at the end of the list, unless it is on it.
pub(crate) fn add(observer: &'static Observer) {
    let mut place = &FIRST;
    loop {
        match place.set(observer) {
            Ok(()) => return,
            // Somebody was first.
            Err(_) => match place.get() {
                Some(known) if std::ptr::eq(*known, observer) => return,
                Some(known) => place = &known.next,
                None => {}
            },
        }
    }
}
