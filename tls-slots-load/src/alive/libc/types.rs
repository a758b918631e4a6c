//! How an image is known to this folder, and what is reported of threads.

use std::ops::Range;

/// Where an image lies, from its lowest to its highest address. This identifies the image here.
///
/// Invariant: libc reserves the whole range for the image, so no other image's code is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// Whether an address is in the image.
    #[allow(dead_code)] // where nothing is taken over
    pub(super) fn contains(self, address: usize) -> bool {
        self.start <= address && address < self.end
    }
}

impl From<&Range<usize>> for Span {
    fn from(range: &Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// A thread that has to run destructors of a module: of thread-locals, or of values of pthread
/// keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadDestructors {
    /// The system's number of the thread. `None` if the system does not tell.
    pub tid: Option<u32>,
    /// Its name, as the system has it.
    pub name: Option<String>,
    /// How many destructors it has to run, with the one that is running.
    pub count: usize,
    /// Whether it is the calling thread.
    pub is_current: bool,
}

/// A thread that runs, or is about to run, a function that a module gave to libc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadInfo {
    /// The system's number of the thread. `None` before the thread runs, and if the thread is
    /// ending and in a destructor of a pthread key.
    pub tid: Option<u32>,
    /// Its name, as the system has it.
    pub name: Option<String>,
    /// Whether it is the calling thread.
    pub is_current: bool,
}
