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

use tls_slots_manifest::{Description, Mismatch};

use crate::keys::abi::{Image, Key, Text};
use crate::keys::counters::Counted;
use crate::keys::quiescence::Runtime;
use crate::sync::AtomicUsize;

/// An image that the registry has accepted.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedImage {
    /// The first key of its section: what identifies the image.
    pub start: *const Key,
    /// One past the last key.
    pub end: *const Key,
    /// Where the image keeps the offset of its row of counters (`tls_keys::abi::Image::row`).
    ///
    /// At most one observer writes there, before other code of the image runs and when the image
    /// goes. What it writes is a multiple of a row's size, and less than the size of a block
    /// (`tls_keys::counters`): the image's code adds it to a pointer unchecked.
    pub row: *const AtomicUsize,
}

impl AcceptedImage {
    /// What an observer is told of an image.
    pub(crate) fn of(image: &Image) -> Self {
        Self {
            start: image.keys_start,
            end: image.keys_end,
            row: image.row,
        }
    }
}

/// The value that an ending thread has of the key with a definition's index, if it has one.
pub type ValueOf<'a> = dyn Fn(usize) -> Option<*mut u8> + 'a;

/// What a loader is told. Each field is a function that must not unwind, except for
/// [`quiescent_state`](Self::quiescent_state). The contract of an `unsafe` field is what the
/// registry promises when it calls the function.
pub struct Observer {
    /// A module was accepted. Called by the module's constructor, after its keys are resolved and
    /// before other code of it runs; and by [`observe`](crate::loader::observe) for modules that
    /// came before. It may be called twice for one image.
    ///
    /// # Safety
    ///
    /// The image is loaded, and `row` is what it has presented.
    pub image_came: unsafe fn(AcceptedImage),
    /// The destructor of a module's image runs. The module's keys still resolve. Destructors of its
    /// values may run on the calling thread.
    ///
    /// # Safety
    ///
    /// No other code of the image runs any more.
    pub image_leaves: unsafe fn(AcceptedImage),
    /// The registry does not know the image any more.
    ///
    /// # Safety
    ///
    /// The image is still mapped, and no code of it runs any more.
    pub image_left: unsafe fn(AcceptedImage),
    /// The calling thread ends. Its thread-locals are gone, its values of keys are not.
    pub thread_ends: fn(),
    /// The calling thread's values are about to be freed. Called under the lock of the list of
    /// threads.
    ///
    /// # Safety
    ///
    /// What the function gives for an index is a live value of that definition's key.
    pub thread_ended: unsafe fn(&ValueOf<'_>),
    /// A module counts on a thread that has ended (`tls_keys::counters`): the key of the blocks,
    /// the row's offset, what, and whether it has ended.
    ///
    /// # Safety
    ///
    /// The key's image is loaded.
    pub count: unsafe fn(&Key, usize, Counted, bool),
    /// A module's [`Hold`](tls_keys::Hold) begins or ends: image, name, and whether it begins.
    ///
    /// # Safety
    ///
    /// The image is loaded, and the name is a text of its own.
    pub hold: unsafe fn(*const Key, Text, bool),
    /// The calling thread is in a quiescent state: any code may run in this call.
    ///
    /// # Safety
    ///
    /// No code of a module that is being unloaded is running on this thread.
    pub quiescent_state: unsafe fn(),
    /// The host's copy of a runtime presents itself.
    pub add_runtime: fn(&Arc<dyn Runtime>),
    /// Compares the host with an image: what memory tells of both, and the path that the image was
    /// opened by. Called by the image's constructor.
    pub compare: fn(&'static Description, Description, Option<String>) -> Result<(), Mismatch>,
    /// The next observer of the list.
    pub next: Next,
}

/// The link from one observer to the next. Only this file sets it.
pub struct Next(OnceLock<&'static Observer>);

impl Next {
    /// For an observer that is not on the list.
    pub const fn none() -> Self {
        Self(OnceLock::new())
    }
}

/// The first of the list. An observer is never removed.
static FIRST: Next = Next::none();

/// All observers, in the order in which they were added. Takes no lock.
pub(crate) fn all() -> impl Iterator<Item = &'static Observer> {
    successors(FIRST.0.get().copied(), |observer| {
        observer.next.0.get().copied()
    })
}

/// Adds an observer at the end of the list. False if it is on the list already.
pub(crate) fn add(observer: &'static Observer) -> bool {
    let mut place = &FIRST;
    loop {
        match place.0.set(observer) {
            Ok(()) => return true,
            // Another one stands there.
            Err(_) => match place.0.get() {
                Some(there) if std::ptr::eq(*there, observer) => return false,
                Some(there) => place = &there.next,
                None => unreachable!("it was set, and is never taken out"),
            },
        }
    }
}
