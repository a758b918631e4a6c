//! What is told of an image and of threads.

use std::ops::Range;

/// Where an image lies, from its lowest to its highest address: what identifies it here.
///
/// Invariant: the C library reserves the whole range for the image, so no other image's code is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    #[allow(dead_code)] // not where nothing is taken over
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

/// A thread that has destructors of a module to run: of thread-locals, and of values of pthread keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadDestructors {
    /// The system's number of the thread; `None` where it does not tell.
    pub tid: Option<u32>,
    /// Its name, as the system has it.
    pub name: Option<String>,
    /// How many destructors, with the one that is running.
    pub count: usize,
    /// Whether it is the calling thread.
    pub is_current: bool,
}

/// A thread that runs, or is about to run, a function that a module gave to libc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadInfo {
    /// The system's number of the thread; `None` before it runs, and for a thread that is ending, in a
    /// destructor of a pthread key.
    pub tid: Option<u32>,
    /// Its name, as the system has it.
    pub name: Option<String>,
    /// Whether it is the calling thread.
    pub is_current: bool,
}
